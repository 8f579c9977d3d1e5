// runtime/load/blind_spots.h - what rules lose on a kernel that lacks a hook or a function, in words.
//
// Threads: pure function. Errors: none.
#pragma once

#include <string>
#include <vector>

#include "compiler/split/partition.h"

namespace sluice::load {

// A line for the calls whose return no program can see, "" when there are none.
std::string UnseenCallsText(const std::vector<std::string>& calls);

// A line for each decision point of `missing` at which a rule can be true, with these rules; "" when there is
// none.
std::string MissingHooksText(const split::Partition& partition, check::HookMask missing);

}  // namespace sluice::load
