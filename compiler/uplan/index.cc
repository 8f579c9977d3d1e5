#include "compiler/uplan/index.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace sluice::uplan {
namespace {

using check::FieldId;
using check::PredicateId;
using norm::Condition;

constexpr size_t kFew = 3;           // as many are judged one by one
constexpr size_t kMaxCover = 64;     // predicates of a cover
constexpr size_t kMaxDepth = 12;     // predicates assumed on the way down
constexpr size_t kMaxSwitches = 32;  // literals that a node asks
constexpr size_t kLeastShared = 6;   // rules that make one worth it
constexpr size_t kMany = 8;          // rules that are divided by switches first
constexpr size_t kGoodPart = 8;      // one in so many has the switch
constexpr size_t kCopies = 8;        // leaves of a condition, on average
constexpr size_t kSharedList = 4;    // conditions that make a list's own node worth it
constexpr size_t kMaxTypesFiled = 64;
constexpr size_t kUntypedCopies =
    2;                             // of a rule, on average, to have those for all types in each type's tree
constexpr double kVisitCost = 40;  // nanoseconds, roughly, of what a mark leads to

bool IsEventType(const check::Term& term) {
  return term.kind == check::Term::Kind::kField && term.field.field == FieldId::kEvtType;
}

const std::vector<Condition>& Conjuncts(const Condition& condition, std::vector<Condition>& one) {
  if (condition.kind == Condition::Kind::kAnd) return condition.children;
  one.clear();
  if (condition.kind == Condition::Kind::kLiteral) one.push_back(condition);
  return one;
}

}  // namespace

struct Indexer::Parts {
  std::vector<Leaf> leaves;
  std::vector<Branch> branches;  // their nodes are written
  std::vector<Switch> switches;
};

Indexer::Indexer(UserPlan& plan) : plan_(plan), marks_(plan), spared_(plan.slots.size()) {
  plan_.index.nodes.emplace_back();  // kNoNode
}

void Indexer::Count(const Condition& condition, bool is_rule) {
  for (const Condition& child : condition.children) Count(child, is_rule);
  if (condition.kind == Condition::Kind::kLiteral)
    marks_.Count(condition.predicate, is_rule && !condition.negated);
}

bool Indexer::IsAssumed(PredicateId predicate, bool negated) const {
  const Assumed assumed{negated ? Assumed::Kind::kFalse : Assumed::Kind::kTrue, predicate};
  return std::find(assumed_.begin(), assumed_.end(), assumed) != assumed_.end();
}

// Its marks divide no more what is at this node.
bool Indexer::IsSpent(PredicateId predicate) const {
  // Conditions are filed by event type first: within a type its tests say no more.
  const check::Term& left = plan_.checked.predicates[predicate].left;
  if (IsEventType(left) || IsAssumed(predicate, false)) return true;
  const Range own = marks_.Of(predicate);
  const auto& lists = plan_.index.mark_lists;
  for (const Assumed& assumed : assumed_) {
    if (assumed.kind != Assumed::Kind::kMark) continue;
    const Mark& mark = plan_.index.marks[assumed.id];
    if (mark.slot != plan_.left_slot[predicate]) continue;
    const bool whole = mark.kind == Mark::Kind::kText || mark.kind == Mark::Kind::kNumber;
    if (whole && left.shape == check::Shape::kScalar) return true;
    if (std::binary_search(lists.begin() + own.begin, lists.begin() + own.end, assumed.id)) return true;
  }
  return false;
}

Indexer::Cover Indexer::CoverOf(const Condition& condition) {
  Cover cover;
  switch (condition.kind) {
    case Condition::Kind::kLiteral: {
      if (condition.negated || spared_[plan_.left_slot[condition.predicate]]) return cover;
      if (IsSpent(condition.predicate)) return cover;
      const double frequency = marks_.FrequencyOf(condition.predicate);
      if (frequency < Marks::kNever) cover = {frequency, {condition.predicate}};
      return cover;
    }
    case Condition::Kind::kAnd:
      for (const Condition& child : condition.children) {
        Cover of_child = CoverOf(child);
        if (!of_child.predicates.empty() && of_child.frequency < cover.frequency) cover = std::move(of_child);
      }
      return cover;
    case Condition::Kind::kOr:
      cover.frequency = 0;
      for (const Condition& child : condition.children) {
        const Cover of_child = CoverOf(child);
        cover.frequency += of_child.frequency;
        cover.predicates.insert(cover.predicates.end(), of_child.predicates.begin(),
                                of_child.predicates.end());
        if (of_child.predicates.empty() || cover.predicates.size() > kMaxCover) return {};
      }
      std::sort(cover.predicates.begin(), cover.predicates.end());
      cover.predicates.erase(std::unique(cover.predicates.begin(), cover.predicates.end()),
                             cover.predicates.end());
      return cover;
    default:
      return cover;
  }
}

uint32_t Indexer::Add(const std::vector<Entry>& entries) {
  copies_ = kCopies * entries.size() + kMaxCover;
  std::vector<const Entry*> all;
  all.reserve(entries.size());
  for (const Entry& entry : entries) all.push_back(&entry);
  return Build(all);
}

uint32_t Indexer::Build(const Entries& entries) {
  if (entries.empty()) return kNoNode;
  Parts parts;
  if (entries.size() <= kFew || assumed_.size() >= kMaxDepth) {
    for (const Entry* entry : entries) parts.leaves.push_back(entry->leaf);
  } else {
    Divide(entries, parts);
  }
  return Write(parts);
}

uint32_t Indexer::BuildUnder(Assumed assumed, const Entries& entries) {
  assumed_.push_back(assumed);
  const uint32_t node = Build(entries);
  assumed_.pop_back();
  return node;
}

void Indexer::Divide(Entries entries, Parts& parts) {
  if (entries.size() >= kMany) DivideByShared(entries, entries.size() / kGoodPart, true, parts);
  // What is looked at behind a switch is mostly looked at anyway.
  const size_t above = looked_at_.size();
  for (const Switch& way : parts.switches) {
    const Range groups = plan_.index.nodes[way.node].groups;
    for (uint32_t i = groups.begin; i < groups.end; ++i) LookAt(plan_.index.groups[i].slot);
  }
  DivideByCover(entries, parts);
  looked_at_.resize(above);
  DivideByShared(entries, kLeastShared, false, parts);
  for (const Entry* entry : entries) parts.leaves.push_back(entry->leaf);
}

std::vector<SlotId> Indexer::SlotsOf(const Cover& cover) const {
  std::vector<SlotId> slots;
  for (const PredicateId id : cover.predicates) {
    const SlotId slot = plan_.left_slot[id];
    if (std::find(slots.begin(), slots.end(), slot) == slots.end()) slots.push_back(slot);
  }
  return slots;
}

void Indexer::LookAt(SlotId slot) {
  if (std::find(looked_at_.begin(), looked_at_.end(), slot) == looked_at_.end()) looked_at_.push_back(slot);
}

// A slot at a node costs every event that comes there; another cover costs those that have its marks. What is
// looked at anyway stands in first, then anything else.
void Indexer::SpareSlots(const Entries& entries, std::vector<Cover>& covers) {
  std::vector<bool> free(spared_.size());
  for (const SlotId slot : looked_at_) free[slot] = true;
  std::vector<SlotId> dearest;
  for (const Cover& cover : covers) {
    for (const SlotId slot : SlotsOf(cover)) {
      if (!free[slot]) dearest.push_back(slot);
      free[slot] = true;
    }
  }
  std::stable_sort(dearest.begin(), dearest.end(),
                   [&](SlotId a, SlotId b) { return marks_.CostOf(a) > marks_.CostOf(b); });
  std::vector<bool> spared(spared_.size());
  for (const SlotId slot : dearest) {
    spared[slot] = true;
    free[slot] = false;
    for (const bool only_free : {true, false}) {
      for (SlotId i = 0; i < spared_.size(); ++i) spared_[i] = spared[i] || (only_free && !free[i]);
      if (SpareSlot(slot, free, entries, covers)) break;
      if (only_free) continue;
      spared[slot] = false;
      free[slot] = true;
    }
  }
  spared_.assign(spared_.size(), false);
}

bool Indexer::SpareSlot(SlotId spared, std::vector<bool>& free, const Entries& entries,
                        std::vector<Cover>& covers) {
  double saved = marks_.CostOf(spared);
  std::vector<std::pair<size_t, Cover>> others;
  std::vector<SlotId> added;
  // Conditions with one other cover are found together, and divided by the slot there.
  std::map<std::vector<PredicateId>, double> cost_of;
  for (size_t i = 0; i < entries.size() && saved > 0; ++i) {
    const std::vector<SlotId> slots = SlotsOf(covers[i]);
    if (std::find(slots.begin(), slots.end(), spared) == slots.end()) continue;
    others.emplace_back(i, CoverOf(*entries[i]->condition));
    const Cover& other = others.back().second;
    double& cost = cost_of[other.predicates];
    const double together = other.frequency * (kVisitCost + marks_.CostOf(spared));
    const double added_cost = std::min(other.frequency * kVisitCost, std::max(0.0, together - cost));
    cost += added_cost;
    saved -= added_cost - covers[i].frequency * kVisitCost;
    for (const SlotId slot : SlotsOf(other)) {
      if (free[slot] || std::find(added.begin(), added.end(), slot) != added.end()) continue;
      added.push_back(slot);
      saved -= marks_.CostOf(slot);
    }
  }
  if (saved <= 0) return false;
  for (const SlotId slot : added) free[slot] = true;
  for (auto& [i, cover] : others) covers[i] = std::move(cover);
  return true;
}

// Leaves those without a cover.
void Indexer::DivideByCover(Entries& entries, Parts& parts) {
  std::vector<Cover> covers;
  for (const Entry* entry : entries) covers.push_back(CoverOf(*entry->condition));
  SpareSlots(entries, covers);
  std::unordered_map<PredicateId, size_t> uses;
  for (const Cover& cover : covers) {
    for (const PredicateId id : cover.predicates) ++uses[id];
  }
  std::map<PredicateId, Entries> by_list;
  std::map<MarkId, Entries> by_mark;
  Entries rest;
  for (size_t i = 0; i < entries.size(); ++i) {
    size_t marks = 0;
    for (const PredicateId id : covers[i].predicates)
      marks += uses[id] >= kSharedList ? 1 : marks_.Of(id).end - marks_.Of(id).begin;
    if (marks == 0 || marks > copies_) {
      rest.push_back(entries[i]);
      continue;
    }
    copies_ -= marks;
    for (const PredicateId id : covers[i].predicates) {
      const Range range = marks_.Of(id);
      if (uses[id] >= kSharedList && range.end - range.begin > 1) {
        by_list[id].push_back(entries[i]);
        continue;
      }
      for (uint32_t at = range.begin; at < range.end; ++at) {
        Entries& filed = by_mark[marks_.At(at)];
        if (filed.empty() || filed.back() != entries[i]) filed.push_back(entries[i]);
      }
    }
  }
  const size_t above = looked_at_.size();
  for (const Cover& cover : covers) {
    for (const SlotId slot : SlotsOf(cover)) LookAt(slot);
  }
  for (const auto& [mark, filed] : by_mark)
    parts.branches.push_back({mark, BuildUnder({Assumed::Kind::kMark, mark}, filed)});
  for (const auto& [id, filed] : by_list) {
    const uint32_t node = BuildUnder({Assumed::Kind::kTrue, id}, filed);
    for (uint32_t at = marks_.Of(id).begin; at < marks_.Of(id).end; ++at)
      parts.branches.push_back({marks_.At(at), node});
  }
  looked_at_.resize(above);
  entries = std::move(rest);
}

// Takes out of `rest` what shares a literal with `least` others.
void Indexer::DivideByShared(Entries& rest, size_t least, bool only_switches, Parts& parts) {
  std::vector<Condition> one;
  while (rest.size() > kFew && parts.switches.size() < kMaxSwitches) {
    std::map<std::pair<PredicateId, bool>, size_t> shared;
    for (const Entry* entry : rest) {
      for (const Condition& literal : Conjuncts(*entry->condition, one)) {
        if (literal.kind != Condition::Kind::kLiteral) continue;
        if (IsAssumed(literal.predicate, literal.negated)) continue;
        const check::Term& left = plan_.checked.predicates[literal.predicate].left;
        if (IsEventType(left) || (only_switches && left.type != check::Type::kBool)) continue;
        ++shared[{literal.predicate, literal.negated}];
      }
    }
    const auto most = std::max_element(shared.begin(), shared.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == shared.end() || most->second < least) return;
    const auto [predicate, negated] = most->first;
    const auto has = [&, id = predicate, sign = negated](const Entry* entry) {
      const auto& conjuncts = Conjuncts(*entry->condition, one);
      return std::any_of(conjuncts.begin(), conjuncts.end(), [&](const Condition& literal) {
        return literal.kind == Condition::Kind::kLiteral && literal.predicate == id &&
               literal.negated == sign;
      });
    };
    const auto with = std::stable_partition(rest.begin(), rest.end(), std::not_fn(has));
    const auto truth = negated ? Assumed::Kind::kFalse : Assumed::Kind::kTrue;
    parts.switches.push_back({predicate, negated, BuildUnder({truth, predicate}, Entries(with, rest.end()))});
    rest.erase(with, rest.end());
  }
}

uint32_t Indexer::WriteLeaves(const std::vector<Leaf>& leaves) {
  Index& index = plan_.index;
  size_t hash = leaves.size();
  for (const Leaf& leaf : leaves) {
    hash = hash * 0x9e3779b97f4a7c15u + leaf.rule;
    hash = hash * 0x9e3779b97f4a7c15u + leaf.condition;
  }
  const auto [begin, end] = leaf_nodes_.equal_range(hash);
  for (auto known = begin; known != end; ++known) {
    const Range written = index.nodes[known->second].leaves;
    if (std::equal(leaves.begin(), leaves.end(), index.leaves.begin() + written.begin,
                   index.leaves.begin() + written.end)) {
      return known->second;
    }
  }
  Node node;
  node.leaves.begin = static_cast<uint32_t>(index.leaves.size());
  index.leaves.insert(index.leaves.end(), leaves.begin(), leaves.end());
  node.leaves.end = static_cast<uint32_t>(index.leaves.size());
  const auto id = static_cast<uint32_t>(index.nodes.size());
  index.nodes.push_back(node);
  leaf_nodes_.emplace(hash, id);
  return id;
}

uint32_t Indexer::Write(Parts& parts) {
  if (parts.branches.empty() && parts.switches.empty()) return WriteLeaves(parts.leaves);
  Index& index = plan_.index;
  const auto size_of = [](const auto& all) { return static_cast<uint32_t>(all.size()); };
  Node node;
  node.leaves.begin = size_of(index.leaves);
  index.leaves.insert(index.leaves.end(), parts.leaves.begin(), parts.leaves.end());
  node.leaves.end = size_of(index.leaves);
  std::sort(parts.branches.begin(), parts.branches.end(), [&](const Branch& a, const Branch& b) {
    return std::tuple(index.marks[a.mark].slot, a.mark, a.node) <
           std::tuple(index.marks[b.mark].slot, b.mark, b.node);
  });
  node.groups.begin = size_of(index.groups);
  for (const Branch& branch : parts.branches) {
    const SlotId slot = index.marks[branch.mark].slot;
    if (size_of(index.groups) == node.groups.begin || index.groups.back().slot != slot)
      index.groups.push_back({slot, {size_of(index.branches), size_of(index.branches)}});
    index.branches.push_back(branch);
    index.groups.back().branches.end = size_of(index.branches);
  }
  node.groups.end = size_of(index.groups);
  node.switches.begin = size_of(index.switches);
  index.switches.insert(index.switches.end(), parts.switches.begin(), parts.switches.end());
  node.switches.end = size_of(index.switches);
  index.nodes.push_back(node);
  return size_of(index.nodes) - 1;
}

// A superset of the types at which the literal is not false; bit 0 also stands for names that are no known
// type.
Indexer::Types Indexer::TypesOf(const check::Predicate& predicate, bool negated) const {
  const bool is_set = predicate.op == ast::Op::kIn || predicate.op == ast::Op::kEq;
  const bool is_other = predicate.op == ast::Op::kNe && predicate.values.size() == 1;
  const bool quantified =
      predicate.quantifier != ast::Quantifier::kNone && predicate.quantifier != ast::Quantifier::kAnyOf;
  if (!IsEventType(predicate.left) || !predicate.right.empty() || quantified || !(is_set || is_other))
    return Types().set();
  Types named;
  bool all_known = true;
  for (const check::Value& value : predicate.values) {
    const check::EventType type = check::FindEvent(value.text);
    all_known = all_known && type != check::kNoType;
    if (type != check::kNoType) named.set(type);
  }
  Types types = is_set != negated ? named : ~named;
  types.set(0, !all_known || !is_set || negated);
  return types;
}

Indexer::Types Indexer::TypesOf(const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kLiteral:
      return TypesOf(plan_.checked.predicates[condition.predicate], condition.negated);
    case Condition::Kind::kAnd: {
      Types types = Types().set();
      for (const Condition& child : condition.children) types &= TypesOf(child);
      return types;
    }
    case Condition::Kind::kOr: {
      Types types;
      for (const Condition& child : condition.children) types |= TypesOf(child);
      return types;
    }
    default:
      return Types().set();
  }
}

void Indexer::AddByType(const std::vector<Entry>& entries, HookPlan& hook) {
  const size_t types = check::Events().size() + 1;
  std::vector<Entry> untyped;
  std::map<std::vector<uint32_t>, std::vector<size_t>> types_of;  // those with the same rules
  std::vector<std::vector<uint32_t>> filed(types);
  for (uint32_t i = 0; i < entries.size(); ++i) {
    const Types at = TypesOf(*entries[i].condition);
    if (at.count() > kMaxTypesFiled) {
      untyped.push_back(entries[i]);
      continue;
    }
    for (size_t type = 0; type < types; ++type) {
      if (at[type]) filed[type].push_back(i);
    }
  }
  for (size_t type = 0; type < types; ++type) {
    if (!filed[type].empty()) types_of[std::move(filed[type])].push_back(type);
  }
  hook.untyped = Add(untyped);
  if (!types_of.empty()) hook.typed.assign(types, kNoNode);
  // One tree looks at a value's marks once for all of an event's rules.
  hook.visits_both = untyped.size() * types_of.size() > kUntypedCopies * entries.size();
  for (const auto& [rules, at] : types_of) {
    std::vector<Entry> own;
    if (!hook.visits_both) own = untyped;
    for (const uint32_t i : rules) own.push_back(entries[i]);
    const uint32_t root = Add(own);
    for (const size_t type : at) hook.typed[type] = root;
  }
}

}  // namespace sluice::uplan
