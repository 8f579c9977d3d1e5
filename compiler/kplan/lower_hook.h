// kplan/lower_hook.h - the conditions of one hook as entries of the kernel's tables: every value that a condition names gets
// the class of the clauses that it satisfies. Private to kplan/; lower.cc makes the whole plan.
//
// Threads: pure function. Errors: diagnostics (E304): what does not fit a table; the lookup at fault is left unfinished.
// Cost:    one pass over the values of each lookup, sorted.
#pragma once

#include "compiler/diag/diag.h"
#include "compiler/kplan/kernel_plan.h"
#include "compiler/kplan/truth.h"

namespace sluice::kplan {

// Adds to `plan`; the classes of all hooks are one numbering, in `classes`. REQUIRES: once for each hook of `partition`.
void LowerHook(const split::Partition& partition, const split::HookPartition& hook, KernelPlan& plan,
               ClassTable& classes, diag::Diagnostics& diagnostics);

}  // namespace sluice::kplan
