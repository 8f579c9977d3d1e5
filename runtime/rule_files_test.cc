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

TEST_F(RuleFilesTest, LinksAreFollowedAndACircleEnds) {
  namespace fs = std::filesystem;
  fs::create_directory(folder_ / "top");
  fs::create_symlink("../a", folder_ / "top/link");
  fs::create_symlink("../b.rule", folder_ / "top/one.rule");
  fs::create_symlink("..", folder_ / "top/up");
  fs::create_symlink(".", folder_ / "a/self");
  EXPECT_THAT(Names({Path("top")}), ElementsAre("top/link/z.rule", "top/one.rule"));
  EXPECT_THAT(Names({folder_}), ElementsAre("a/z.rule", "b.rule"));
}

// As Kubernetes puts it: a new version is there for a moment before the old one is gone.
TEST_F(RuleFilesTest, HiddenLinksToFoldersAreLeftOut) {
  namespace fs = std::filesystem;
  fs::create_symlink("../a", folder_ / "a/..data");
  EXPECT_THAT(Names({Path("a")}), ElementsAre("a/z.rule"));
  fs::create_directory(folder_ / "map");
  fs::create_symlink("../a", folder_ / "map/..data");
  EXPECT_THAT(Names({Path("map")}), IsEmpty());
}

TEST_F(RuleFilesTest, ALinkThatLeadsNowhereIsAFaultThatNamesIt) {
  namespace fs = std::filesystem;
  for (const char* name : {"a/gone.rule", "a/team"}) {
    fs::create_symlink("/nowhere/x", Path(name));
    const auto files = RuleFiles({folder_}, TestFiles::kSkip);
    EXPECT_EQ(files.status().code(), absl::StatusCode::kNotFound) << name;
    EXPECT_THAT(std::string(files.status().message()),
                testing::HasSubstr(Path(name) + ", a link to /nowhere/x: No such file or directory"));
    fs::remove(Path(name));
  }
  fs::create_symlink("loop.rule", Path("loop.rule"));
  EXPECT_FALSE(RuleFiles({folder_}, TestFiles::kSkip).ok());
  fs::remove(Path("loop.rule"));
  fs::create_symlink("me@host.1:2", Path(".#b.rule"));  // an editor's lock
  EXPECT_THAT(Names({folder_}), ElementsAre("a/z.rule", "b.rule"));
}

TEST_F(RuleFilesTest, AMissingFileIsLeftToWhoeverReadsIt) {
  EXPECT_THAT(Names({Path("missing.rule")}), ElementsAre("missing.rule"));
}

}  // namespace
}  // namespace sluice
