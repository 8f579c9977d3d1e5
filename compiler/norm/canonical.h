// norm/canonical.h - one predicate for one question, however it was asked. Private to norm/.
//
// `in (x)`, `= anyof (x)` and `intersects (x)` of a single value are `= x`; the values of an `in` are sorted.
// What is not in the table yet is appended, or takes the place of what was written: always, or where that is very large, so
// that it is held once.
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
  CanonicalPredicates(std::vector<check::Predicate>& predicates, bool replaces);

  check::PredicateId Canonical(check::PredicateId id);
  // True when any of them is. REQUIRES: memberships of the same left side.
  check::PredicateId Union(const std::vector<check::PredicateId>& ids);

  const check::Predicate& at(check::PredicateId id) const { return predicates_[id]; }
  // A total order: by field, operator, then first use; the same whether written ones are replaced or not.
  bool Before(check::PredicateId a, check::PredicateId b) const;

 private:
  check::PredicateId Find(const check::Predicate& predicate, uint64_t hash) const;
  check::PredicateId Intern(check::Predicate predicate);

  std::vector<check::Predicate>& predicates_;
  const bool replaces_;
  std::vector<check::PredicateId> canonical_;  // by PredicateId; kNone: not asked yet
  std::vector<uint32_t> made_;  // by PredicateId: 0, or the how manieth that was made of others
  uint32_t made_count_ = 0;
  std::unordered_multimap<uint64_t, check::PredicateId> by_hash_;
};

}  // namespace sluice::norm
