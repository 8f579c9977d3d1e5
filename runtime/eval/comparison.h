// eval/comparison.h - one present, scalar value against the constants of a predicate, compiled once.
//
// Threads: const after construction; may be shared. Memory: owns its constants. Errors: none; a value of a
//          kind that does not fit the field's type is no match. Cost: hash look-ups for `=` and `in`, one
//          pass for the substring tests; no allocation, except for a regular expression on text that is not
//          UTF-8.
#pragma once

#include <memory>

#include "compiler/check/checked.h"
#include "runtime/eval/event.h"
#include "runtime/eval/truth.h"

namespace sluice::eval {

class Comparison {
 public:
  virtual ~Comparison() = default;
  // REQUIRES: `value` is neither absent nor unknown nor a list.
  virtual Truth Of(const Value& value) const = 0;
};

// Of op, quantifier and constants. REQUIRES: op is not kExists, no right term.
std::unique_ptr<Comparison> Compile(const check::Predicate& predicate);

// LEFT op RIGHT for two values of one type (val(...) and transformers on the right). REQUIRES: both present
// scalars.
Truth CompareValues(const Value& left, ast::Op op, const Value& right);

// ASCII case is ignored; an empty needle is in every text.
bool ContainsIgnoringCase(std::string_view text, std::string_view lowered_needle);

}  // namespace sluice::eval
