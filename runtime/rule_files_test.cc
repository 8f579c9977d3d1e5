#include "runtime/rule_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RuleFilesTest : public testing::Test {
 protected:
  RuleFilesTest() {
    char name[] = "/tmp/sluice-rule-files.XXXXXX";
    folder_ = mkdtemp(name);
    for (const char* file : {"b.rule", "a/z.rule", "a/z_test.rule", "a/notes.txt"}) {
      std::filesystem::create_directories((folder_ / file).parent_path());
      std::ofstream(folder_ / file) << "# nothing\n";
    }
  }
  ~RuleFilesTest() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> Names(const std::vector<std::string>& paths, TestFiles tests = TestFiles::kSkip) {
    source::Result<std::vector<std::string>> files = RuleFiles(paths, tests);
    EXPECT_TRUE(files.ok());
    if (!files.ok()) return {};
    for (std::string& file : *files) file = file.substr(folder_.string().size() + 1);
    return *files;
  }
  std::string Path(const std::string& name) { return folder_ / name; }

  std::filesystem::path folder_;
};

TEST_F(RuleFilesTest, AFolderIsItsRuleFilesInNameOrder) {
  EXPECT_THAT(Names({folder_}), ElementsAre("a/z.rule", "b.rule"));
  EXPECT_THAT(Names({folder_}, TestFiles::kTake), ElementsAre("a/z.rule", "a/z_test.rule", "b.rule"));
}

TEST_F(RuleFilesTest, AFileThatIsNamedIsTakenWhateverItsName) {
  EXPECT_THAT(Names({Path("a/z_test.rule"), Path("a/notes.txt")}),
              ElementsAre("a/z_test.rule", "a/notes.txt"));
}

TEST_F(RuleFilesTest, AFileIsTakenOnce) {
  EXPECT_THAT(Names({Path("b.rule"), folder_, Path("a/../b.rule")}), ElementsAre("b.rule", "a/z.rule"));
}

TEST_F(RuleFilesTest, AFolderWithoutRulesIsEmpty) {
  std::filesystem::create_directory(folder_ / "empty");
  EXPECT_THAT(Names({Path("empty")}), IsEmpty());
}

TEST_F(RuleFilesTest, AMissingFileIsLeftToWhoeverReadsIt) {
  EXPECT_THAT(Names({Path("missing.rule")}), ElementsAre("missing.rule"));
}

}  // namespace
}  // namespace sluice
