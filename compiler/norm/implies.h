// norm/implies.h - does one condition follow from another, by their form? Private to norm/.
//
// Threads: one Implication belongs to one thread. Errors: none. Cost: every step is taken from a budget; when
//          it is used up, nothing implies anything any more.
#pragma once

#include <vector>

#include "compiler/norm/normal.h"

namespace sluice::norm {

class Implication {
 public:
  Implication(const std::vector<check::Predicate>& predicates, size_t budget)
      : predicates_(predicates), budget_(budget) {}

  // Whenever `from` is true, so is `to`. False when it cannot tell.
  bool Implies(const Condition& from, const Condition& to);
  bool spent() const { return budget_ == 0; }

 private:
  bool LiteralImplies(const Condition& from, const Condition& to);
  bool PredicateImplies(check::PredicateId from, check::PredicateId to);
  bool Spend(size_t steps);

  const std::vector<check::Predicate>& predicates_;
  size_t budget_;
};

}  // namespace sluice::norm
