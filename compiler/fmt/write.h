// fmt/write.h - a tree as .rule text: for `sluice import`.
//
// Lists, macros and rules in the order of the tree, each below a comment that says where it came from. Names
// that no .rule file may have are changed (`my-list` -> `my_list`), with everything that refers to them.
// Tests are not written.
//
// Threads: a pure function. Errors: none. Cost: linear in the tree.
#pragma once

#include <string>

#include "compiler/ast/ast.h"

namespace sluice::fmt_stage {

// Not laid out yet: Format() does that. REQUIRES: `rules` compile.
std::string Write(const ast::RuleSet& rules, const source::Files& files);

}  // namespace sluice::fmt_stage
