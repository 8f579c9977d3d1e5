// The flat plan against a plain recursive reading of the same conditions, with unknown values.
#include "runtime/eval/evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace sluice::eval {
namespace {

using norm::Condition;
using Kind = Condition::Kind;

constexpr uint32_t kPredicates = 6;

// Variable N of the environment is what the test says.
class FakeEvent : public Event {
 public:
  check::HookId hook() const override { return hook_id; }
  check::EventType type() const override { return check::kNoType; }
  Value Get(const check::FieldUse& use) const override {
    ++asked;
    return values[static_cast<size_t>(use.argument[0] - '0')];
  }
  check::HookId hook_id = SLUICE_HOOK_FILE_OPEN;
  Value values[kPredicates];
  mutable int asked = 0;
};

check::CheckedRules Rules(size_t count) {
  check::CheckedRules checked;
  for (uint32_t i = 0; i < kPredicates; ++i) {
    check::Predicate predicate;
    predicate.left.field = {.field = check::FieldId::kProcEnv, .index = -1, .argument = std::to_string(i)};
    predicate.values.push_back({.text = "yes", .number = 0, .real = 0, .net = {}});
    checked.predicates.push_back(std::move(predicate));
  }
  checked.predicate_at.resize(kPredicates);
  checked.rules.resize(count);
  return checked;
}

Condition Literal(check::PredicateId predicate, bool negated) {
  Condition condition;
  condition.kind = Kind::kLiteral;
  condition.predicate = predicate;
  condition.negated = negated;
  return condition;
}

Condition Random(std::mt19937& random, int depth) {
  if (depth == 0 || random() % 4 == 0) return Literal(random() % kPredicates, random() % 3 == 0);
  Condition condition;
  condition.kind = random() % 2 == 0 ? Kind::kAnd : Kind::kOr;
  for (uint32_t i = 2 + random() % 2; i > 0; --i) condition.children.push_back(Random(random, depth - 1));
  return condition;
}

Truth Recursive(const Condition& condition, const std::vector<Truth>& predicates) {
  switch (condition.kind) {
    case Kind::kTrue:
      return Truth::kTrue;
    case Kind::kFalse:
      return Truth::kFalse;
    case Kind::kLiteral: {
      const Truth truth = predicates[condition.predicate];
      return condition.negated ? Not(truth) : truth;
    }
    default:
      break;
  }
  Truth truth = TruthOf(condition.kind == Kind::kAnd);
  for (const Condition& child : condition.children) {
    const Truth one = Recursive(child, predicates);
    truth = condition.kind == Kind::kAnd ? And(truth, one) : Or(truth, one);
  }
  return truth;
}

std::vector<Truth> Fill(std::mt19937& random, FakeEvent& event) {
  std::vector<Truth> truths;
  for (Value& value : event.values) {
    switch (random() % 4) {
      case 0:
        value = Value::String("yes");
        truths.push_back(Truth::kTrue);
        break;
      case 1:
        value = Value::String("no");
        truths.push_back(Truth::kFalse);
        break;
      case 2:
        value = Value::Absent();
        truths.push_back(Truth::kFalse);
        break;
      default:
        value = Value::Unknown();
        truths.push_back(Truth::kUnknown);
        break;
    }
  }
  return truths;
}

struct Built {
  std::vector<Condition> conditions;
  std::vector<std::pair<uint32_t, check::RuleId>> entries;  // bit, rule
  std::vector<Condition> residues;                          // beside entries
  std::shared_ptr<const uplan::UserPlan> plan;
};

Built Build(std::mt19937& random) {
  Built built;
  const size_t rules = 1 + random() % 6;
  split::Partition partition;
  split::HookPartition hook;
  hook.hook = SLUICE_HOOK_FILE_OPEN;
  for (check::RuleId rule = 0; rule < rules; ++rule) {
    built.conditions.push_back(Random(random, 4));
    hook.whole.emplace_back(rule, built.conditions.back());
  }
  hook.bits.resize(1 + random() % 70);
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    for (uint32_t n = random() % 3; n > 0; --n) {
      const check::RuleId rule = random() % rules;
      built.entries.emplace_back(bit, rule);
      built.residues.push_back(Random(random, 2));
      hook.entries.push_back(
          {.rule = rule, .bit = bit, .residue = built.residues.back(), .judge_whole = false});
    }
  }
  partition.normal.checked = Rules(rules);
  partition.normal.conditions = built.conditions;
  partition.hooks.push_back(std::move(hook));
  built.plan = std::make_shared<const uplan::UserPlan>(uplan::LowerUser(partition));
  return built;
}

std::vector<std::pair<check::RuleId, bool>> Pairs(const std::vector<Match>& matches) {
  std::vector<std::pair<check::RuleId, bool>> pairs;
  for (const Match& match : matches) pairs.emplace_back(match.rule, match.undecided);
  return pairs;
}

std::vector<std::pair<check::RuleId, bool>> Expected(const std::vector<Truth>& by_rule) {
  std::vector<std::pair<check::RuleId, bool>> pairs;
  for (check::RuleId rule = 0; rule < by_rule.size(); ++rule) {
    if (by_rule[rule] != Truth::kFalse) pairs.emplace_back(rule, by_rule[rule] == Truth::kUnknown);
  }
  return pairs;
}

TEST(Evaluator, EqualsTheRecursiveReading) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    const Built built = Build(random);
    Evaluator evaluator(built.plan);
    FakeEvent event;
    for (int round = 0; round < 10; ++round) {
      const std::vector<Truth> truths = Fill(random, event);
      std::vector<Truth> all, whole(built.conditions.size(), Truth::kFalse), residue = whole;
      for (const Condition& condition : built.conditions) all.push_back(Recursive(condition, truths));
      uint64_t set[SLUICE_WORDS] = {};
      for (size_t i = 0; i < built.entries.size(); ++i) {
        const auto [bit, rule] = built.entries[i];
        if (random() % 2 == 0) continue;
        set[bit / 64] |= uint64_t{1} << bit % 64;
      }
      for (size_t i = 0; i < built.entries.size(); ++i) {
        const auto [bit, rule] = built.entries[i];
        if ((set[bit / 64] >> bit % 64 & 1) == 0) continue;
        whole[rule] = all[rule];
        residue[rule] = Or(residue[rule], Recursive(built.residues[i], truths));
      }
      evaluator.Begin(event);
      std::vector<Match> matches;
      evaluator.MatchSet(set, false, matches);
      EXPECT_EQ(Pairs(matches), Expected(residue)) << seed;
      matches.clear();
      evaluator.MatchSet(set, true, matches);
      EXPECT_EQ(Pairs(matches), Expected(whole)) << seed;
      matches.clear();
      evaluator.MatchAll(matches);
      EXPECT_EQ(Pairs(matches), Expected(all)) << seed;
    }
  }
}

TEST(Evaluator, AFieldIsAskedOnceAnEvent) {
  std::mt19937 random(3);
  const Built built = Build(random);
  Evaluator evaluator(built.plan);
  FakeEvent event;
  for (Value& value : event.values) value = Value::Unknown();
  evaluator.Begin(event);
  std::vector<Match> matches;
  for (int i = 0; i < 5; ++i) evaluator.MatchAll(matches);
  EXPECT_LE(event.asked, static_cast<int>(kPredicates));
  const int before = event.asked;
  evaluator.Begin(event);
  evaluator.MatchAll(matches);
  EXPECT_GT(event.asked, before) << "a new event is asked anew";
}

TEST(Evaluator, BitsWithoutARuleAndUnknownHooksMatchNothing) {
  std::mt19937 random(3);
  const Built built = Build(random);
  Evaluator evaluator(built.plan);
  FakeEvent event;
  uint64_t set[SLUICE_WORDS];
  for (uint64_t& word : set) word = ~uint64_t{0};
  event.hook_id = SLUICE_HOOK_PATH_UNLINK;
  evaluator.Begin(event);
  std::vector<Match> matches;
  evaluator.MatchSet(set, false, matches);
  event.hook_id = 999;
  evaluator.Begin(event);
  evaluator.MatchSet(set, true, matches);
  EXPECT_TRUE(matches.empty());
}

}  // namespace
}  // namespace sluice::eval
