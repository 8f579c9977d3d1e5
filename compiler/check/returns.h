// check/returns.h - which fields and predicates are about what is known only when the call returns.
//
// Threads: pure functions. Errors: none.
#pragma once

#include <optional>

#include "compiler/check/checked.h"

namespace sluice::check {

// A field of the call's result.
bool IsResult(const FieldUse& use);

// Whether the predicate looks at one.
bool AsksResult(const Predicate& predicate);

// A field that the events of `hook` have only once the call has returned: its result, who was accepted.
bool IsAfterCall(const FieldUse& use, HookId hook);

// Whether the predicate looks at such a field.
bool AsksAfterCall(const Predicate& predicate, HookId hook);

// What a predicate on the result says of every call that failed; nothing when that depends on the error, or
// when it is about something else.
std::optional<bool> TruthOfFailure(const Predicate& predicate);

}  // namespace sluice::check
