// split/expand.h - the condition of one rule at one hook -> clauses: kernel tests AND a residue.
//
// Threads: not synchronized. Memory: interned disjunctions live as long as the Interner. Errors: none.
// Cost:    proportional to the condition and to the clauses made, which the budget bounds.
#pragma once

#include <deque>
#include <set>
#include <unordered_map>
#include <vector>

#include "compiler/split/lower.h"

namespace sluice::split {

// A disjunction of tests of one lookup, by number.
using AnyOfId = uint32_t;

class Interner {
 public:
  // `any_of.tests` need not be sorted; tests of equal polarity are united.
  AnyOfId Intern(AnyOf any_of);
  const AnyOf& operator[](AnyOfId id) const { return all_[id]; }

  // A literal whose predicate was lowered to `lowered` (identified by its address).
  AnyOfId Literal(const Lowered& lowered, bool negated);
  // Frees what Literal() needs.
  void ForgetLiterals() { literals_[0] = literals_[1] = {}; }

 private:
  std::deque<AnyOf> all_;
  std::unordered_multimap<size_t, AnyOfId> by_hash_;
  std::unordered_map<const Lowered*, AnyOfId> literals_[2];
};

// Sorted and without duplicates: a KernelCondition by numbers.
using Kernel = std::vector<AnyOfId>;

struct Clause {
  Kernel kernel;
  norm::Condition residue;
};

// A condition that each of `kernels` implies: what they have in common, and for a lookup that all of them
// ask, the union of their values. REQUIRES: one kernel or more.
Kernel Weaken(const std::vector<const Kernel*>& kernels, Interner& interner);

// `condition` at `hook`: predicates that are constant there are folded.
norm::Condition Specialise(const norm::Condition& condition, check::HookId hook, Lowering& lowering);

struct Expansion {
  std::vector<Clause> clauses;  // their disjunction is the condition; none: it can never be true
  // Predicates that the kernel could decide and that were left to the residue because there were too many
  // clauses.
  std::set<check::PredicateId> over_budget;
};
// REQUIRES: `condition` was specialised to `hook`.
Expansion Expand(const norm::Condition& condition, check::HookId hook, uint32_t max_clauses,
                 Lowering& lowering, Interner& interner);

}  // namespace sluice::split
