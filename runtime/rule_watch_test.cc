#include "runtime/rule_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

namespace sluice {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Each step is told once, and only once.
class RuleWatchTest : public ::testing::Test {
 protected:
  RuleWatchTest() {
    fs::create_directories(folder_ / "rules/below");
    fs::create_directories(folder_ / "other");
    Write("rules/a.rule");
  }
  ~RuleWatchTest() override {
    watch_.reset();
    fs::remove_all(folder_);
  }

  void Open(const std::vector<std::string>& paths) {
    std::vector<std::string> all;
    for (const std::string& path : paths) all.push_back(folder_ / path);
    auto watch = RuleWatch::Open(
        all, [this] { ++changes_; }, [this](const std::string& fault) { fault_ = fault, ++faults_; }, kTimes);
    ASSERT_TRUE(watch.ok()) << watch.status();
    watch_ = std::move(*watch);
  }
  void Write(const std::string& path) { std::ofstream(folder_ / path) << "x"; }
  void ExpectChange(const char* what) {
    for (int i = 0; i < 2000 && changes_ == 0; ++i) std::this_thread::sleep_for(5ms);
    std::this_thread::sleep_for(kSettle);
    EXPECT_EQ(changes_.exchange(0), 1) << what;
  }
  void ExpectNone(const char* what) {
    std::this_thread::sleep_for(kSettle);
    EXPECT_EQ(changes_.exchange(0), 0) << what;
  }

  static constexpr RuleWatch::Times kTimes{.quiet_ms = 200, .poll_ms = 10};
  static constexpr auto kSettle = 1ms * (kTimes.quiet_ms + 4 * kTimes.poll_ms);
  char name_[32] = "/tmp/sluice-watch.XXXXXX";
  const fs::path folder_ = mkdtemp(name_);
  std::atomic<int> changes_ = 0, faults_ = 0;
  std::string fault_;  // once faults_ says so
  std::unique_ptr<RuleWatch> watch_;
};

TEST_F(RuleWatchTest, ACopyOfManyFilesIsOneChangeAndOtherFilesAreNone) {
  Open({"rules", "one.rule"});
  for (int i = 0; i < 20; ++i) Write("rules/below/" + std::to_string(i) + ".rule");
  ExpectChange("a copy of many files");
  Write("notes.txt");
  Write("other.rule");
  Write("rules/.a.rule.swp");
  Write("rules/a_test.rule");
  ExpectNone("files that are no rule files");
  fs::create_directory(folder_ / "rules/new");
  ExpectChange("a new folder");
  Write("rules/new/a.rule");
  ExpectChange("a file in a new folder");
  fs::rename(folder_ / "rules/new/a.rule", folder_ / "one.rule");  // as editors save
  ExpectChange("a rename");
}

TEST_F(RuleWatchTest, AFileThatIsWrittenSlowlyIsOneChange) {
  Open({"rules"});
  const int file = open((folder_ / "rules/slow.rule").c_str(), O_CREAT | O_WRONLY, 0644);
  ASSERT_GE(file, 0);
  ASSERT_EQ(write(file, "x", 1), 1);
  ExpectNone("a file that is not written to its end");
  close(file);
  ExpectChange("its end");
}

TEST_F(RuleWatchTest, LinksAreCompleteAtOnce) {
  Write("other/b.rule");
  Open({"rules"});
  fs::create_symlink("../other/b.rule", folder_ / "rules/symlink.rule");
  ExpectChange("a symlink");
  fs::create_hard_link(folder_ / "other/b.rule", folder_ / "rules/below/link.rule");
  ExpectChange("a hard link");
  fs::remove(folder_ / "rules/symlink.rule");
  ExpectChange("a symlink removed");
  Write("other/b.rule");
  ExpectChange("a file written by another of its names");
}

TEST_F(RuleWatchTest, AFolderThatIsReplacedIsWatchedAgain) {
  Open({"rules"});
  fs::create_directory(folder_ / "new");
  Write("new/b.rule");
  ExpectNone("a folder elsewhere");
  fs::rename(folder_ / "rules", folder_ / "old");
  fs::rename(folder_ / "new", folder_ / "rules");
  ExpectChange("another folder in its place");
  Write("rules/c.rule");
  ExpectChange("a file in it");
  Write("old/a.rule");
  ExpectNone("a file in the one from before");
  fs::remove_all(folder_ / "rules");
  ExpectChange("the folder removed");
  fs::create_directory(folder_ / "rules");
  ExpectChange("and made again");
  Write("rules/d.rule");
  ExpectChange("a file in it");
}

TEST_F(RuleWatchTest, FoldersAboveCountToo) {
  fs::create_directories(folder_ / "etc/sluice/rules");
  Open({"etc/sluice/rules"});
  fs::rename(folder_ / "etc", folder_ / "etc.old");
  ExpectChange("a folder above renamed");
  fs::create_directories(folder_ / "etc/sluice/rules");
  ExpectChange("all made again");
  Write("etc/sluice/rules/a.rule");
  ExpectChange("a file in it");
}

TEST_F(RuleWatchTest, WhatIsNotThereYetIsWatchedFor) {
  Open({"later/deep/x.conf"});
  fs::create_directories(folder_ / "later/deep");
  ExpectChange("the folder");
  Write("later/deep/y.conf");
  ExpectNone("another file");
  Write("later/deep/x.conf");
  ExpectChange("the file");
}

TEST_F(RuleWatchTest, NamedFilesCountWhateverTheirEnding) {
  Write("other/c.conf");
  Open({"other/c.conf"});
  Write("other/c.conf");
  ExpectChange("a file that is named");
  Write("other/d.conf");
  Write("other/d.rule");
  ExpectNone("its neighbours");
}

TEST_F(RuleWatchTest, TargetsOfLinksCount) {
  Write("other/named.rule");
  Write("other/found.rule");
  fs::create_symlink("other/named.rule", folder_ / "named.rule");
  fs::create_symlink(folder_ / "other/found.rule", folder_ / "rules/found.rule");
  fs::create_symlink("missing.rule", folder_ / "rules/dangling.rule");
  fs::create_symlink("loop.rule", folder_ / "rules/loop.rule");
  Open({"named.rule", "rules"});
  Write("other/named.rule");
  ExpectChange("the target of a named link");
  Write("other/found.rule");
  ExpectChange("the target of a link in a folder");
  Write("rules/missing.rule");
  ExpectChange("a target that was missing");
  fs::create_symlink("rules/a.rule", folder_ / "new");
  fs::rename(folder_ / "new", folder_ / "named.rule");
  ExpectChange("a link that leads elsewhere");
  Write("rules/a.rule");
  ExpectChange("where it leads now");
}

TEST_F(RuleWatchTest, FoldersThatLinksLeadToCount) {
  fs::create_directories(folder_ / "other/deep");
  Open({"rules"});
  fs::create_symlink("../other", folder_ / "rules/link");
  ExpectChange("a link to a folder");
  Write("other/deep/x.rule");
  ExpectChange("a file below where it leads");
  fs::create_symlink("..", folder_ / "other/up");
  ExpectChange("a link in a circle");
  fs::rename(folder_ / "other", folder_ / "another");
  ExpectChange("it leads nowhere");
  fs::rename(folder_ / "another", folder_ / "other");
  ExpectChange("and there again");
  fs::remove(folder_ / "rules/link");
  ExpectChange("a link removed");
  Write("other/deep/x.rule");
  ExpectNone("a folder to which no link leads");
  fs::create_symlink("nowhere", folder_ / "rules/.#a.rule.tmp");
  ExpectNone("a hidden link");
}

// Kubernetes: x.rule -> ..data/x.rule, ..data -> ..1, and a rename puts another ..data in its place.
TEST_F(RuleWatchTest, AConfigMapIsReplacedInOneStep) {
  for (const char* version : {"..1", "..2"}) {
    fs::create_directories(folder_ / "map" / version);
    Write("map/" + std::string(version) + "/x.conf");
  }
  fs::create_symlink("..1", folder_ / "map/..data");
  fs::create_symlink("..data/x.conf", folder_ / "map/x.conf");
  Open({"map/x.conf"});
  fs::create_symlink("..2", folder_ / "map/..data_tmp");
  ExpectNone("what is only prepared");
  fs::rename(folder_ / "map/..data_tmp", folder_ / "map/..data");
  ExpectChange("the swap");
  Write("map/..2/x.conf");
  ExpectChange("a file of the new one");
  Write("map/..1/x.conf");
  ExpectNone("a file of the old one");
}

TEST_F(RuleWatchTest, RightsOfFilesAndFoldersCount) {
  Open({"rules"});
  chmod((folder_ / "rules/a.rule").c_str(), 0600);
  ExpectChange("the rights of a file");
  chmod((folder_ / "rules/below").c_str(), 0700);
  ExpectChange("the rights of a folder below");
  chmod((folder_ / "rules").c_str(), 0700);
  ExpectChange("the rights of the folder");
  chmod(folder_.c_str(), 0750);
  ExpectChange("the rights of a folder above");
}

TEST_F(RuleWatchTest, ReopenCallsBackWithoutAChange) {
  Open({"rules"});
  watch_->Reopen();
  ExpectChange("asked for");
  Write("rules/b.rule");
  std::this_thread::sleep_for(1ms * kTimes.quiet_ms / 2);
  watch_->Reopen();
  ExpectChange("asked for while a change waits: once");
}

// In a user namespace, which has limits of its own.
TEST_F(RuleWatchTest, WatchesThatRunOutAreToldOnce) {
  constexpr int kCannot = 77;
  const auto limit = [](int watches) {
    return (std::ofstream("/proc/sys/user/max_inotify_watches") << watches << std::flush).good();
  };
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWUSER) != 0 || !limit(100)) _exit(kCannot);
    Open({"rules"});
    limit(1);
    for (const char* name : {"rules/new", "rules/other"}) {
      fs::create_directory(folder_ / name);
      ExpectChange(name);
      EXPECT_EQ(faults_, 1) << name;
    }
    EXPECT_NE(fault_.find("max_user_watches"), std::string::npos) << fault_;
    limit(100);
    fs::create_directory(folder_ / "rules/third");
    ExpectChange("room again");
    Write("rules/new/a.rule");
    ExpectChange("a folder that could not be watched");
    EXPECT_EQ(faults_, 1);
    _exit(HasFailure() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannot) GTEST_SKIP() << "no user namespace to be had";
  EXPECT_EQ(status, 0);
}

// The watch is there when Open() returns: nothing is missed between it and whatever reads the files.
TEST_F(RuleWatchTest, AChangeRightAfterOpenIsTold) {
  Open({"rules"});
  Write("rules/b.rule");
  ExpectChange("right after Open()");
}

}  // namespace
}  // namespace sluice
