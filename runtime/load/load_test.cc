// What needs no kernel: the judgement of a host, the order of records, call numbers, lineage bits. The rest
// is tested live, in tests/live.
#include <linux/capability.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "compiler/kplan/build_partition.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/load/blind_spots.h"
#include "runtime/load/calls.h"
#include "runtime/load/cgroup_guard.h"
#include "runtime/load/probe.h"
#include "runtime/load/record_merge.h"
#include "runtime/load/seeds.h"
#include "runtime/ring/build_record.h"

namespace sluice::load {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

HostFacts GoodHost() {
  HostFacts facts;
  facts.release = "6.1.0-56-amd64";
  facts.capabilities = 1ull << CAP_SYS_ADMIN;
  facts.has_btf = true;
  facts.lsm_list = "lockdown,capability,yama,apparmor,bpf";
  return facts;
}

TEST(JudgeHost, StockDebianIsFine) { EXPECT_TRUE(JudgeHost(GoodHost()).ok()); }

TEST(JudgeHost, NeedsTheHostsOwnRoot) {
  HostFacts facts = GoodHost();
  facts.capabilities = 1ull << CAP_BPF | 1ull << CAP_PERFMON;  // the canary and the iterator need more
  EXPECT_EQ(JudgeHost(facts).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(JudgeHost(facts).ToString(), HasSubstr("run it as root"));
  facts = GoodHost();
  facts.in_first_user_namespace = false;
  EXPECT_EQ(JudgeHost(facts).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(JudgeHost(facts).ToString(), HasSubstr("user namespace"));
  facts = GoodHost();
  facts.in_first_pid_namespace = false;
  EXPECT_THAT(JudgeHost(facts).ToString(), HasSubstr("pid namespace of its own"));
}

TEST(JudgeHost, NamesTheLsmListAndTheWordToAdd) {
  HostFacts facts = GoodHost();
  facts.lsm_list = "lockdown,yama";
  const source::Status status = JudgeHost(facts);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.ToString(), HasSubstr("`lockdown,yama`, without bpf"));
  EXPECT_THAT(status.ToString(), HasSubstr("`lsm=lockdown,yama,bpf`"));
}

TEST(JudgeHost, AnLsmWhoseNameHoldsBpfIsNotBpf) {
  HostFacts facts = GoodHost();
  facts.lsm_list = "lockdown,mybpf,bpf2";
  EXPECT_FALSE(JudgeHost(facts).ok());
}

TEST(JudgeHost, MissingTypesListAndAge) {
  HostFacts facts = GoodHost();
  facts.has_btf = false;
  EXPECT_THAT(JudgeHost(facts).ToString(), HasSubstr("CONFIG_DEBUG_INFO_BTF"));
  facts = GoodHost();
  facts.lsm_list.reset();
  facts.lsm_error = "no such file";
  EXPECT_THAT(JudgeHost(facts).ToString(), HasSubstr("mount -t securityfs"));
  facts = GoodHost();
  facts.release = "5.10.0-8-amd64";
  EXPECT_THAT(JudgeHost(facts).ToString(), HasSubstr("6.1 or later"));
  facts.release = "6.0.1";
  EXPECT_FALSE(JudgeHost(facts).ok());
  facts.release = "7.0-custom";
  EXPECT_TRUE(JudgeHost(facts).ok());
}

std::string RecordAt(uint64_t time_ns, uint32_t pid) {
  sluice_record record{};
  record.time_ns = time_ns;
  record.pid = pid;
  return std::string(reinterpret_cast<const char*>(&record), sizeof record);
}

std::vector<uint32_t> HandOver(RecordMerge& merge, uint64_t until_ns) {
  std::vector<uint32_t> pids;
  merge.HandOver(until_ns, [&pids](std::string_view bytes) {
    sluice_record record{};
    std::memcpy(&record, bytes.data(), std::min(bytes.size(), sizeof record));
    pids.push_back(record.pid);
  });
  return pids;
}

TEST(RecordMerge, HandsOverByTimeAndKeepsTheYoung) {
  RecordMerge merge;
  for (const auto& [time_ns, pid] :
       {std::pair(30, 3), std::pair(10, 1), std::pair(50, 5), std::pair(20, 2)}) {
    merge.Add(RecordAt(static_cast<uint64_t>(time_ns), static_cast<uint32_t>(pid)));
  }
  EXPECT_THAT(HandOver(merge, 30), ElementsAre(1, 2, 3));
  merge.Add(RecordAt(40, 4));
  EXPECT_THAT(HandOver(merge, UINT64_MAX), ElementsAre(4, 5));
  EXPECT_TRUE(merge.empty());
  EXPECT_EQ(merge.bytes(), 0u);
}

TEST(RecordMerge, EqualTimesKeepTheirOrder) {
  RecordMerge merge;
  for (uint32_t pid = 1; pid <= 3; ++pid) merge.Add(RecordAt(7, pid));
  EXPECT_THAT(HandOver(merge, 7), ElementsAre(1, 2, 3));
}

TEST(RecordMerge, KnowsWhetherARuleWaits) {
  RecordMerge merge;
  EXPECT_FALSE(merge.holds_candidates());
  merge.Add(RecordAt(1, 1));
  EXPECT_FALSE(merge.holds_candidates());  // a fork
  sluice_record candidate{};
  candidate.generation = 3;
  candidate.time_ns = 2;
  merge.Add({reinterpret_cast<const char*>(&candidate), sizeof candidate});
  EXPECT_TRUE(merge.holds_candidates());
  EXPECT_EQ(HandOver(merge, 2).size(), 2u);
  EXPECT_FALSE(merge.holds_candidates());
}

TEST(RecordMerge, ShortRecordComesFirst) {
  RecordMerge merge;
  merge.Add(RecordAt(5, 1));
  merge.Add("short");
  size_t first = 0;
  merge.HandOver(0, [&first](std::string_view bytes) { first = bytes.size(); });
  EXPECT_EQ(first, 5u);
}

TEST(CallTable, NumbersOfBothAbisAndOfIoUring) {
  const std::vector<sluice_call> table = CallTable([](check::EventType, int) { return false; });
  ASSERT_EQ(table.size(), size_t{SLUICE_CALL_ENTRIES});
  const check::EventType openat = check::FindEvent("openat");
  EXPECT_EQ(table[257].type, openat);
  EXPECT_EQ(table[257].hooks, check::kOpenHooks);
  EXPECT_EQ(table[SLUICE_CALLS + 295].type, openat);
  EXPECT_EQ(table[59].hooks, check::kExecHooks | check::kCommittedHooks);
  EXPECT_EQ(table[2 * SLUICE_CALLS + SLUICE_HOOK_FILE_OPEN].type, openat);
  EXPECT_EQ(table[2 * SLUICE_CALLS + SLUICE_HOOK_BPRM_CHECK].type, check::kNoType);
  EXPECT_EQ(table[0].type, check::kNoType) << "read has no decision point";
}

TEST(BlindSpots, NameTheHooksThatTheKernelLacksAndTheirRules) {
  split::Partition partition;
  const check::RuleId creates = kplan::AddRule(partition, "Namespace made", ast::Action::kDeny);
  const check::RuleId anywhere = kplan::AddRule(partition, "Anywhere");
  kplan::HookOf(partition, SLUICE_HOOK_USERNS_CREATE).whole = {{creates, {}}, {anywhere, {}}};
  kplan::HookOf(partition, SLUICE_HOOK_FILE_OPEN).whole = {{anywhere, {}}};
  const check::HookMask lacks = check::kUsernsCreateHooks | check::kSettimeHooks;
  EXPECT_EQ(MissingHooksText(partition, lacks),
            "warning: this kernel has no hook userns_create, so that nothing is seen or refused there: "
            "\"Namespace made\", \"Anywhere\"\n");
  EXPECT_EQ(MissingHooksText(partition, 0), "");
  EXPECT_EQ(MissingHooksText(partition, check::kSettimeHooks), "") << "no rule is about it";
}

TEST(BlindSpots, NameTheCallsThatNoFunctionOfTheKernelOffers) {
  EXPECT_EQ(UnseenCallsText({}), "");
  EXPECT_EQ(UnseenCallsText({"memfd_secret"}),
            "warning: this kernel has no function to watch for memfd_secret, so that rules about this call "
            "see nothing of it\n");
  EXPECT_EQ(UnseenCallsText({"memfd_secret", "file_setattr"}),
            "warning: this kernel has no function to watch for memfd_secret, file_setattr, so that rules "
            "about these calls "
            "see nothing of them\n");
}

TEST(CallTable, CallsWithACompanionAndThoseThatReturnADescriptor) {
  const check::EventType openat = check::FindEvent("openat");
  const std::vector<sluice_call> table =
      CallTable([&](check::EventType type, int abi) { return type == openat && abi == 0; });
  EXPECT_EQ(table[257].completed, SLUICE_CALL_COMPLETED);
  EXPECT_EQ(table[SLUICE_CALLS + 295].completed, 0u) << "the 32-bit call has none";
  EXPECT_EQ(table[2 * SLUICE_CALLS + SLUICE_HOOK_FILE_OPEN].completed, 0u);
  EXPECT_EQ(table[33].completed, SLUICE_CALL_DESCRIPTOR) << "dup2";
  EXPECT_EQ(table[308].completed, 0u) << "setns";
}

lineage::Image ImageOf(const std::string& name, const std::string& exepath) {
  lineage::Image image;
  image.name = name;
  image.exepath = exepath;
  return image;
}

TEST(PackImage, HeadLengthAndReversedTail) {
  const std::string exepath = "/" + std::string(300, 'd') + "/nginx";
  const sluice_image packed = PackImage(ImageOf("a-name-longer-than-15", exepath));
  EXPECT_STREQ(packed.name, "a-name-longer-t");
  EXPECT_EQ(packed.exepath_bytes, exepath.size());
  EXPECT_EQ(std::string(packed.exepath), exepath.substr(0, SLUICE_IMAGE_HEAD - 1));
  EXPECT_EQ(std::string(packed.tail, 6), "xnign/");
  EXPECT_EQ(packed.flags, 0u);
}

TEST(PackImage, AbsentAndUnknownPathsDiffer) {
  lineage::Image image = ImageOf("kworker/0:1", "");
  EXPECT_EQ(PackImage(image).flags, SLUICE_IMAGE_EXE_ABSENT);
  image.exepath_known = false;
  EXPECT_EQ(PackImage(image).flags, SLUICE_IMAGE_EXE_UNKNOWN);
}

// Atom 0: a name in (httpd, nginx); atom 1: a path under /opt/.
class SeedsTest : public ::testing::Test {
 protected:
  static kplan::KernelPlan Plan() {
    split::Partition partition;
    const check::RuleId rule = kplan::AddRule(partition, "rule");
    const uint32_t name = kplan::StringLookup(SLUICE_STR_NAME, SLUICE_MODE_EXACT);
    const uint32_t exepath = kplan::StringLookup(SLUICE_STR_EXEPATH, SLUICE_MODE_PREFIX);
    kplan::AddClause(partition, SLUICE_HOOK_IMAGE, {kplan::One(name, kplan::Strings({"httpd", "nginx"}))},
                     rule);
    kplan::AddClause(partition, SLUICE_HOOK_IMAGE, {kplan::One(exepath, kplan::Strings({"/opt/"}))}, rule);
    diag::Diagnostics diagnostics;
    return kplan::LowerKernel(partition, diagnostics);
  }

  // A process is (pid, start = pid ms); `exepath` of an exec, or nullptr where it could not be had.
  void Apply(sluice_record_kind kind, uint32_t pid, uint32_t parent, const std::string& name,
             const char* exepath) {
    ring::RecordBuilder record(kind);
    record.header().pid = record.header().tid = pid;
    record.header().start_ns = uint64_t{pid} * 1'000'000;
    record.header().parent_pid = parent;
    record.header().parent_start_ns = uint64_t{parent} * 1'000'000;
    now_ns_ = std::max<uint64_t>(now_ns_, uint64_t{pid} * 1'000'000) + 1000;
    record.header().time_ns = now_ns_;
    if (kind == SLUICE_RECORD_EXEC) {
      record.Item(SLUICE_ITEM_NAME, name);
      record.Item(SLUICE_ITEM_EXEPATH, exepath == nullptr ? "" : exepath,
                  exepath == nullptr ? SLUICE_ITEM_UNKNOWN : 0);
    }
    const std::string bytes = record.Bytes();
    ring::Record decoded;
    ASSERT_TRUE(ring::Decode(bytes, decoded).ok());
    tree_.Apply(decoded);
  }
  void Exec(uint32_t pid, uint32_t parent, const std::string& name, const char* exepath) {
    Apply(SLUICE_RECORD_EXEC, pid, parent, name, exepath);
  }
  void Fork(uint32_t parent, uint32_t child) { Apply(SLUICE_RECORD_FORK, child, parent, "", nullptr); }

  sluice_task SeedOf(uint32_t pid) const {
    const kplan::Model model(Plan());
    const Seeds seeds = ComputeSeeds(tree_, model, 1, 7);
    for (size_t i = 0; i < seeds.pids.size(); ++i) {
      if (seeds.pids[i] != pid) continue;
      EXPECT_EQ(seeds.seeds[i].start_ns, uint64_t{pid} * 1'000'000);
      return seeds.seeds[i].task;
    }
    ADD_FAILURE() << "no seed for " << pid;
    return {};
  }

  lineage::Tree tree_{lineage::Limits{}};
  uint64_t now_ns_ = 0;
};

TEST_F(SeedsTest, AncestorsUnderTheImageAtTheirFork) {
  Exec(1, 0, "init", "/sbin/init");
  Fork(1, 10);
  Exec(10, 1, "nginx", "/opt/nginx");
  Fork(10, 20);
  Exec(20, 10, "sh", "/bin/sh");
  Exec(10, 1, "idle", "/bin/idle");  // after the fork: its child's ancestor stays nginx
  const sluice_task shell = SeedOf(20);
  EXPECT_EQ(shell.self[1], 0u);
  EXPECT_EQ(shell.self_generation[1], 7u);
  EXPECT_EQ(shell.ancestors[1][0], 0b11u);
  EXPECT_EQ(shell.ancestors[1][1], 0b11u);
  EXPECT_EQ(shell.ancestors[1][2], 0u);
  EXPECT_EQ(shell.ancestors_generation[1], 7u);
  EXPECT_EQ(shell.ancestors_generation[0], 0u) << "the other slot is not touched";
  EXPECT_STREQ(shell.image.exepath, "/bin/sh");
}

TEST_F(SeedsTest, GapIsUnknown) {
  Exec(20, 10, "sh", "/bin/sh");  // 10 was never seen
  const sluice_task shell = SeedOf(20);
  EXPECT_EQ(shell.self_generation[1], 7u);
  EXPECT_EQ(shell.ancestors_generation[1], 0u);
}

TEST_F(SeedsTest, UnknownPathOfAnAncestorIsUnknownWhereAnAtomAsksForIt) {
  Exec(1, 0, "init", "/sbin/init");
  Fork(1, 10);
  Exec(10, 1, "nginx", nullptr);
  Fork(10, 20);
  Exec(20, 10, "sh", "/bin/sh");
  EXPECT_EQ(SeedOf(10).self_generation[1], 0u);
  EXPECT_EQ(SeedOf(20).ancestors_generation[1], 0u);
}

TEST(CgroupGuard, FindsTheUnifiedHierarchyAndTheFilesAboveACgroup) {
  EXPECT_EQ(UnifiedMount("24 30 0:22 / /proc rw - proc proc rw\n"
                         "35 24 0:30 /inner /mnt rw - cgroup2 none rw\n"
                         "36 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"),
            "/sys/fs/cgroup");
  EXPECT_EQ(UnifiedMount("36 24 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\nshort\n"), "");
  EXPECT_THAT(ProcsFiles("/c", "5:cpu:/a\n0::/system.slice/sluice.service\n"),
              ElementsAre("/c/system.slice/sluice.service/cgroup.procs", "/c/system.slice/cgroup.procs",
                          "/c/cgroup.procs"));
  EXPECT_THAT(ProcsFiles("/c", "0::/\n"), ElementsAre("/c/cgroup.procs"));
  EXPECT_THAT(ProcsFiles("/c", "0::/../x\n"), ElementsAre());
}

}  // namespace
}  // namespace sluice::load
