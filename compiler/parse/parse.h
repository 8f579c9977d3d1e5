// parse/parse.h - text -> ast::RuleSet.
//
// The text is split into blocks first, so that one broken block gives one error and the memory stays small;
// each block goes through the ANTLR parser. Only parse/*.cc includes ANTLR, and no exception leaves this
// module.
//
// Threads: a pure function; calls may run in parallel on different Diagnostics.
// Errors:  E1xx diagnostics; what could be parsed is returned all the same.
// Cost:    linear in the text, about 10 MB/s.
#pragma once

#include "compiler/ast/ast.h"
#include "compiler/diag/diag.h"
#include "compiler/parse/limits.h"
#include "compiler/source/source.h"

namespace sluice::parse {

// Appends the blocks of `file` to `rules`.
void Parse(const source::Files& files, source::FileId file, const Limits& limits, ast::RuleSet& rules,
           diag::Diagnostics& diagnostics);

// A condition that stands alone in its file (`sluice eval`). Returns false after an error.
bool ParseCondition(const source::Files& files, source::FileId file, const Limits& limits,
                    ast::Expr& condition, diag::Diagnostics& diagnostics);

}  // namespace sluice::parse
