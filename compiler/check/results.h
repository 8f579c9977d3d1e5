// check/results.h - predicates on the result of a call, which every LSM hook comes before.
//
// An alert that asks waits for the call to return. A mitigation cannot: it sees an attempt that was permitted
// so far, where a predicate that merely says "the call succeeded" is true, one that says "it failed" is
// false, and any other (fd.num = 3) has no answer, an error. W207 says which. Falco's idioms for "never" and
// "always" (evt.num = 0, >= 0) are folded in both.
//
// Threads: none shared. Errors: E301 and W207 diagnostics.
#pragma once

#include <unordered_set>

#include "compiler/check/predicates.h"

namespace sluice::check {

class ResultFolder {
 public:
  // `results_known`: events carry results, for mitigations too; only Falco's idioms are folded.
  ResultFolder(const PredicateTable& predicates, bool results_known, diag::Diagnostics& diagnostics)
      : predicates_(predicates), results_known_(results_known), diagnostics_(diagnostics) {}

  // Replaces such predicates in `condition` by constants and notes it in `assumptions`. False: E301 was
  // added.
  bool Fold(const ast::Rule& rule, RuleId id, Condition& condition, std::vector<Assumption>& assumptions);

 private:
  bool FoldLeaf(const ast::Rule& rule, RuleId id, Condition& leaf, std::vector<Assumption>& assumptions);
  void Warn(const ast::Rule& rule, const Condition& leaf, std::string_view verdict);

  const PredicateTable& predicates_;
  const bool results_known_;
  diag::Diagnostics& diagnostics_;
  std::unordered_set<PredicateId> warned_;
};

}  // namespace sluice::check
