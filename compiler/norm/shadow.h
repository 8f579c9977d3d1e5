// norm/shadow.h - tests and rules that add nothing, for something else says as much: W216 and W217. Private
// to norm/.
//
// "b implies a" is decided from the form of both alone: the same test, a smaller list, a longer prefix, a
// part of an `and`. What is found is so; much that is so is not found.
//
// Threads: pure function. Errors: none; adds warnings unless `# allow: slug` names them.
// Cost:    rules are compared through an index, and all comparisons together are bounded; past the bound it
//          finds less.
#pragma once

#include <utility>
#include <vector>

#include "compiler/norm/normal.h"

namespace sluice::norm {

// Two places of one rule with the same test, of which the first was kept.
struct Repeat {
  check::RuleId rule = 0;
  source::Span kept, repeated;
};

void WarnShadowed(const NormalRules& rules, const std::vector<Repeat>& repeats,
                  diag::Diagnostics& diagnostics);

}  // namespace sluice::norm
