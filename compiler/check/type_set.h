// check/type_set.h - which event types a condition can be true of: a superset, by evt.type, evt.hook and by
// which hooks supply the fields. Private to check/.
//
// Threads: pure functions. Errors: none.
#pragma once

#include <bitset>
#include <deque>
#include <utility>
#include <vector>

#include "compiler/check/predicates.h"

namespace sluice::check {

inline constexpr size_t kMaxTypes = 512;
using TypeSet = std::bitset<kMaxTypes>;  // bit 0: events without a type

TypeSet AllTypes();
TypeSet TypesAt(HookId hook);  // the hook's own types, without bit 0

class TypeFinder {
 public:
  explicit TypeFinder(const PredicateTable& predicates) : predicates_(predicates) {}

  // REQUIRES: `negated` false for a whole condition.
  TypeSet Find(const Condition& condition, bool negated = false);

 private:
  struct Pair {
    TypeSet when_true, when_false;
  };
  const Pair& OfPredicate(PredicateId id);
  const Pair* Make(const Predicate& predicate);

  const PredicateTable& predicates_;
  std::vector<const Pair*> known_;                         // by PredicateId
  std::vector<std::pair<HookMask, const Pair*>> by_mask_;  // most predicates differ in this only
  std::deque<Pair> pairs_;
};

}  // namespace sluice::check
