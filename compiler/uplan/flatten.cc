#include "compiler/uplan/flatten.h"

#include <algorithm>
#include <utility>

namespace sluice::uplan {
namespace {

using norm::Condition;

void Mix(size_t& hash, size_t value) { hash ^= value + 0x9e3779b97f4a7c15ull + (hash << 6) + (hash >> 2); }

size_t HashOf(const std::vector<Step>& steps) {
  size_t hash = steps.size();
  for (const Step& step : steps) {
    Mix(hash, step.predicate * 2 + step.negated);
    Mix(hash, step.on_true);
    Mix(hash, step.on_false);
  }
  return hash;
}

bool SameStep(const Step& a, const Step& b) {
  return a.predicate == b.predicate && a.negated == b.negated && a.on_true == b.on_true &&
         a.on_false == b.on_false;
}

// Targets inside a condition are relative to its first step until it has its place.
uint32_t Moved(uint32_t target, uint32_t by) { return target >= kReject ? target : target + by; }

}  // namespace

Flattener::Flattener(UserPlan& plan) : plan_(plan), costs_(plan.checked.predicates.size()) {
  plan_.conditions.push_back({});
}

ConditionId Flattener::Flatten(const Condition& condition) {
  if (condition.kind == Condition::Kind::kTrue) return kAlways;
  std::vector<Step> steps;
  Emit(Weigh(condition), kAccept, kReject, steps);
  const size_t hash = HashOf(steps);
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Range range = plan_.conditions[it->second];
    if (range.end - range.begin != steps.size()) continue;
    bool same = true;
    for (uint32_t i = 0; i < steps.size() && same; ++i) {
      const Step moved{steps[i].predicate, steps[i].negated, Moved(steps[i].on_true, range.begin),
                       Moved(steps[i].on_false, range.begin)};
      same = SameStep(moved, plan_.steps[range.begin + i]);
    }
    if (same) return it->second;
  }
  const auto first = static_cast<uint32_t>(plan_.steps.size());
  for (Step& step : steps) {
    step.on_true = Moved(step.on_true, first);
    step.on_false = Moved(step.on_false, first);
  }
  plan_.steps.insert(plan_.steps.end(), steps.begin(), steps.end());
  const auto id = static_cast<ConditionId>(plan_.conditions.size());
  plan_.conditions.push_back({first, static_cast<uint32_t>(plan_.steps.size())});
  by_hash_.emplace(hash, id);
  return id;
}

Flattener::Node Flattener::Weigh(const Condition& condition) const {
  Node node{&condition, {}, {}};
  if (condition.kind == Condition::Kind::kLiteral) {
    node.weight = {1, CostOf(condition.predicate)};
    return node;
  }
  for (const Condition& child : condition.children) {
    node.children.push_back(Weigh(child));
    const Weight weight = node.children.back().weight;
    node.weight.steps += weight.steps;
    node.weight.cost = std::min(1'000'000u, node.weight.cost + weight.cost);
  }
  std::stable_sort(node.children.begin(), node.children.end(),
                   [](const Node& a, const Node& b) { return a.weight.cost < b.weight.cost; });
  return node;
}

// Roughly: numbers and short texts, then long texts, then searches, patterns, and what must be put together
// first.
uint32_t Flattener::CostOf(check::PredicateId id) const {
  uint32_t& cost = costs_[id];
  if (cost != 0) return cost;
  const check::Predicate& predicate = plan_.checked.predicates[id];
  switch (predicate.op) {
    case ast::Op::kRegex:
      cost = 40;
      break;
    case ast::Op::kGlob:
    case ast::Op::kIGlob:
    case ast::Op::kIContains:
      cost = 20;
      break;
    case ast::Op::kContains:
    case ast::Op::kBContains:
    case ast::Op::kPmatch:
      cost = 8;
      break;
    default:
      cost = 2;
  }
  const auto is_derived = [](const check::Term& term) {
    return term.kind != check::Term::Kind::kField || term.field.shape() != check::Shape::kScalar;
  };
  if (is_derived(predicate.left)) cost += 10;
  if (!predicate.right.empty()) cost += is_derived(predicate.right[0]) ? 12 : 2;
  return cost;
}

// `on_true` and `on_false` of a child that is not the last are the next child's first step, or what is
// decided.
void Flattener::Emit(const Node& node, uint32_t on_true, uint32_t on_false, std::vector<Step>& steps) const {
  if (node.condition->kind == Condition::Kind::kLiteral) {
    steps.push_back({node.condition->predicate, node.condition->negated, on_true, on_false});
    return;
  }
  const bool conjunction = node.condition->kind == Condition::Kind::kAnd;
  for (size_t i = 0; i < node.children.size(); ++i) {
    const Node& child = node.children[i];
    const bool last = i + 1 == node.children.size();
    const auto next = static_cast<uint32_t>(steps.size()) + child.weight.steps;
    const uint32_t child_true = conjunction && !last ? next : on_true;
    const uint32_t child_false = !conjunction && !last ? next : on_false;
    Emit(child, child_true, child_false, steps);
  }
}

}  // namespace sluice::uplan
