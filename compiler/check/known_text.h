// check/known_text.h - what a predicate says of a value that is known while compiling. Private to check/.
//
// Threads: pure function. Errors: none.
#pragma once

#include <string_view>

#include "compiler/check/checked.h"

namespace sluice::check {

// The truth of `predicate` where its left side is `text`. REQUIRES: type kString, no right term.
bool TestText(const Predicate& predicate, std::string_view text);

// Likewise. REQUIRES: a type that Value::number holds, no right term.
bool TestNumber(const Predicate& predicate, int64_t number);

}  // namespace sluice::check
