// kplan/ends.h - the filters over both ends of a path that spare an event the building of its path.
//
// What the filters say is a necessary condition: a path whose first component or whose last two bytes have no
// bit finds no entry in the tables that they stand for. See sluice_hook_config and sluice_match_ends().
//
// Threads: none of its own. Errors: none; entries that the filters cannot stand for leave their flag off.
#pragma once

#include <cstdint>
#include <string_view>

#include "compiler/kplan/kernel_plan.h"

namespace sluice::kplan {

// Fills firsts, partial_firsts and lasts of every hook of the plan. REQUIRES: the plan's entries are
// complete.
void FillEnds(KernelPlan& plan);

// What the kernel reads off a dentry: the ends of a path, as sluice_match_ends() wants them.
// `known` is false where the kernel would not ask: no leading slash or an empty component.
struct Ends {
  bool known = false;
  uint64_t component = 0;
  uint32_t ending = 0;
};
Ends EndsOf(std::string_view path);
uint64_t FirstBytesOf(std::string_view value);  // 8, the first one lowest

}  // namespace sluice::kplan
