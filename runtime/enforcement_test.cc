#include "runtime/enforcement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr int64_t kSecond = 1'000'000'000;

kplan::KernelPlan PlanOf(const std::vector<std::pair<std::string, bool>>& rules) {
  kplan::KernelPlan plan;
  for (const auto& [name, audited] : rules) {
    kplan::Mitigation& made = plan.mitigations.emplace_back();
    made.name = name;
    made.audited = audited;
    made.bounds.fuse_count = 5;
    made.bounds.fuse_period_ns = 60 * kSecond;
  }
  return plan;
}

std::string MessageOf(const source::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

struct Kernel {
  std::vector<std::pair<std::optional<uint32_t>, bool>> modes;
  Enforcement::SetMode set_mode = [this](std::optional<uint32_t> mitigation, bool audited) {
    modes.emplace_back(mitigation, audited);
    return absl::OkStatus();
  };
};

TEST(Enforcement, ASwitchOutlivesTheRuleSet) {
  Enforcement enforcement(false);
  kplan::KernelPlan plan = PlanOf({{"a", false}, {"b", true}});
  enforcement.Activate(plan);
  Kernel kernel;
  ASSERT_TRUE(enforcement.Switch({.on = false, .rule = "b"}, kernel.set_mode).ok());
  EXPECT_THAT(kernel.modes, ElementsAre(Pair(1u, false)));
  ASSERT_TRUE(enforcement.Switch({.on = true, .rule = "a"}, kernel.set_mode).ok());
  kplan::KernelPlan next = PlanOf({{"b", true}, {"c", false}});  // `a` is gone
  enforcement.Prepare(next);
  enforcement.Activate(next);
  EXPECT_FALSE(next.mitigations[0].audited);
  EXPECT_FALSE(next.mitigations[1].audited);
  EXPECT_TRUE(enforcement.state().rules[0].switched);
  EXPECT_FALSE(enforcement.state().rules[1].switched);
  kplan::KernelPlan back = PlanOf({{"a", false}});
  enforcement.Prepare(back);
  EXPECT_TRUE(back.mitigations[0].audited);
}

TEST(Enforcement, AuditOfAllIsApartFromTheRules) {
  Enforcement enforcement(false);
  enforcement.Activate(PlanOf({{"a", false}, {"b", true}}));
  Kernel kernel;
  ASSERT_TRUE(enforcement.Switch({.on = true, .rule = {}}, kernel.set_mode).ok());
  EXPECT_THAT(kernel.modes, ElementsAre(Pair(std::nullopt, true)));
  EXPECT_TRUE(enforcement.state().audit_all);
  EXPECT_FALSE(enforcement.state().rules[0].audited);
  EXPECT_THAT(*enforcement.Switch({.on = false, .rule = {}}, kernel.set_mode), HasSubstr("1 of 2"));
}

TEST(Enforcement, WhatTheKernelDoesNotTakeIsNotSwitched) {
  Enforcement enforcement(false);
  enforcement.Activate(PlanOf({{"a", false}}));
  const auto refuse = [](std::optional<uint32_t>, bool) -> source::Status {
    return absl::InternalError("no");
  };
  EXPECT_EQ(MessageOf(enforcement.Switch({.on = true, .rule = "a"}, refuse).status()), "no");
  EXPECT_EQ(MessageOf(enforcement.Switch({.on = true, .rule = {}}, refuse).status()), "no");
  EXPECT_FALSE(enforcement.state().audit_all);
  EXPECT_FALSE(enforcement.state().rules[0].audited);
  EXPECT_FALSE(enforcement.state().rules[0].switched);
  kplan::KernelPlan next = PlanOf({{"a", false}});
  enforcement.Prepare(next);
  EXPECT_FALSE(next.mitigations[0].audited);
}

TEST(Enforcement, AnUnknownRuleIsToldWithTheNearestName) {
  Enforcement enforcement(false);
  enforcement.Activate(PlanOf({{"Shadow refused", false}}));
  EXPECT_THAT(
      MessageOf(enforcement.Switch({.on = true, .rule = "Shadow refusd"}, Kernel().set_mode).status()),
      HasSubstr("did you mean `Shadow refused`?"));
}

TEST(Enforcement, ABlownFuseIsToldOnceAndWhenItIsArmedAgain) {
  Enforcement enforcement(false);
  enforcement.Activate(PlanOf({{"a", false}}));
  std::vector<sluice_mitigation> rows(1);
  rows[0].refused = 5;
  EXPECT_THAT(enforcement.Look(kSecond, rows, {}), IsEmpty());
  rows[0].refused = 6;
  rows[0].blown = 1;
  rows[0].disarmed_until_ns = 61 * kSecond;
  const auto alerts = enforcement.Look(2 * kSecond, rows, {});
  ASSERT_THAT(alerts, SizeIs(1));
  EXPECT_EQ(alerts[0].rule, "Sluice internal: fuse blown");
  EXPECT_EQ(alerts[0].output,
            "`a` refused more than 5 times within 60 s: it is disarmed "
            "and only audits; armed again in 59 s or at a reload");
  EXPECT_THAT(enforcement.Look(3 * kSecond, rows, {}), IsEmpty());
  ASSERT_THAT(enforcement.Look(61 * kSecond, rows, {}), SizeIs(1));
  EXPECT_THAT(enforcement.Look(62 * kSecond, rows, {}), IsEmpty());
}

TEST(Enforcement, TooManyNamesAreToldWithTheRulesThatNameThem) {
  check::CheckedRules rules;
  const auto add = [&rules](const char* name, ast::Action action, const char* path) {
    check::CheckedRule rule;
    rule.rule.name.text = name;
    rule.rule.action = action;
    check::Predicate predicate;
    predicate.values.emplace_back().text = path;
    check::Condition leaf;
    leaf.kind = check::Condition::Kind::kPredicate;
    leaf.predicate = static_cast<check::PredicateId>(rules.predicates.size());
    rule.condition.kind = check::Condition::Kind::kAnd;
    rule.condition.children.push_back(leaf);
    rules.predicates.push_back(std::move(predicate));
    rules.rules.push_back(std::move(rule));
  };
  add("refuses", ast::Action::kDeny, "/a/fifth");
  add("only tells", ast::Action::kAlert, "/a/fifth");
  add("another", ast::Action::kKill, "/a/first");
  const alert::Alert alert = TooManyNames("/a/fifth", rules, {}, kSecond);
  EXPECT_EQ(alert.rule, "Sluice internal: too many names of a file");
  EXPECT_THAT(alert.output,
              HasSubstr("the file /a/fifth is named by more than 4 paths of the rules: by `refuses` this"));
  const alert::Alert files = TooManyFiles("/a/first", rules, {}, kSecond);
  EXPECT_EQ(files.rule, "Sluice internal: too many files of a path");
  EXPECT_THAT(files.output, HasSubstr("so many files have been at /a/first, which `another` names, that"));
  EXPECT_NE(files.id, TooManyFiles("/a/fifth", rules, {}, kSecond).id);
}

}  // namespace
}  // namespace sluice
