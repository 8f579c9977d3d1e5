// check/check.h - ast -> CheckedRules: names, macros, lists, exceptions, types.
//
// Macros are resolved on the tree (never as text) and may be declared in any order; lists may hold lists to
// any depth. Threads: a pure function. Errors: E2xx and W2xx diagnostics; rules with errors are left out of
// the result.
// Cost: linear in the expanded conditions, which are bounded by Limits.
#pragma once

#include "compiler/ast/ast.h"
#include "compiler/check/checked.h"
#include "compiler/diag/diag.h"

namespace sluice::check {

struct Limits {
  uint32_t max_nodes = 100'000;                // of one rule's condition after expansion
  uint32_t max_list_items = 10'000'000;        // of one list after expansion
  uint64_t max_total_list_items = 40'000'000;  // of all lists together, each expanded
  uint32_t max_depth = 1'000;                  // of one condition after expansion
  uint64_t max_total_nodes = 4'000'000;        // of all macros and conditions together
  // Events carry results (`replay` of JSON events): predicates on a result are kept. Otherwise an event is an
  // attempt that was permitted so far, and they are folded (results.h). CheckCondition() folds nothing in any
  // case.
  bool results_known = false;
};

CheckedRules Check(const ast::RuleSet& rules, const Limits& limits, diag::Diagnostics& diagnostics);
// The same without the texts of `desc` and `output`; each rule is freed once it is checked, so that not all are in memory
// twice.
CheckedRules Check(ast::RuleSet&& rules, const Limits& limits, diag::Diagnostics& diagnostics);

// A condition alone, with no macros or lists declared (`sluice eval`): one rule named "condition".
CheckedRules CheckCondition(const ast::Expr& condition, const Limits& limits, diag::Diagnostics& diagnostics);

}  // namespace sluice::check
