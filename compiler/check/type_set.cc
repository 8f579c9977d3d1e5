#include "compiler/check/type_set.h"

#include "compiler/check/known_text.h"
#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

// Types at hooks of `mask`, types that no hook supplies (nothing is known of them) and events without a type.
TypeSet TypesOfMask(HookMask mask) {
  TypeSet types;
  types.set(kNoType);
  for (const EventRow& row : Events()) {
    if (row.hooks == 0 || (mask & row.hooks) != 0) types.set(row.type);
  }
  return types;
}

TypeSet MatchNames(const Predicate& predicate) {
  TypeSet types;
  for (const EventRow& row : Events()) {
    if (TestText(predicate, row.name)) types.set(row.type);
  }
  return types;
}

TypeSet MatchHooks(const Predicate& predicate, bool truth) {
  TypeSet types;
  types.set(kNoType);
  for (const EventRow& row : Events()) {
    bool some = row.hooks == 0;
    for (const HookRow& hook : Hooks()) {
      some = some || (row.IsAt(hook.id) && TestText(predicate, hook.name) == truth);
    }
    if (some) types.set(row.type);
  }
  return types;
}

bool IsOpenKind(FieldId id) {
  return id == FieldId::kEvtIsOpenRead || id == FieldId::kEvtIsOpenWrite || id == FieldId::kEvtIsOpenExec ||
         id == FieldId::kEvtIsOpenCreate;
}

// `evt.is_open_read = true` and the like: false for events that are no opens.
bool AsksForOpen(const Predicate& predicate) {
  return IsOpenKind(predicate.left.field.field) && predicate.op == ast::Op::kEq &&
         predicate.values.size() == 1 && predicate.values[0].number == 1;
}

}  // namespace

TypeSet AllTypes() { return TypesOfMask(kAllHooks); }

TypeSet TypesAt(HookId hook) {
  TypeSet types;
  for (const EventRow& row : Events()) {
    if (hook == kNoHook ? row.hooks == 0 : row.IsAt(hook)) types.set(row.type);
  }
  return types;
}

const TypeFinder::Pair& TypeFinder::OfPredicate(PredicateId id) {
  if (known_.size() <= id) known_.resize(predicates_.size());
  if (known_[id] == nullptr) known_[id] = Make(predicates_.at(id));
  return *known_[id];
}

const TypeFinder::Pair* TypeFinder::Make(const Predicate& predicate) {
  static const TypeSet all = AllTypes();
  HookMask mask = kAllHooks;
  if (predicate.left.kind == Term::Kind::kField) {
    const FieldId field = predicate.left.field.field;
    if (field == FieldId::kEvtType || field == FieldId::kSyscallType) {
      const TypeSet named = MatchNames(predicate);
      return &pairs_.emplace_back(Pair{named, all & ~named});
    }
    if (field == FieldId::kEvtHook) {
      return &pairs_.emplace_back(Pair{MatchHooks(predicate, true), MatchHooks(predicate, false)});
    }
    // Where a field is not supplied it is absent, and the predicate false.
    mask = AsksForOpen(predicate) ? kOpenHooks : predicate.left.field.hooks();
    if (mask == 0) mask = kAllHooks;  // supplied nowhere: another warning says so
  }
  for (const auto& [known, pair] : by_mask_) {
    if (known == mask) return pair;
  }
  const Pair* pair = &pairs_.emplace_back(Pair{TypesOfMask(mask), all});
  by_mask_.push_back({mask, pair});
  return pair;
}

TypeSet TypeFinder::Find(const Condition& condition, bool negated) {
  switch (condition.kind) {
    case Condition::Kind::kTrue:
    case Condition::Kind::kFalse:
      return (condition.kind == Condition::Kind::kTrue) != negated ? AllTypes() : TypeSet();
    case Condition::Kind::kNot:
      return Find(condition.children[0], !negated);
    case Condition::Kind::kPredicate: {
      const Pair& pair = OfPredicate(condition.predicate);
      return negated ? pair.when_false : pair.when_true;
    }
    case Condition::Kind::kAnd:
    case Condition::Kind::kOr:
      break;
  }
  const bool meet = (condition.kind == Condition::Kind::kAnd) != negated;
  TypeSet types = Find(condition.children[0], negated);
  for (size_t i = 1; i < condition.children.size(); ++i) {
    const TypeSet child = Find(condition.children[i], negated);
    types = meet ? types & child : types | child;
  }
  return types;
}

}  // namespace sluice::check
