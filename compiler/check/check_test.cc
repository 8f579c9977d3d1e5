// What goldens show less well: limits, sharing, options. Trees are built by hand, so that check/ is tested
// alone.
#include "compiler/check/check.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace sluice::check {
namespace {

using diag::Code;

ast::Word WordOf(std::string text) { return {std::move(text), {}, false}; }

ast::Expr Compare(std::string field, ast::Op op, std::vector<std::string> values,
                  bool parenthesised = false) {
  ast::Expr expr;
  expr.check = std::make_shared<ast::Check>();
  expr.check->left.field.name = WordOf(std::move(field));
  expr.check->op = op;
  expr.check->parenthesised = parenthesised;
  for (std::string& value : values) expr.check->values.push_back(WordOf(std::move(value)));
  return expr;
}

ast::Expr Equals(std::string field, std::string value) {
  return Compare(std::move(field), ast::Op::kEq, {std::move(value)});
}
ast::Expr In(std::string field, std::vector<std::string> values) {
  return Compare(std::move(field), ast::Op::kIn, std::move(values), true);
}

ast::Expr Use(std::string macro) {
  ast::Expr expr;
  expr.kind = ast::Expr::Kind::kMacro;
  expr.macro = WordOf(std::move(macro));
  return expr;
}

ast::Expr Joined(ast::Expr::Kind kind, std::vector<ast::Expr> children) {
  ast::Expr expr;
  expr.kind = kind;
  expr.children = std::move(children);
  return expr;
}
ast::Expr And(ast::Expr a, ast::Expr b) {
  return Joined(ast::Expr::Kind::kAnd, {std::move(a), std::move(b)});
}
ast::Expr Not(ast::Expr a) { return Joined(ast::Expr::Kind::kNot, {std::move(a)}); }

ast::Rule RuleOf(std::string name, ast::Expr condition) {
  ast::Rule rule;
  rule.name = WordOf(std::move(name));
  rule.condition = std::move(condition);
  return rule;
}

ast::Macro MacroOf(std::string name, ast::Expr condition) {
  ast::Macro macro;
  macro.name = WordOf(std::move(name));
  macro.condition = std::move(condition);
  return macro;
}

ast::List ListOf(std::string name, const std::vector<std::string>& items) {
  ast::List list;
  list.name = WordOf(std::move(name));
  for (const std::string& item : items) list.items.push_back(WordOf(item));
  return list;
}

size_t Count(const diag::Diagnostics& diagnostics, Code code) {
  return static_cast<size_t>(std::count_if(diagnostics.all().begin(), diagnostics.all().end(),
                                           [&](const diag::Diagnostic& one) { return one.code == code; }));
}

TEST(Check, RulesThatAskTheSameShareThePredicate) {
  ast::RuleSet rules;
  for (int i = 0; i < 100; ++i)
    rules.rules.push_back(RuleOf(fmt::format("r{}", i), Equals("proc.name", "a")));
  diag::Diagnostics diagnostics;
  const CheckedRules checked = Check(rules, {}, diagnostics);
  EXPECT_EQ(checked.rules.size(), 100u);
  EXPECT_EQ(checked.predicates.size(), 1u);
}

TEST(Check, PredicatesOfNoRuleAreLeftOut) {
  ast::RuleSet rules;
  rules.macros.push_back(MacroOf("unused", Equals("proc.name", "x")));
  rules.rules.push_back(
      RuleOf("folded", And(Equals("proc.name", "a"), Compare("fd.num", ast::Op::kGe, {"0"}))));
  rules.rules.back().action = ast::Action::kDeny;
  diag::Diagnostics diagnostics;
  const CheckedRules checked = Check(rules, {}, diagnostics);
  ASSERT_EQ(checked.predicates.size(), 1u);
  EXPECT_EQ(Print(checked.predicates[0]), "proc.name = a");
  EXPECT_EQ(checked.predicate_at.size(), 1u);
  ASSERT_EQ(checked.assumptions.size(), 1u);
  EXPECT_EQ(checked.assumptions[0].predicate, "fd.num >= 0");
  EXPECT_TRUE(checked.assumptions[0].value);
}

TEST(Check, ResultsAreKeptWhereEventsCarryThem) {
  ast::RuleSet rules;
  rules.rules.push_back(
      RuleOf("r", And(Compare("fd.num", ast::Op::kGe, {"0"}), Compare("evt.num", ast::Op::kGe, {"0"}))));
  diag::Diagnostics diagnostics;
  Limits limits;
  limits.results_known = true;
  const CheckedRules checked = Check(rules, limits, diagnostics);
  ASSERT_EQ(checked.predicates.size(), 1u) << "Falco's way to say `always` is folded all the same";
  EXPECT_EQ(Print(checked.predicates[0]), "fd.num >= 0");
  EXPECT_EQ(Count(diagnostics, Code::W207), 0u);
}

TEST(Check, ALoneConditionFoldsNothingAndWarnsOfNothing) {
  diag::Diagnostics diagnostics;
  const CheckedRules checked = CheckCondition(
      And(Compare("fd.num", ast::Op::kGe, {"0"}), Equals("container.image", "x")), {}, diagnostics);
  ASSERT_EQ(checked.rules.size(), 1u);
  EXPECT_EQ(checked.rules[0].rule.name.text, "condition");
  EXPECT_EQ(checked.predicates.size(), 2u);
  EXPECT_TRUE(diagnostics.all().empty());
}

TEST(Check, ALoneConditionWithAMistakeGivesNoRule) {
  diag::Diagnostics diagnostics;
  EXPECT_TRUE(CheckCondition(Use("spawned_process"), {}, diagnostics).rules.empty());
  EXPECT_EQ(Count(diagnostics, Code::E202), 1u);
}

TEST(Check, ALongChainOfMacrosNeedsNoStack) {
  ast::RuleSet rules;
  rules.macros.push_back(MacroOf("m0", Equals("proc.name", "a")));
  for (int i = 1; i < 100'000; ++i) {
    rules.macros.push_back(MacroOf(fmt::format("m{}", i), Use(fmt::format("m{}", i - 1))));
  }
  std::reverse(rules.macros.begin(), rules.macros.end());
  rules.rules.push_back(RuleOf("r", Use("m99999")));
  diag::Diagnostics diagnostics;
  const CheckedRules checked = Check(rules, {}, diagnostics);
  EXPECT_TRUE(diagnostics.ok());
  EXPECT_EQ(checked.predicates.size(), 1u);
}

TEST(Check, AChainThatNestsIsRefusedOnce) {
  ast::RuleSet rules;
  rules.macros.push_back(MacroOf("m0", Equals("proc.name", "a")));
  for (int i = 1; i < 5'000; ++i) {
    rules.macros.push_back(MacroOf(fmt::format("m{}", i), Not(Use(fmt::format("m{}", i - 1)))));
  }
  rules.rules.push_back(RuleOf("r", Use("m4999")));
  diag::Diagnostics diagnostics;
  EXPECT_TRUE(Check(rules, {}, diagnostics).rules.empty());
  EXPECT_EQ(Count(diagnostics, Code::E211), 1u);
}

TEST(Check, MacrosThatDoubleAreRefusedQuickly) {
  ast::RuleSet rules;
  rules.macros.push_back(MacroOf("m0", Equals("proc.name", "a")));
  for (int i = 1; i < 64; ++i) {
    const std::string before = fmt::format("m{}", i - 1);
    rules.macros.push_back(MacroOf(fmt::format("m{}", i), And(Use(before), Use(before))));
  }
  rules.rules.push_back(RuleOf("r", Use("m63")));
  diag::Diagnostics diagnostics;
  EXPECT_TRUE(Check(rules, {}, diagnostics).rules.empty());
  EXPECT_EQ(Count(diagnostics, Code::E211), 1u);
}

TEST(Check, AllConditionsTogetherAreBounded) {
  ast::RuleSet rules;
  rules.macros.push_back(MacroOf("m", And(Equals("proc.name", "a"), Equals("proc.pname", "b"))));
  for (int i = 0; i < 100; ++i) rules.rules.push_back(RuleOf(fmt::format("r{}", i), Use("m")));
  Limits limits;
  limits.max_total_nodes = 100;
  diag::Diagnostics diagnostics;
  Check(rules, limits, diagnostics);
  EXPECT_EQ(Count(diagnostics, Code::E211), 1u);
}

TEST(Check, AllRegularExpressionsTogetherAreBounded) {
  ast::RuleSet rules;
  for (int i = 0; i < 400; ++i) {
    const std::string expression = fmt::format(".{{1000}}.{{1000}}{}", i);
    rules.rules.push_back(
        RuleOf(fmt::format("r{}", i), Compare("proc.cmdline", ast::Op::kRegex, {expression})));
  }
  diag::Diagnostics diagnostics;
  EXPECT_LT(Check(rules, {}, diagnostics).rules.size(), 400u);
  EXPECT_EQ(Count(diagnostics, Code::E211), 1u);
  EXPECT_EQ(diagnostics.errors(), 1u);
}

TEST(Check, ManySmallRegularExpressionsAreFine) {
  ast::RuleSet rules;
  for (int i = 0; i < 10'000; ++i) {
    const std::string expression = fmt::format("/opt/app{}/(lib|bin|share)/.*[.](so|conf)[.]?[0-9]*", i);
    rules.rules.push_back(
        RuleOf(fmt::format("r{}", i), Compare("proc.cmdline", ast::Op::kRegex, {expression})));
  }
  diag::Diagnostics diagnostics;
  EXPECT_EQ(Check(rules, {}, diagnostics).rules.size(), 10'000u);
  EXPECT_EQ(diagnostics.errors(), 0u);
}

TEST(Check, ALongChainOfListsNeedsNoStack) {
  ast::RuleSet rules;
  rules.lists.push_back(ListOf("l0", {"bash"}));
  for (int i = 1; i < 100'000; ++i)
    rules.lists.push_back(ListOf(fmt::format("l{}", i), {fmt::format("l{}", i - 1)}));
  std::reverse(rules.lists.begin(), rules.lists.end());
  rules.rules.push_back(RuleOf("r", In("proc.name", {"l99999"})));
  diag::Diagnostics diagnostics;
  const CheckedRules checked = Check(rules, {}, diagnostics);
  ASSERT_EQ(checked.predicates.size(), 1u);
  EXPECT_EQ(Print(checked.predicates[0]), "proc.name in (bash)");
}

TEST(Check, ListsThatDoubleStaySmallBecauseRepeatsGo) {
  ast::RuleSet rules;
  rules.lists.push_back(ListOf("l0", {"a", "b"}));
  for (int i = 1; i < 64; ++i) {
    const std::string before = fmt::format("l{}", i - 1);
    rules.lists.push_back(ListOf(fmt::format("l{}", i), {before, before}));
  }
  rules.rules.push_back(RuleOf("r", In("proc.name", {"l63"})));
  diag::Diagnostics diagnostics;
  EXPECT_EQ(Check(rules, {}, diagnostics).predicates[0].values.size(), 2u);
}

TEST(Check, AListOverTheLimitIsRefused) {
  ast::RuleSet rules;
  rules.lists.push_back(ListOf("l", {"a", "b", "c"}));
  Limits limits;
  limits.max_list_items = 2;
  diag::Diagnostics diagnostics;
  Check(rules, limits, diagnostics);
  EXPECT_EQ(Count(diagnostics, Code::E211), 1u);
}

TEST(Check, AHundredThousandValuesAreOnePredicate) {
  ast::RuleSet rules;
  std::vector<std::string> items;
  for (int i = 0; i < 100'000; ++i) items.push_back(fmt::format("/opt/file{}", i));
  rules.lists.push_back(ListOf("files", items));
  for (int i = 0; i < 1000; ++i)
    rules.rules.push_back(RuleOf(fmt::format("r{}", i), In("fd.name", {"files"})));
  diag::Diagnostics diagnostics;
  const CheckedRules checked = Check(rules, {}, diagnostics);
  ASSERT_EQ(checked.predicates.size(), 1u);
  EXPECT_EQ(checked.predicates[0].values.size(), 100'000u);
}

TEST(Check, MoreFaultsThanCanBeShownAreQuick) {
  ast::RuleSet rules;
  for (int i = 0; i < 5'000; ++i)
    rules.rules.push_back(RuleOf(fmt::format("r{}", i), Use(fmt::format("nosuch{}", i))));
  for (int i = 0; i < 5'000; ++i)
    rules.macros.push_back(MacroOf(fmt::format("macro{}", i), Equals("proc.name", "a")));
  diag::Diagnostics diagnostics;
  EXPECT_TRUE(Check(rules, {}, diagnostics).rules.empty());
  EXPECT_GE(diagnostics.errors(), 5'000u);
}

TEST(Check, APartThatDidNotParseLeavesItsRuleOut) {
  ast::RuleSet rules;
  rules.rules.push_back(RuleOf("broken", ast::Expr{}));
  rules.rules.push_back(RuleOf("whole", Equals("proc.name", "a")));
  diag::Diagnostics diagnostics;
  const CheckedRules checked = Check(rules, {}, diagnostics);
  ASSERT_EQ(checked.rules.size(), 1u);
  EXPECT_EQ(checked.rules[0].rule.name.text, "whole");
}

TEST(Check, KeysOfARuleAreKept) {
  ast::RuleSet rules;
  ast::Rule rule = RuleOf("r", Equals("proc.name", "a"));
  rule.tags = {WordOf("t")};
  rule.priority = ast::Priority::kCritical;
  rule.errno_value = 13;
  rule.mode = ast::Mode::kAudit;
  rules.rules.push_back(rule);
  diag::Diagnostics diagnostics;
  const CheckedRules checked = Check(rules, {}, diagnostics);
  ASSERT_EQ(checked.rules.size(), 1u);
  EXPECT_EQ(checked.rules[0].rule.tags.size(), 1u);
  EXPECT_EQ(checked.rules[0].rule.priority, ast::Priority::kCritical);
  EXPECT_EQ(checked.rules[0].rule.errno_value, 13);
  EXPECT_EQ(checked.rules[0].rule.mode, ast::Mode::kAudit);
}

TEST(Documentation, EveryCodeHasASection) {
  std::ifstream file(SLUICE_SOURCE_DIR "/docs/diagnostics.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const Code code : {
#define DIAG(code, severity, slug, title) Code::code,
#include "compiler/diag/codes.def"
#undef DIAG
       }) {
    const diag::CodeRow& row = diag::RowOf(code);
    EXPECT_THAT(text.str(), testing::HasSubstr(fmt::format("\n### {} {}\n", row.name, row.title)));
  }
}

TEST(Check, EqualPredicatesHaveEqualHashes) {
  Predicate a;
  a.left.field = *ParseFieldUse("proc.aname[2]");
  a.values.resize(2);
  a.values[0].text = "x";
  Predicate b = a;
  EXPECT_EQ(HashOf(a), HashOf(b));
  std::swap(b.values[0], b.values[1]);
  EXPECT_NE(HashOf(a), HashOf(b));
}

}  // namespace
}  // namespace sluice::check
