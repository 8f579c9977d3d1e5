// norm/canonical.h - one predicate for one question, however it was asked. Private to norm/.
//
// `in (x)`, `= anyof (x)` and `intersects (x)` of a single value are `= x`; the values of an `in` are sorted.
// What is not in the table yet is appended (a very large one is replaced in place, so that it is held once).
//
// Threads: none shared. Memory: borrows the table of predicates. Errors: none.
#pragma once

#include <unordered_map>
#include <vector>

#include "compiler/check/checked.h"

namespace sluice::norm {

// A test for one of some values whose union is the same kind of test.
bool IsMembership(const check::Predicate& predicate);

class CanonicalPredicates {
 public:
  explicit CanonicalPredicates(std::vector<check::Predicate>& predicates);

  check::PredicateId Canonical(check::PredicateId id);
  // True when any of them is. REQUIRES: memberships of the same left side.
  check::PredicateId Union(const std::vector<check::PredicateId>& ids);

  const check::Predicate& at(check::PredicateId id) const { return predicates_[id]; }
  // A total order: by field, operator, then first use.
  bool Before(check::PredicateId a, check::PredicateId b) const;

 private:
  check::PredicateId Intern(check::Predicate predicate);

  std::vector<check::Predicate>& predicates_;
  std::vector<check::PredicateId> canonical_;  // by PredicateId; kNone: not asked yet
  std::unordered_multimap<uint64_t, check::PredicateId> by_hash_;
};

}  // namespace sluice::norm
