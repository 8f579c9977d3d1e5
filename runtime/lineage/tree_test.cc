#include "runtime/lineage/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/ring/build_record.h"

namespace sluice::lineage {
namespace {

using ring::RecordBuilder;
using testing::ElementsAre;

constexpr uint64_t kMs = 1'000'000;

// Applies records written as calls; time is in milliseconds since boot, and a process starts at its fork.
class Story {
 public:
  explicit Story(Limits limits = {}) : tree(limits) {}

  void Fork(uint32_t parent, uint64_t parent_start, uint32_t child, uint64_t ms) {
    RecordBuilder record(SLUICE_RECORD_FORK);
    Fill(record, child, ms, parent, parent_start, ms);
    Apply(record);
  }
  void Exec(uint32_t pid, uint64_t start, uint64_t ms, const std::string& name, uint32_t parent = 0,
            uint64_t parent_start = 0) {
    RecordBuilder record(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
    Fill(record, pid, start, parent, parent_start, ms);
    record.Item(SLUICE_ITEM_NAME, name).Item(SLUICE_ITEM_EXEPATH, "/usr/bin/" + name);
    record.Item(SLUICE_ITEM_ARGS, name + std::string("\0-x\0", 4));
    Apply(record);
  }
  void Exit(uint32_t pid, uint64_t start, uint64_t ms, uint32_t parent = 0, uint64_t parent_start = 0) {
    RecordBuilder record(SLUICE_RECORD_EXIT);
    Fill(record, pid, start, parent, parent_start, ms);
    Apply(record);
  }
  void Event(uint32_t pid, uint64_t start, uint64_t ms, const std::string& name, uint32_t parent,
             uint64_t parent_start) {
    RecordBuilder record(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
    Fill(record, pid, start, parent, parent_start, ms);
    record.Item(SLUICE_ITEM_NAME, name).Item(SLUICE_ITEM_EXEPATH, "/usr/bin/" + name);
    Apply(record);
  }

  // "name" of the process and of its ancestors, and "?" for a gap.
  std::vector<std::string> Chain(uint32_t pid, uint64_t start_ms) const {
    return Chain(tree.Find({pid, start_ms * kMs}));
  }
  static std::vector<std::string> Chain(const std::shared_ptr<const Link>& self) {
    std::vector<std::string> names;
    for (const Link* at = self.get(); at != nullptr; at = at->parent.get()) {
      names.push_back(at->image->name);
      if (at->gap_above) names.push_back("?");
    }
    return names;
  }

  Tree tree;

 private:
  static void Fill(RecordBuilder& record, uint32_t pid, uint64_t start, uint32_t parent,
                   uint64_t parent_start, uint64_t ms) {
    sluice_record& header = record.header();
    header.pid = header.tid = pid;
    header.start_ns = start * kMs;
    header.parent_pid = parent;
    header.parent_start_ns = parent_start * kMs;
    header.time_ns = ms * kMs + 1000;
    header.session_pid = 1;
  }
  void Apply(const RecordBuilder& record) {
    const std::string bytes = record.Bytes();
    ring::Record decoded;
    ASSERT_TRUE(ring::Decode(bytes, decoded).ok());
    tree.Apply(decoded);
  }
};

// init(1) -> nginx(10): the beginning of most tests.
class WebServer : public Story {
 public:
  explicit WebServer(Limits limits = {}) : Story(limits) {
    Fork(0, 0, 1, 10);
    Exec(1, 10, 20, "init");
    Fork(1, 10, 10, 1000);
    Exec(10, 1000, 1010, "nginx");
  }
};

TEST(Tree, AForkedChildRunsItsParentsImage) {
  WebServer story;
  story.Fork(10, 1000, 11, 2000);
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("nginx", "nginx", "init"));
  EXPECT_EQ(story.tree.Find({11, 2000 * kMs})->image, story.tree.Find({10, 1000 * kMs})->image)
      << "shared, not copied";
}

TEST(Tree, AnExecReplacesTheOwnImageOnly) {
  WebServer story;
  story.Fork(10, 1000, 11, 2000);
  story.Exec(11, 2000, 2001, "sh");
  story.Fork(11, 2000, 12, 2100);
  story.Exec(12, 2100, 2101, "curl");
  story.Exec(11, 2000, 2200, "sleep");  // after it forked curl
  EXPECT_THAT(story.Chain(12, 2100), ElementsAre("curl", "sh", "nginx", "init"));
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("sleep", "nginx", "init"));
  const auto curl = story.tree.Find({12, 2100 * kMs});
  EXPECT_EQ(curl->image->exepath, "/usr/bin/curl");
  EXPECT_EQ(curl->image->exe, "curl");
  EXPECT_EQ(curl->image->args, std::string("curl\0-x\0", 8));
}

TEST(Tree, DeadAncestorsAreRememberedByTheirDescendants) {
  WebServer story;
  story.Fork(10, 1000, 11, 2000);
  story.Exec(11, 2000, 2001, "sh");
  story.Fork(11, 2000, 12, 2100);
  story.Exit(11, 2000, 2200);
  story.Exit(10, 1000, 2300);
  story.Event(12, 2100, 60000, "sh", 1, 10);  // adopted by init long since; the dead have left the tree
  EXPECT_THAT(story.Chain(12, 2100), ElementsAre("sh", "sh", "nginx", "init"));
  EXPECT_EQ(story.tree.Find({11, 2000 * kMs}), nullptr);
  EXPECT_EQ(story.tree.stats().processes, 2u);
}

TEST(Tree, AnExitedProcessStillAnswersForAMoment) {
  WebServer story;
  story.Exit(10, 1000, 2000);
  EXPECT_THAT(story.Chain(10, 1000), ElementsAre("nginx", "init"));
  EXPECT_EQ(story.tree.Living().size(), 1u);
  EXPECT_NE(story.tree.FindPid(10), nullptr);
}

TEST(Tree, AReusedPidIsAnotherProcess) {
  WebServer story;
  story.Fork(10, 1000, 11, 2000);
  story.Exec(11, 2000, 2001, "sh");
  story.Exit(11, 2000, 2100);
  story.Fork(1, 10, 11, 3000);
  EXPECT_THAT(story.Chain(11, 3000), ElementsAre("init", "init"));
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("sh", "nginx", "init"));
  EXPECT_EQ(story.tree.FindPid(11)->key.start_ns, 3000 * kMs);
}

TEST(Tree, AReusedPidWhoseExitWasLostReplacesTheOldProcess) {
  WebServer story;
  story.Fork(10, 1000, 11, 2000);
  story.Fork(1, 10, 11, 3000);
  EXPECT_EQ(story.tree.FindPid(11)->key.start_ns, 3000 * kMs);
  EXPECT_EQ(story.tree.stats().processes, 3u);
  EXPECT_EQ(story.tree.stats().late, 1u);
}

TEST(Tree, AnExecMayComeBeforeItsFork) {
  WebServer story;
  story.Exec(11, 2000, 2001, "sh", 10, 1000);
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("sh", "nginx", "init"));
  story.Fork(10, 1000, 11, 2000);
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("sh", "nginx", "init"));
  story.Fork(11, 2000, 12, 2000);  // forked before that exec
  EXPECT_THAT(story.Chain(12, 2000), ElementsAre("nginx", "nginx", "nginx", "init"));
}

TEST(Tree, AForkCorrectsAnAdopter) {
  WebServer story;
  story.Exec(11, 2000, 2001, "sh", 1, 10);  // its parent is gone, init has adopted it
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("sh", "init"));
  story.Fork(10, 1000, 11, 2000);
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("sh", "nginx", "init"));
}

TEST(Tree, AParentsExecMayOvertakeTheFork) {
  WebServer story;
  story.Fork(10, 1000, 11, 2000);
  story.Exec(10, 1000, 3000, "sleep");
  story.Fork(10, 1000, 12, 2500);  // it was still nginx then
  EXPECT_THAT(story.Chain(12, 2500), ElementsAre("nginx", "nginx", "init"));
}

TEST(Tree, TwoExecsMayComeInTheWrongOrder) {
  WebServer story;
  story.Exec(10, 1000, 3000, "second");
  story.Exec(10, 1000, 2000, "first");
  story.Fork(10, 1000, 12, 2500);
  story.Fork(10, 1000, 13, 3500);
  story.Fork(10, 1000, 14, 1500);
  EXPECT_THAT(story.Chain(10, 1000), ElementsAre("second", "init"));
  EXPECT_THAT(story.Chain(12, 2500), ElementsAre("first", "first", "init"));
  EXPECT_THAT(story.Chain(13, 3500), ElementsAre("second", "second", "init"));
  EXPECT_THAT(story.Chain(14, 1500), ElementsAre("nginx", "nginx", "init"));
  EXPECT_EQ(story.tree.stats().late, 1u);
}

TEST(Tree, AChildMayComeBeforeItsParent) {
  WebServer story;
  story.Fork(11, 2000, 12, 2100);
  EXPECT_THAT(story.Chain(12, 2100), ElementsAre("", "?"));
  story.Fork(10, 1000, 11, 2000);
  EXPECT_THAT(story.Chain(12, 2100), ElementsAre("nginx", "nginx", "nginx", "init"));
  EXPECT_EQ(story.tree.stats().gaps, 0u);
}

TEST(Tree, AnExitMayComeBeforeItsForkAndStaysAnExit) {
  WebServer story;
  story.Exit(11, 2000, 2001, 10, 1000);
  story.Fork(10, 1000, 11, 2000);
  EXPECT_EQ(story.tree.Living().size(), 2u);
  EXPECT_THAT(story.Chain(11, 2000), ElementsAre("nginx", "nginx", "init"));
}

TEST(Tree, AMissedForkReadsAsAGapAndAnEventMakesTheProcessKnown) {
  WebServer story;
  story.Event(50, 5000, 6000, "cron", 49, 4000);
  EXPECT_THAT(story.Chain(50, 5000), ElementsAre("cron", "?"));
  EXPECT_EQ(story.tree.stats().gaps, 1u);
  story.Event(60, 5000, 6000, "sh", 1, 10);
  EXPECT_THAT(story.Chain(60, 5000), ElementsAre("sh", "init"));
}

TEST(Tree, AnAdopterThatIsYoungerThanTheChildIsNoParent) {
  WebServer story;
  story.Event(60, 500, 6000, "sh", 10, 1000);
  EXPECT_THAT(story.Chain(60, 500), ElementsAre("sh", "?"));
}

TEST(Tree, ADeniedExecIsNoImage) {
  WebServer story;
  RecordBuilder record(SLUICE_RECORD_EVENT, SLUICE_HOOK_BPRM_CHECK);
  record.header().pid = 70;
  record.header().start_ns = 9000 * kMs;
  record.header().time_ns = 9001 * kMs;
  record.header().parent_pid = 10;
  record.header().parent_start_ns = 1000 * kMs;
  record.Item(SLUICE_ITEM_NAME, "evil").Item(SLUICE_ITEM_EXEPATH, "/tmp/evil");
  const std::string bytes = record.Bytes();
  ring::Record decoded;
  ASSERT_TRUE(ring::Decode(bytes, decoded).ok());
  story.tree.Apply(decoded);
  EXPECT_THAT(story.Chain(70, 9000), ElementsAre("", "nginx", "init"));
  EXPECT_FALSE(story.tree.FindPid(70)->image->exepath_known);
}

TEST(Tree, ProcessesAreBounded) {
  WebServer story({.max_processes = 100});
  for (uint32_t i = 0; i < 1000; ++i) {
    story.Fork(10, 1000, 100 + i, 2000 + i);
    if (i % 2 == 0) story.Exit(100 + i, 2000 + i, 2000 + i);
  }
  EXPECT_LE(story.tree.stats().processes, 100u);
  EXPECT_EQ(story.tree.stats().evicted, 902u);
  EXPECT_NE(story.tree.FindPid(1099), nullptr);
  EXPECT_EQ(story.tree.FindPid(101), nullptr) << "the exited first, then the oldest";
}

TEST(Tree, TextIsBounded) {
  Story story({.max_processes = 100000, .max_text_bytes = 1 << 20});
  for (uint32_t i = 1; i < 2000; ++i) {
    story.Fork(0, 0, i, i);
    story.Exec(i, i, i, std::string(1000, 'x'));
  }
  EXPECT_LT(story.tree.stats().processes, 500u);
  EXPECT_GT(story.tree.stats().processes, 50u);
}

// fork; the parent exits; the child forks ...: every dead ancestor is on the chain of the one that lives.
TEST(Tree, ChainsAreBounded) {
  WebServer story;
  uint32_t parent = 10;
  uint64_t parent_start = 1000;
  for (uint32_t i = 0; i < 5000; ++i) {
    const uint64_t ms = 2000 + i;
    story.Fork(parent, parent_start, 100 + i, ms);
    story.Exit(parent, parent_start, ms);
    parent = 100 + i;
    parent_start = ms;
  }
  const std::vector<std::string> chain = story.Chain(parent, parent_start);
  EXPECT_GT(chain.size(), kMaxDepth / 2);
  EXPECT_LE(chain.size(), kMaxDepth + 1);
  EXPECT_EQ(chain.back(), "?");
}

}  // namespace
}  // namespace sluice::lineage
