#include "compiler/uplan/index.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include "compiler/uplan/trigger.h"

namespace sluice::uplan {
namespace {

using check::FieldId;
using check::PredicateId;
using norm::Condition;

constexpr size_t kFew = 3;          // as many are judged one by one
constexpr size_t kMaxCover = 64;    // predicates of a cover
constexpr size_t kMaxDepth = 12;    // predicates assumed on the way down
constexpr size_t kMaxAsked = 32;    // literals without a trigger that a node asks
constexpr size_t kLeastShared = 6;  // rules that make one worth it
constexpr size_t kMany = 32;        // rules that are divided by switches first
constexpr size_t kGoodPart = 8;     // one in so many has the switch
constexpr size_t kCopies = 8;       // leaves of a condition, on average
constexpr size_t kMaxTypesFiled = 64;
constexpr double kFewValues = 0.3;
constexpr double kNever = 1e9;  // no cover: dearer than any

bool IsEventType(const check::Term& term) {
  return term.kind == check::Term::Kind::kField && term.field.field == FieldId::kEvtType;
}

// Fields of which every event has one of a few values.
bool HasFewValues(const check::Term& term) {
  if (term.kind != check::Term::Kind::kField) return false;
  switch (term.field.field) {
    case FieldId::kEvtType:
    case FieldId::kSyscallType:
    case FieldId::kEvtHook:
    case FieldId::kEvtSource:
    case FieldId::kFdType:
    case FieldId::kFdTypechar:
      return true;
    default:
      return false;
  }
}

uint64_t KeyOf(SlotId slot, int kind, std::string_view text) {
  return std::hash<std::string_view>()(text) * 31 + slot * 8ull + static_cast<uint64_t>(kind);
}

std::string_view BytesOf(const check::Value& value, const check::Predicate& predicate) {
  switch (predicate.left.type) {
    case check::Type::kString:
    case check::Type::kPath:
    case check::Type::kBytes:
      return value.text;
    case check::Type::kAddress:
    case check::Type::kNet:
      return {reinterpret_cast<const char*>(value.net.address.bytes.data()), value.net.address.bytes.size()};
    default:
      return {reinterpret_cast<const char*>(&value.number), sizeof(value.number)};
  }
}

template <typename Take>
void ForEachKey(const Trigger& trigger, const check::Predicate& predicate, SlotId slot, Take take) {
  const int kind = static_cast<int>(trigger.kind);
  if (trigger.kind == Trigger::Kind::kValue) {
    for (const check::Value& value : predicate.values)
      take(KeyOf(slot, kind, BytesOf(value, predicate)), GuessFrequency(predicate, value));
    return;
  }
  for (const std::string& text : trigger.texts) take(KeyOf(slot, kind, text), GuessFrequency(trigger, text));
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
  std::vector<Branch> found, asked;  // their nodes are written
};

Indexer::Indexer(UserPlan& plan)
    : plan_(plan), known_(plan.checked.predicates.size()), grouped_(plan.checked.predicates.size()) {
  plan_.index.nodes.emplace_back();  // kNoNode
}

// Conditions are filed by event type first: within a type its tests say no more.
void Indexer::Learn(PredicateId id) {
  const check::Predicate& predicate = plan_.checked.predicates[id];
  known_[id].emplace();
  if (!IsEventType(predicate.left)) known_[id]->trigger = TriggerOf(predicate, id);
}

void Indexer::Count(const Condition& condition) {
  for (const Condition& child : condition.children) Count(child);
  if (condition.kind != Condition::Kind::kLiteral || condition.negated) return;
  const PredicateId id = condition.predicate;
  if (!known_[id]) Learn(id);
  if (!known_[id]->trigger) return;
  ForEachKey(*known_[id]->trigger, plan_.checked.predicates[id], plan_.left_slot[id],
             [&](uint64_t key, double) { ++popularity_[key]; });
}

// A value that many rules ask for is one that many events have, or they would not have been written so.
double Indexer::FrequencyOf(const Trigger& trigger, const check::Predicate& predicate) {
  double sum = 0;
  const bool few = HasFewValues(predicate.left);
  ForEachKey(trigger, predicate, plan_.left_slot[trigger.predicate], [&](uint64_t key, double guess) {
    sum += few ? kFewValues : guess * std::sqrt(static_cast<double>(popularity_[key]));
  });
  return predicate.left.shape == check::Shape::kScalar ? sum : sum * 4;  // more values, and gaps
}

const Indexer::Known& Indexer::Know(PredicateId id) {
  if (!known_[id]) Learn(id);
  Known& known = *known_[id];
  if (known.frequency == 0) {
    known.frequency = known.trigger ? FrequencyOf(*known.trigger, plan_.checked.predicates[id]) : kNever;
  }
  return known;
}

bool Indexer::IsAssumed(PredicateId predicate, bool negated) const {
  return std::find(assumed_.begin(), assumed_.end(), Literal{predicate, negated}) != assumed_.end();
}

Indexer::Cover Indexer::CoverOf(const Condition& condition) {
  Cover cover{kNever, {}};
  switch (condition.kind) {
    case Condition::Kind::kLiteral: {
      if (condition.negated || IsAssumed(condition.predicate, false)) return cover;
      const double frequency = Know(condition.predicate).frequency;
      if (frequency < kNever) cover = {frequency, {condition.predicate}};
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
        if (of_child.predicates.empty() || cover.predicates.size() > kMaxCover) return {kNever, {}};
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

uint32_t Indexer::Build(const std::vector<const Entry*>& entries) {
  if (entries.empty()) return kNoNode;
  Parts parts;
  if (entries.size() <= kFew || assumed_.size() >= kMaxDepth) {
    for (const Entry* entry : entries) parts.leaves.push_back(entry->leaf);
  } else {
    Divide(entries, parts);
  }
  return Write(parts);
}

void Indexer::Divide(std::vector<const Entry*> entries, Parts& parts) {
  if (entries.size() >= kMany) DivideByShared(entries, entries.size() / kGoodPart, true, parts);
  std::map<PredicateId, std::vector<const Entry*>> by_predicate;
  std::vector<const Entry*> rest;
  for (const Entry* entry : entries) {
    const Cover cover = CoverOf(*entry->condition);
    if (cover.predicates.empty() || cover.predicates.size() > copies_) {
      rest.push_back(entry);
      continue;
    }
    copies_ -= cover.predicates.size();
    for (const PredicateId id : cover.predicates) by_predicate[id].push_back(entry);
  }
  for (const auto& [id, found] : by_predicate) {
    grouped_[id] = true;
    assumed_.push_back({id, false});
    parts.found.push_back({id, false, Build(found)});
    assumed_.pop_back();
  }
  DivideByShared(rest, kLeastShared, false, parts);
  for (const Entry* entry : rest) parts.leaves.push_back(entry->leaf);
}

// Takes out of `rest` what shares a literal with `least` others.
void Indexer::DivideByShared(std::vector<const Entry*>& rest, size_t least, bool only_switches,
                             Parts& parts) {
  std::vector<Condition> one;
  while (rest.size() > kFew && parts.asked.size() < kMaxAsked) {
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
    assumed_.push_back({predicate, negated});
    parts.asked.push_back({predicate, negated, Build(std::vector<const Entry*>(with, rest.end()))});
    assumed_.pop_back();
    rest.erase(with, rest.end());
  }
}

uint32_t Indexer::Write(Parts& parts) {
  Index& index = plan_.index;
  const auto size_of = [](const auto& all) { return static_cast<uint32_t>(all.size()); };
  Node node;
  node.leaves.begin = size_of(index.leaves);
  index.leaves.insert(index.leaves.end(), parts.leaves.begin(), parts.leaves.end());
  node.leaves.end = size_of(index.leaves);
  std::stable_sort(parts.found.begin(), parts.found.end(), [&](const Branch& a, const Branch& b) {
    return std::pair(plan_.left_slot[a.predicate], a.predicate) <
           std::pair(plan_.left_slot[b.predicate], b.predicate);
  });
  node.groups.begin = size_of(index.groups);
  for (const Branch& branch : parts.found) {
    const SlotId slot = plan_.left_slot[branch.predicate];
    if (size_of(index.groups) == node.groups.begin || index.groups.back().slot != slot)
      index.groups.push_back({slot, {size_of(index.branches), size_of(index.branches)}});
    index.branches.push_back(branch);
    index.groups.back().branches.end = size_of(index.branches);
  }
  node.groups.end = size_of(index.groups);
  node.asked.begin = size_of(index.branches);
  index.branches.insert(index.branches.end(), parts.asked.begin(), parts.asked.end());
  node.asked.end = size_of(index.branches);
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
  std::vector<std::vector<uint32_t>> filed(types);
  std::vector<Entry> untyped;
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
  hook.untyped = Add(untyped);
  if (untyped.size() < entries.size()) hook.typed.assign(types, kNoNode);
  std::map<std::vector<uint32_t>, uint32_t> roots;  // types with the same rules share one
  for (size_t type = 0; type < types; ++type) {
    if (filed[type].empty()) continue;
    const auto known = roots.find(filed[type]);
    if (known != roots.end()) {
      hook.typed[type] = known->second;
      continue;
    }
    std::vector<Entry> own;
    for (const uint32_t i : filed[type]) own.push_back(entries[i]);
    hook.typed[type] = Add(own);
    roots.emplace(std::move(filed[type]), hook.typed[type]);
  }
}

void Indexer::Finish() {
  for (PredicateId id = 0; id < grouped_.size(); ++id) {
    if (grouped_[id]) plan_.index.triggers.push_back(std::move(*known_[id]->trigger));
  }
}

}  // namespace sluice::uplan
