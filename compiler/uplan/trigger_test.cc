#include "compiler/uplan/trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::uplan {
namespace {

using ast::Op;
using Kind = Trigger::Kind;

check::Predicate Ask(Op op, std::vector<std::string> texts, check::Type type = check::Type::kString) {
  check::Predicate predicate;
  predicate.left.type = type;
  predicate.op = op;
  for (std::string& text : texts)
    predicate.values.push_back({.text = std::move(text), .number = 1, .net = {}});
  return predicate;
}

std::string Shown(const check::Predicate& predicate) {
  const std::optional<Trigger> trigger = TriggerOf(predicate);
  if (!trigger) return "none";
  static const char* const kKinds[] = {"value", "prefix", "path", "suffix", "substring"};
  std::string shown = kKinds[static_cast<size_t>(trigger->kind)];
  for (const std::string& text : trigger->texts) shown += " " + text;
  return shown;
}

TEST(Trigger, IsWhatMustBeInTheValue) {
  EXPECT_EQ(Shown(Ask(Op::kIn, {"a", "b"})), "value");
  EXPECT_EQ(Shown(Ask(Op::kEq, {"a"})), "value");
  EXPECT_EQ(Shown(Ask(Op::kStartsWith, {"/etc/"})), "prefix /etc/");
  EXPECT_EQ(Shown(Ask(Op::kEndsWith, {".so"})), "suffix .so");
  EXPECT_EQ(Shown(Ask(Op::kIContains, {"Xmrig"})), "substring Xmrig");
  EXPECT_EQ(Shown(Ask(Op::kPmatch, {"/etc//x/", "opt/lib*/y"})), "path /etc/x /opt/lib");
  EXPECT_EQ(Shown(Ask(Op::kStartsWith, {std::string(100, 'a')})), "prefix " + std::string(64, 'a'));
  EXPECT_EQ(Shown(Ask(Op::kEndsWith, {"b" + std::string(64, 'a')})), "suffix " + std::string(64, 'a'));
}

TEST(Trigger, OfAPatternIsALiteralPart) {
  EXPECT_EQ(Shown(Ask(Op::kGlob, {"/home/*/.ssh/*"})), "substring /.ssh/");
  EXPECT_EQ(Shown(Ask(Op::kGlob, {"/etc/cron*"})), "prefix /etc/cron");
  EXPECT_EQ(Shown(Ask(Op::kIGlob, {"/etc/cron*"})), "substring /etc/cron");
  EXPECT_EQ(Shown(Ask(Op::kGlob, {"ab[cd]efgh"})), "prefix ab");
  EXPECT_EQ(Shown(Ask(Op::kGlob, {"\\*abc"})), "none");
  EXPECT_EQ(Shown(Ask(Op::kRegex, {".*(curl|wget).*https?://[^ ]*evilhost.*"})), "substring evilhost");
  EXPECT_EQ(Shown(Ask(Op::kRegex, {"(abc|def)xyz|abcuvw"})), "none") << "no text is in both";
  EXPECT_EQ(Shown(Ask(Op::kRegex, {"[a-z]+"})), "none");
}

TEST(Trigger, IsNoneWhereTheValueMayBeAnything) {
  EXPECT_EQ(Shown(Ask(Op::kContains, {""})), "none");
  EXPECT_EQ(Shown(Ask(Op::kPmatch, {"/etc", "/"})), "none");
  EXPECT_EQ(Shown(Ask(Op::kNe, {"a"})), "none");
  EXPECT_EQ(Shown(Ask(Op::kLt, {"a"})), "none");
  EXPECT_EQ(Shown(Ask(Op::kEq, {"true"}, check::Type::kBool)), "none") << "half of the events have it";
  check::Predicate all = Ask(Op::kStartsWith, {"a", "b"});
  all.quantifier = ast::Quantifier::kAllOf;
  EXPECT_EQ(Shown(all), "none");
  all.quantifier = ast::Quantifier::kAnyOf;
  EXPECT_EQ(Shown(all), "prefix a b");
  check::Predicate list = Ask(Op::kIn, {"a"});
  list.left.shape = check::Shape::kList;
  EXPECT_EQ(Shown(list), "none") << "all of an empty list is in any list";
  check::Predicate field = Ask(Op::kEq, {});
  field.right.emplace_back();
  EXPECT_EQ(Shown(field), "none");
}

}  // namespace
}  // namespace sluice::uplan
