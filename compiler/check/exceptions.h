// check/exceptions.h - exceptions of a rule -> what is joined to its condition. Private to check/.
//
// As in Falco: `(condition) and not EXC1 and not EXC2`, where EXC is an `or` over the rows of values, each
// row an `and` over the fields. Unlike Falco this is done on the tree: values are values, never text.
//
// Threads: pure function. Errors: E109 and E206 diagnostics; false means that one was added.
#pragma once

#include "compiler/ast/ast.h"
#include "compiler/diag/diag.h"

namespace sluice::check {

// Wraps `condition` in the exceptions of `rule`; leaves it alone when there are none with values.
bool JoinExceptions(const ast::Rule& rule, diag::Diagnostics& diagnostics, ast::Expr& condition);

}  // namespace sluice::check
