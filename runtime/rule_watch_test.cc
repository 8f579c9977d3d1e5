#include "runtime/rule_watch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST(RuleWatch, ACopyOfManyFilesIsOneChangeAndOtherFilesAreNone) {
  char name[] = "/tmp/sluice-watch.XXXXXX";
  const fs::path folder = mkdtemp(name);
  fs::create_directories(folder / "rules/below");
  std::atomic<int> changes = 0;
  const auto wait_for = [&changes](int count) {
    for (int i = 0; i < 100 && changes < count; ++i) std::this_thread::sleep_for(50ms);
    return changes.load();
  };
  auto watch = RuleWatch::Open({folder / "rules", folder / "one.rule"}, [&changes] { ++changes; });
  ASSERT_TRUE(watch.ok());
  for (int i = 0; i < 20; ++i) std::ofstream(folder / "rules/below" / (std::to_string(i) + ".rule")) << "x";
  EXPECT_EQ(wait_for(1), 1);
  std::ofstream(folder / "notes.txt") << "x";
  std::ofstream(folder / "rules/.a.rule.swp") << "x";
  std::this_thread::sleep_for(900ms);
  EXPECT_EQ(changes, 1);
  fs::create_directory(folder / "rules/new");
  EXPECT_EQ(wait_for(2), 2);
  std::ofstream(folder / "rules/new/a.rule") << "x";  // a folder that came later is watched, too
  EXPECT_EQ(wait_for(3), 3);
  fs::rename(folder / "rules/new/a.rule", folder / "one.rule");  // as editors save
  EXPECT_EQ(wait_for(4), 4);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace sluice
