// split/returns.h - which entries wait for the call's return, and which look at calls that failed early.
//
// A call that fails before it comes to its hook (a file that is not there, permissions) is an event only for
// a clause that asks for failures: one with a test of the result that holds of some failure.
//
// Threads: pure functions. Errors: none.
#pragma once

#include "compiler/split/partition.h"

namespace sluice::split {

// `condition` is what is left for user space at `hook`.
bool AsksResult(const check::CheckedRules& checked, const norm::Condition& condition, check::HookId hook);

// The output prints what is known only then. It is waited for where the rule names the call's type.
bool ShowsResult(const check::CheckedRule& rule, check::HookId hook);

bool TestsType(const KernelCondition& condition);

bool SeesFailures(const check::CheckedRules& checked, const norm::Condition& condition, check::HookId hook);

}  // namespace sluice::split
