// The normal form means what the condition meant: both are evaluated over random values, absent ones
// included.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <string>

#include "compiler/norm/normal.h"

namespace sluice::norm {
namespace {

constexpr std::array<check::FieldId, 4> kFields = {check::FieldId::kProcName, check::FieldId::kProcPname,
                                                   check::FieldId::kProcCmdline, check::FieldId::kFdName};
const std::array<std::string, 4> kTexts = {"a", "b", "c", "d"};

// Values of the fields; an empty one is absent.
using Assignment = std::array<std::optional<std::string>, kFields.size()>;

bool Ask(const check::Predicate& predicate, const Assignment& assignment) {
  const auto field = std::find(kFields.begin(), kFields.end(), predicate.left.field.field);
  const std::optional<std::string>& value = assignment[static_cast<size_t>(field - kFields.begin())];
  if (!value) return false;  // whatever the operator
  const auto hits = std::count_if(predicate.values.begin(), predicate.values.end(),
                                  [&](const check::Value& one) { return one.text == *value; });
  switch (predicate.op) {
    case ast::Op::kEq:
    case ast::Op::kIn:
    case ast::Op::kIntersects:
      return hits > 0;
    case ast::Op::kNe:
      return hits == 0;
    default:
      return true;  // exists
  }
}

bool Evaluate(const check::Condition& condition, const std::vector<check::Predicate>& predicates,
              const Assignment& assignment) {
  const auto holds = [&](const check::Condition& child) { return Evaluate(child, predicates, assignment); };
  switch (condition.kind) {
    case check::Condition::Kind::kTrue:
      return true;
    case check::Condition::Kind::kFalse:
      return false;
    case check::Condition::Kind::kNot:
      return !holds(condition.children[0]);
    case check::Condition::Kind::kAnd:
      return std::all_of(condition.children.begin(), condition.children.end(), holds);
    case check::Condition::Kind::kOr:
      return std::any_of(condition.children.begin(), condition.children.end(), holds);
    case check::Condition::Kind::kPredicate:
      return Ask(predicates[condition.predicate], assignment);
  }
  return false;
}

bool Evaluate(const Condition& condition, const std::vector<check::Predicate>& predicates,
              const Assignment& assignment) {
  const auto holds = [&](const Condition& child) { return Evaluate(child, predicates, assignment); };
  switch (condition.kind) {
    case Condition::Kind::kTrue:
      return true;
    case Condition::Kind::kFalse:
      return false;
    case Condition::Kind::kAnd:
      return std::all_of(condition.children.begin(), condition.children.end(), holds);
    case Condition::Kind::kOr:
      return std::any_of(condition.children.begin(), condition.children.end(), holds);
    case Condition::Kind::kLiteral:
      return Ask(predicates[condition.predicate], assignment) != condition.negated;
  }
  return false;
}

// The shape that normal.h promises.
void ExpectNormal(const Condition& condition, bool top) {
  if (condition.kind == Condition::Kind::kLiteral) return;
  if (condition.kind == Condition::Kind::kTrue || condition.kind == Condition::Kind::kFalse) {
    EXPECT_TRUE(top);
    return;
  }
  EXPECT_GE(condition.children.size(), 2u);
  for (const Condition& child : condition.children) {
    EXPECT_NE(child.kind, condition.kind);
    ExpectNormal(child, false);
  }
}

class RandomRules {
 public:
  explicit RandomRules(uint32_t seed) : random_(seed) {}

  check::CheckedRules Make() {
    check::CheckedRules checked;
    checked.predicates.clear();
    const uint32_t count = 2 + Below(10);
    for (uint32_t i = 0; i < count; ++i) checked.predicates.push_back(MakePredicate());
    checked.predicate_at.resize(count);
    for (int i = 0; i < 3; ++i) {
      check::CheckedRule rule;
      rule.rule.name.text = "r" + std::to_string(i);
      rule.condition = MakeCondition(count, 0);
      checked.rules.push_back(std::move(rule));
    }
    return checked;
  }

  Assignment Assign() {
    Assignment assignment;
    for (auto& value : assignment) {
      if (Below(5) != 0) value = kTexts[Below(kTexts.size())];
    }
    return assignment;
  }

 private:
  uint32_t Below(size_t bound) { return static_cast<uint32_t>(random_() % bound); }

  check::Predicate MakePredicate() {
    constexpr ast::Op kOps[] = {ast::Op::kEq, ast::Op::kIn, ast::Op::kIntersects, ast::Op::kNe,
                                ast::Op::kExists};
    check::Predicate predicate;
    predicate.left.field.field = kFields[Below(kFields.size())];
    predicate.op = kOps[Below(std::size(kOps))];
    const bool list = predicate.op == ast::Op::kIn || predicate.op == ast::Op::kIntersects;
    const uint32_t count = predicate.op == ast::Op::kExists ? 0 : list ? 1 + Below(3) : 1;
    for (uint32_t i = 0; i < count; ++i) predicate.values.emplace_back().text = kTexts[Below(kTexts.size())];
    if (predicate.op == ast::Op::kEq && Below(4) == 0) predicate.quantifier = ast::Quantifier::kAnyOf;
    return predicate;
  }

  check::Condition MakeCondition(uint32_t predicates, int depth) {
    check::Condition condition;
    const uint32_t choice = Below(depth > 4 ? 4 : 12);
    if (choice == 0) {
      condition.kind = Below(2) == 0 ? check::Condition::Kind::kTrue : check::Condition::Kind::kFalse;
    } else if (choice < 4) {
      condition.kind = check::Condition::Kind::kPredicate;
      condition.predicate = Below(predicates);
    } else if (choice < 6) {
      condition.kind = check::Condition::Kind::kNot;
      condition.children.push_back(MakeCondition(predicates, depth + 1));
    } else {
      condition.kind = choice < 9 ? check::Condition::Kind::kAnd : check::Condition::Kind::kOr;
      const uint32_t count = 2 + Below(3);
      for (uint32_t i = 0; i < count; ++i) condition.children.push_back(MakeCondition(predicates, depth + 1));
    }
    return condition;
  }

  std::mt19937 random_;
};

TEST(Normalize, MeansTheSameForAllValues) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    RandomRules random(seed);
    const check::CheckedRules checked = random.Make();
    diag::Diagnostics diagnostics;
    const NormalRules normal = Normalize(checked, diagnostics);
    ASSERT_EQ(normal.conditions.size(), checked.rules.size());
    ASSERT_EQ(normal.checked.predicate_at.size(), normal.checked.predicates.size());
    for (size_t rule = 0; rule < checked.rules.size(); ++rule) {
      ExpectNormal(normal.conditions[rule], true);
      for (int i = 0; i < 20; ++i) {
        const Assignment assignment = random.Assign();
        const bool before = Evaluate(checked.rules[rule].condition, checked.predicates, assignment);
        ASSERT_EQ(Evaluate(normal.conditions[rule], normal.checked.predicates, assignment), before)
            << "seed " << seed << "\n"
            << Print(normal);
        ASSERT_EQ(Evaluate(normal.checked.rules[rule].condition, normal.checked.predicates, assignment),
                  before)
            << "predicates keep their meaning, seed " << seed;
      }
    }
  }
}

TEST(Normalize, IsStable) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    RandomRules a(seed), b(seed);
    diag::Diagnostics diagnostics;
    EXPECT_EQ(Print(Normalize(a.Make(), diagnostics)), Print(Normalize(b.Make(), diagnostics)));
  }
}

TEST(Normalize, AVeryLargeListIsHeldOnce) {
  check::CheckedRules checked;
  check::Predicate& predicate = checked.predicates.emplace_back();
  predicate.left.field.field = check::FieldId::kFdName;
  predicate.op = ast::Op::kIn;
  for (int i = 100'000; i > 0; --i) predicate.values.emplace_back().text = std::to_string(i);
  check::CheckedRule& rule = checked.rules.emplace_back();
  rule.condition.kind = check::Condition::Kind::kPredicate;
  diag::Diagnostics diagnostics;
  const NormalRules normal = Normalize(std::move(checked), diagnostics);
  EXPECT_EQ(normal.checked.predicates.size(), 1u);
  EXPECT_EQ(normal.checked.predicates[0].values[0].text, "1");
}

}  // namespace
}  // namespace sluice::norm
