// norm/normal.h - conditions in negation normal form.
//
// `not` has been moved down to the predicates, where it is a flag of the literal: a false literal of an
// absent field is true, so `not a = b` stays that and never becomes `a != b`. Constants are folded, nested
// and/or flattened, `a = x or a in (y, z)` merged into one `in`, children sorted into a canonical order
// without duplicates.
//
// Threads: passive data. Memory: self-contained.
#pragma once

#include <string>
#include <vector>

#include "compiler/check/checked.h"
#include "compiler/diag/diag.h"

namespace sluice::norm {

struct Condition {
  enum class Kind : uint8_t { kTrue, kFalse, kAnd, kOr, kLiteral } kind = Kind::kTrue;
  bool negated = false;
  check::PredicateId predicate = 0;
  source::BoxedVector<Condition> children;  // kAnd: none is kAnd, kTrue, kFalse; kOr likewise; two or more
  source::Span span;
};

struct NormalRules {
  check::CheckedRules checked;        // with predicates made by merging appended
  std::vector<Condition> conditions;  // by RuleId
};

// With `drops_written` what `checked` says of how things were written is dropped where only people read it: a canonical
// predicate replaces the written one, and alerts lose the conditions of the stage before. The result means the same.
NormalRules Normalize(check::CheckedRules checked, diag::Diagnostics& diagnostics,
                      bool drops_written = false);
std::string Print(const NormalRules& rules);  // --emit norm
std::string Print(const Condition& condition, const check::CheckedRules& checked);

}  // namespace sluice::norm
