#include "runtime/alert/throttle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/eval/json_event.h"

namespace sluice::alert {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr uint64_t kSecond = 1'000'000'000;

check::CheckedRule RuleWith(uint64_t count, uint64_t period_ns, std::vector<std::string_view> by = {}) {
  check::CheckedRule rule;
  rule.rule.name.text = "R";
  rule.rule.throttle = ast::Rate{.count = count, .period_ns = period_ns, .by = {}, .span = {}};
  for (const std::string_view name : by) {
    EXPECT_EQ(check::ResolveField(name, std::nullopt, rule.throttle_by.emplace_back()),
              check::FieldFault::kNone);
  }
  return rule;
}

std::unique_ptr<eval::JsonEvent> Event(const std::string& name, const std::string& path = {}) {
  nlohmann::json event = {{"proc.name", name}};
  if (!path.empty()) event["fd.name"] = path;
  return std::move(*eval::JsonEvent::Parse(event.dump()));
}

TEST(Throttle, LetsNPassInAWindowAndSaysLaterHowManyItHeldBack) {
  Throttle throttle;
  const check::CheckedRule rule = RuleWith(2, 10 * kSecond);
  const auto event = Event("cat");
  int passed = 0;
  for (uint64_t second = 100; second < 110; ++second)
    passed += throttle.Ask(rule, *event, second * kSecond).passes ? 1 : 0;
  EXPECT_EQ(passed, 2);
  const Throttle::Verdict next = throttle.Ask(rule, *event, 110 * kSecond);
  EXPECT_TRUE(next.passes);
  EXPECT_EQ(next.suppressed, 8u);
  EXPECT_EQ(throttle.Ask(rule, *event, 111 * kSecond).suppressed, 0u);
  EXPECT_EQ(throttle.suppressed(), 8u);
}

TEST(Throttle, EachKeyHasAWindowOfItsOwn) {
  Throttle throttle;
  const check::CheckedRule rule = RuleWith(1, 10 * kSecond, {"proc.name", "fd.name"});
  EXPECT_TRUE(throttle.Ask(rule, *Event("a", "bc"), 1).passes);
  EXPECT_TRUE(throttle.Ask(rule, *Event("ab", "c"), 1).passes);
  EXPECT_TRUE(throttle.Ask(rule, *Event("a"), 1).passes);
  EXPECT_TRUE(throttle.Ask(rule, *Event("a", "<NA>"), 1).passes);  // absent is no text
  EXPECT_FALSE(throttle.Ask(rule, *Event("a", "bc"), 2).passes);
  EXPECT_FALSE(throttle.Ask(rule, *Event("a"), 2).passes);
}

TEST(Throttle, ARuleWithoutOneAlwaysPasses) {
  Throttle throttle;
  const check::CheckedRule rule;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(throttle.Ask(rule, *Event("a"), 1).passes);
  EXPECT_EQ(throttle.windows(), 0u);
}

TEST(Throttle, TimeThatGoesBackOpensNoWindow) {
  Throttle throttle;
  const check::CheckedRule rule = RuleWith(1, kSecond);
  EXPECT_TRUE(throttle.Ask(rule, *Event("a"), 100 * kSecond).passes);
  EXPECT_FALSE(throttle.Ask(rule, *Event("a"), 1).passes);
  EXPECT_TRUE(throttle.Ask(rule, *Event("a"), 101 * kSecond).passes);
}

TEST(Throttle, MemoryIsBounded) {
  Throttle throttle;
  const check::CheckedRule rule = RuleWith(1, 3600 * kSecond, {"proc.name"});
  const auto first = Event("first");
  throttle.Ask(rule, *first, 1);
  EXPECT_FALSE(throttle.Ask(rule, *first, 1).passes);
  for (size_t i = 0; i < Throttle::kMaxWindows + 10; ++i) {
    EXPECT_TRUE(throttle.Ask(rule, *Event(std::to_string(i)), 2 + i).passes);
  }
  EXPECT_EQ(throttle.windows(), Throttle::kMaxWindows);
  EXPECT_THAT(throttle.TakeQuiet(2 + Throttle::kMaxWindows), ElementsAre(Pair("R", 1u)));
  EXPECT_TRUE(throttle.Ask(rule, *first, 2 * Throttle::kMaxWindows).passes);
}

TEST(Throttle, WhatAKeyThatFiresNoMoreHeldBackIsTakenOnceWhenItsTimeIsOver) {
  Throttle throttle;
  const check::CheckedRule rule = RuleWith(1, 10 * kSecond, {"proc.name"});
  for (const char* name : {"a", "a", "a", "b", "b", "c"}) throttle.Ask(rule, *Event(name), 100 * kSecond);
  EXPECT_THAT(throttle.TakeQuiet(119 * kSecond), IsEmpty());  // it may still tell for itself
  EXPECT_EQ(throttle.Ask(rule, *Event("b"), 119 * kSecond).suppressed, 1u);
  EXPECT_THAT(throttle.TakeQuiet(120 * kSecond), ElementsAre(Pair("R", 2u)));
  EXPECT_THAT(throttle.TakeQuiet(500 * kSecond), IsEmpty());
  // The alert says it all the same: a capture's replay, which takes nothing, gives the same alerts.
  EXPECT_EQ(throttle.Ask(rule, *Event("a"), 600 * kSecond).suppressed, 2u);
  EXPECT_FALSE(throttle.Ask(rule, *Event("a"), 601 * kSecond).passes);
  EXPECT_THAT(throttle.TakeAll(), ElementsAre(Pair("R", 1u)));
  EXPECT_THAT(throttle.TakeAll(), IsEmpty());
}

TEST(Throttle, TheAlertNamesTheRulesAndNotTooMany) {
  std::map<std::string, uint64_t> by_rule;
  for (char name = 'a'; name <= 'l'; ++name) by_rule[{name}] = 3;
  const Alert alert = HeldBack(by_rule, {}, 1);
  EXPECT_EQ(alert.rule, "Sluice internal: alerts held back");
  EXPECT_THAT(alert.output, AllOf(HasSubstr("held back 36 alerts"), HasSubstr("a: 3, b: 3"),
                                  HasSubstr("j: 3 and 2 more rules"), Not(HasSubstr("k: 3"))));
}

}  // namespace
}  // namespace sluice::alert
