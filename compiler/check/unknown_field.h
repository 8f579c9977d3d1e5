// check/unknown_field.h - does a rule name a field or an event type that nobody knows? For Falco's
// skip-if-unknown-filter. Private to check/.
//
// Looks at the words given, not into the macros that they name (conditions.h does).
//
// Threads: pure functions. Errors: none reported. Cost: linear in the rule and the lists that it names.
#pragma once

#include <optional>

#include "compiler/ast/ast.h"
#include "compiler/check/names.h"

namespace sluice::check {

struct Unknown {
  ast::Word word;
  bool event_type = false;  // otherwise a field
};

// The first one in condition, exceptions or output.
std::optional<Unknown> FindUnknown(const ast::Rule& rule, Names& names);
std::optional<Unknown> FindUnknown(const ast::Expr& condition, Names& names);

}  // namespace sluice::check
