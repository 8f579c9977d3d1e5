#include <algorithm>

#include "compiler/kplan/build_partition.h"
#include "compiler/kplan/kernel_plan.h"
#include "compiler/kplan/model.h"
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::kplan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const uint32_t kPathPrefix = StringLookup(SLUICE_STR_PATH, SLUICE_MODE_PREFIX);
const uint32_t kPathExact = StringLookup(SLUICE_STR_PATH, SLUICE_MODE_EXACT);
const uint32_t kNameExact = StringLookup(SLUICE_STR_NAME, SLUICE_MODE_EXACT);
const uint32_t kUid = uint32_t{SLUICE_LOOKUP_INT} + SLUICE_INT_UID;

KernelPlan Lower(const split::Partition& partition) {
  diag::Diagnostics diagnostics;
  KernelPlan plan = LowerKernel(partition, diagnostics);
  EXPECT_TRUE(diagnostics.ok()) << diagnostics.all().front().message;
  return plan;
}

std::vector<uint32_t> Bits(const sluice_set& set) {
  std::vector<uint32_t> bits;
  for (uint32_t bit = 0; bit < SLUICE_CLAUSES; ++bit) {
    if ((set.words[bit / 64] >> (bit % 64) & 1) != 0) bits.push_back(bit);
  }
  return bits;
}

std::vector<uint32_t> BitsOfPrefix(const KernelPlan& plan, const std::string& pattern) {
  for (const auto& [key, id] : plan.prefixes) {
    if (std::string(key.value, (key.prefixlen - 32) / 8) == pattern) return Bits(plan.classes[id]);
  }
  ADD_FAILURE() << "no entry " << pattern;
  return {};
}

// The worked example of filter_abi.h.
TEST(LowerKernel, WorkedExampleOfTheAbi) {
  split::Partition partition;
  const check::RuleId rule = AddRule(partition, "rule");
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kPathPrefix, Strings({"/etc/"}))}, rule);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN,
            {One(kUid, Ranges({{0, 0}})), One(kPathPrefix, Strings({"/etc/ssh/"}))}, rule);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kNameExact, Strings({"nano", "vi"}))}, rule);
  const KernelPlan plan = Lower(partition);
  const sluice_hook_config& config = plan.hooks[SLUICE_HOOK_FILE_OPEN];
  const sluice_lookup_classes& path = config.lookups[kPathPrefix];
  EXPECT_THAT(Bits(plan.classes[path.other]), ElementsAre(2));
  EXPECT_THAT(Bits(plan.classes[path.absent]), ElementsAre(2));
  EXPECT_THAT(Bits(plan.classes[path.users]), ElementsAre(0, 1));
  EXPECT_THAT(BitsOfPrefix(plan, "/etc/"), ElementsAre(0, 2));
  EXPECT_THAT(BitsOfPrefix(plan, "/etc/ssh/"), ElementsAre(0, 1, 2));
  EXPECT_EQ(config.int_count[SLUICE_INT_UID], 3u);
  const sluice_interval* uids = &plan.intervals[config.int_base[SLUICE_INT_UID]];
  EXPECT_EQ(uids[0].first, INT64_MIN);
  EXPECT_THAT(Bits(plan.classes[uids[1].class_id]), ElementsAre(0, 1, 2));
  EXPECT_EQ(uids[2].first, 1);
  EXPECT_THAT(Bits(plan.classes[uids[2].class_id]), ElementsAre(0, 2));
  ASSERT_EQ(plan.short_exact.size(), 2u);
  EXPECT_EQ(plan.short_exact[0].second, plan.short_exact[1].second);
  EXPECT_EQ(config.lookups[kNameExact].users_summary, 4u) << "clauses with other lookups are other groups";
  EXPECT_EQ(plan.HookMask(), 1ull << SLUICE_HOOK_FILE_OPEN);
}

TEST(LowerKernel, ClassZeroIsEmptyAndClassesAreShared) {
  split::Partition partition;
  const check::RuleId rule = AddRule(partition, "rule");
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kNameExact, Strings({"a"}))}, rule);
  AddClause(partition, SLUICE_HOOK_PATH_UNLINK, {One(kNameExact, Strings({"a", "b"}))}, rule);
  const KernelPlan plan = Lower(partition);
  EXPECT_THAT(Bits(plan.classes[0]), ElementsAre());
  EXPECT_EQ(plan.classes.size(), 2u);
}

TEST(LowerKernel, PrefixThatSaysNothingNewIsNoEntry) {
  split::Partition partition;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kPathPrefix, Strings({"/etc", "/etc/ssh", "/usr"}))},
            AddRule(partition, "rule"));
  EXPECT_EQ(Lower(partition).prefixes.size(), 2u);
}

TEST(LowerKernel, ShortAndLongKeysByLength) {
  split::Partition partition;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN,
            {One(kPathExact, Strings({std::string(59, 'a'), std::string(60, 'a'), std::string(255, 'a')}))},
            AddRule(partition, "rule"));
  const KernelPlan plan = Lower(partition);
  EXPECT_EQ(plan.short_exact.size(), 1u);
  EXPECT_EQ(plan.long_exact.size(), 2u);
}

TEST(LowerKernel, EachMitigationHasItsOwnActionAndMode) {
  split::Partition partition;
  const check::RuleId audit = AddRule(partition, "audit", ast::Action::kDeny);
  partition.normal.checked.rules.Edit()[audit].rule.mode = ast::Mode::kAudit;
  const check::RuleId kill = AddRule(partition, "kill", ast::Action::kKill);
  partition.normal.checked.rules.Edit()[kill].rule.errno_value = 13;
  const check::RuleId deny = AddRule(partition, "deny", ast::Action::kDeny);
  partition.normal.checked.rules.Edit()[deny].rule.on_unknown = ast::OnUnknown::kDeny;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kNameExact, Strings({"a"}))}, audit);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kNameExact, Strings({"b"}))}, deny);
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kNameExact, Strings({"b"}))}, kill);
  const KernelPlan plan = Lower(partition);
  const sluice_hook_config& config = plan.hooks[SLUICE_HOOK_FILE_OPEN];
  EXPECT_EQ(config.deny[0], 0b111u);
  EXPECT_EQ(config.kill[0], 0b100u);
  EXPECT_EQ(config.unknown_deny[0], 0b010u);
  const sluice_action* actions = &plan.actions[size_t{SLUICE_HOOK_FILE_OPEN} * SLUICE_CLAUSES];
  EXPECT_EQ(actions[2].errno_value, 13);
  EXPECT_EQ(actions[2].order, 1) << "in load order";
  EXPECT_EQ(plan.mitigations[actions[0].mitigation].name, "audit");
  EXPECT_TRUE(plan.mitigations[actions[0].mitigation].audited);
  EXPECT_FALSE(plan.mitigations[actions[1].mitigation].audited);
  EXPECT_EQ(plan.HookMask(), 1ull << SLUICE_HOOK_FILE_OPEN | 1ull << SLUICE_HOOK_PATH_MKNOD)
      << "a denied open must not create";
}

TEST(LowerKernel, ElevenFlagTestsDoNotFit) {
  split::Partition partition;
  for (uint32_t bit = 0; bit < 11; ++bit) {
    AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(SLUICE_LOOKUP_BITS, Flags(1ull << bit))},
              AddRule(partition, fmt::format("rule {}", bit)));
  }
  diag::Diagnostics diagnostics;
  LowerKernel(partition, diagnostics);
  ASSERT_EQ(diagnostics.errors(), 1u);
  EXPECT_EQ(diagnostics.all()[0].code, diag::Code::E304);
  EXPECT_THAT(diagnostics.all()[0].message, HasSubstr("11 different sets of flags"));
}

TEST(LowerKernel, AtomsJoinedByOrAreRefusedRatherThanWrong) {
  split::Partition partition;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {{SLUICE_LOOKUP_LINEAGE, {Atom(0), Atom(1)}}},
            AddRule(partition, "rule"));
  diag::Diagnostics diagnostics;
  LowerKernel(partition, diagnostics);
  EXPECT_EQ(diagnostics.errors(), 1u);
}

TEST(LowerKernel, OverlongValuesAreRefusedRatherThanCut) {
  split::Partition partition;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kPathExact, Strings({std::string(256, 'a')}))},
            AddRule(partition, "rule"));
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(kPathPrefix, Strings({std::string(253, 'a')}))},
            AddRule(partition, "rule"));
  diag::Diagnostics diagnostics;
  LowerKernel(partition, diagnostics);
  EXPECT_EQ(diagnostics.errors(), 2u);
}

TEST(LowerKernel, EmptyPartitionAttachesNothing) {
  const split::Partition partition;
  const KernelPlan plan = Lower(partition);
  EXPECT_EQ(plan.HookMask(), 0u);
  EXPECT_EQ(plan.classes.size(), 1u);
}

// Would not end if a set's values were compared pair by pair.
TEST(LowerKernel, LargeSetsAndManyClausesAreLowered) {
  split::Partition large;
  std::vector<std::string> values;
  for (int i = 0; i < 100'000; ++i) values.push_back(fmt::format("/srv/data/{}/file", i));
  for (int i = 0; i < 4; ++i) {
    AddClause(large, SLUICE_HOOK_FILE_OPEN, {One(kUid, Ranges({{i, i}})), One(kPathExact, Strings(values))},
              AddRule(large, "rule"));
  }
  EXPECT_EQ(Lower(large).classes.size(), 6u);

  split::Partition many;
  for (int i = 0; i < 1000; ++i) {
    std::vector<std::string> names;
    for (int n = 0; n < 100; ++n) names.push_back(fmt::format("name{}", (i * 37 + n * 101) % 20'000));
    AddClause(many, SLUICE_HOOK_FILE_OPEN,
              {One(kUid, Ranges({{0, i}})), One(kPathPrefix, Strings({fmt::format("/a/{}/", i)})),
               One(kNameExact, Strings(names))},
              AddRule(many, "rule"));
  }
  const KernelPlan plan = Lower(many);
  EXPECT_EQ(plan.prefixes.size(), 1000u);
}

}  // namespace
}  // namespace sluice::kplan
