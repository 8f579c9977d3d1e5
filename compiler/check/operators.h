// check/operators.h - which operators fit which types (docs/language.md has the table). Private to check/.
//
// Threads: pure functions. Errors: none.
#pragma once

#include <string>

#include "compiler/check/checked.h"

namespace sluice::check {

bool Fits(ast::Op op, Type type, Shape shape);
// The same with a field or transformer on the right: no pattern operator, no net.
bool FitsTerm(ast::Op op, Type type, Shape shape);

std::string FittingOperators(Type type, Shape shape);  // "`=`, `!=`, `in`"

bool IsListOperator(ast::Op op);  // in, intersects, pmatch

}  // namespace sluice::check
