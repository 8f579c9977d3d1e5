// check/unknown_field.h - does a rule name a field that nobody knows? For Falco's skip-if-unknown-filter.
// Private to check/.
//
// Looks at the words given, not into the macros that they name (conditions.h does).
//
// Threads: a pure function. Errors: none reported. Cost: linear in the rule.
#pragma once

#include <optional>

#include "compiler/ast/ast.h"

namespace sluice::check {

// The first unknown field in condition, exceptions or output.
std::optional<ast::Word> FindUnknownField(const ast::Rule& rule);
std::optional<ast::Word> FindUnknownField(const ast::Expr& condition);

}  // namespace sluice::check
