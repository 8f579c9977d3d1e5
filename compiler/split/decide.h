// split/decide.h - where each predicate of a rule is decided, in words.
//
// Threads: pure functions. Errors: none. Cost: linear in the conditions.
#pragma once

#include "compiler/split/expand.h"

namespace sluice::split {

// A rule at a hook at which it can be true.
struct Placed {
  check::RuleId rule = 0;
  norm::Condition whole;
  Expansion expansion;
  bool weakened = false;  // shares a bit that stands for less than its own kernel condition
};

// One decision for each predicate of `condition` that matters at the hook, in the order of the condition.
void Decide(const norm::Condition& condition, const Placed& placed, check::HookId hook, const Budget& budget,
            Lowering& lowering, const std::vector<uint32_t>& atom_numbers, std::vector<Decision>& decisions);

// "the parent", "any ancestor", "ancestor 3".
std::string LevelName(uint32_t level);

}  // namespace sluice::split
