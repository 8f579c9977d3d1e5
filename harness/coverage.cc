#include "harness/coverage.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace sluice::harness {
namespace {

using check::Condition;
using eval::Truth;
using Kind = Condition::Kind;

template <typename Visit>
void ForEachPredicate(const Condition& condition, const Visit& visit) {
  if (condition.kind == Kind::kPredicate) visit(condition);
  for (const Condition& child : condition.children) ForEachPredicate(child, visit);
}

}  // namespace

Coverage::Coverage(const Suite& suite)
    : suite_(suite), of_rule_(suite.rules.size()), fired_(suite.rules.size()) {
  const check::CheckedRules& checked = suite.written_plan->checked;
  // By place; the same words of a macro in several rules are one predicate.
  std::map<std::tuple<source::FileId, uint32_t, uint32_t, check::PredicateId>, std::vector<const Condition*>>
      places;
  for (const check::CheckedRule& rule : checked.rules) {
    ForEachPredicate(rule.condition, [&](const Condition& leaf) {
      const source::Span span = suite.files().Resolve(leaf.span);
      places[{span.file, span.begin, span.end, leaf.predicate}].push_back(&leaf);
    });
  }
  for (const auto& [place, leaves] : places) {
    const auto& [file, begin, end, predicate] = place;
    for (const Condition* leaf : leaves) index_.emplace(leaf, static_cast<uint32_t>(predicates_.size()));
    predicates_.push_back({{file, begin, end}, check::Print(checked.predicates[predicate]), 0, 0});
  }
  for (check::RuleId rule = 0; rule < checked.rules.size(); ++rule) {
    std::vector<uint32_t>& indices = of_rule_[rule];
    ForEachPredicate(checked.rules[rule].condition,
                     [&](const Condition& leaf) { indices.push_back(index_.at(&leaf)); });
    std::sort(indices.begin(), indices.end());
    indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  }
}

void Coverage::See(eval::Evaluator& evaluator) {
  const check::CheckedRules& checked = suite_.written_plan->checked;
  for (check::RuleId rule = 0; rule < checked.rules.size(); ++rule) {
    fired_[rule] += Of(checked.rules[rule].condition, evaluator.plan().checked.rules[rule].condition,
                       evaluator) == Truth::kTrue;
  }
}

Truth Coverage::Of(const Condition& condition, const Condition& asked, eval::Evaluator& evaluator) {
  if (condition.kind != asked.kind || condition.children.size() != asked.children.size())
    return Truth::kUnknown;
  switch (condition.kind) {
    case Kind::kTrue:
      return Truth::kTrue;
    case Kind::kFalse:
      return Truth::kFalse;
    case Kind::kNot:
      return eval::Not(Of(condition.children[0], asked.children[0], evaluator));
    case Kind::kPredicate: {
      const Truth truth = evaluator.Ask(asked.predicate);
      Seen& seen = predicates_[index_.at(&condition)];
      seen.is_true += truth == Truth::kTrue;
      seen.is_false += truth == Truth::kFalse;
      return truth;
    }
    case Kind::kAnd:
    case Kind::kOr:
      break;
  }
  const bool conjunction = condition.kind == Kind::kAnd;
  Truth joined = eval::TruthOf(conjunction);
  for (size_t i = 0; i < condition.children.size(); ++i) {
    const Truth truth = Of(condition.children[i], asked.children[i], evaluator);
    joined = conjunction ? eval::And(joined, truth) : eval::Or(joined, truth);
    if (joined == eval::TruthOf(!conjunction)) break;
  }
  return joined;
}

void Coverage::Merge(const Coverage& other) {
  for (size_t i = 0; i < predicates_.size(); ++i) {
    predicates_[i].is_true += other.predicates_[i].is_true;
    predicates_[i].is_false += other.predicates_[i].is_false;
  }
  for (size_t i = 0; i < fired_.size(); ++i) fired_[i] += other.fired_[i];
}

double Coverage::Percent() const {
  if (predicates_.empty()) return 100;
  size_t seen = 0;
  for (const Seen& predicate : predicates_) seen += (predicate.is_true > 0) + (predicate.is_false > 0);
  return 100.0 * static_cast<double>(seen) / static_cast<double>(2 * predicates_.size());
}

}  // namespace sluice::harness
