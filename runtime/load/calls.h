// load/calls.h - which event type a system call number means: the contents of the map type_by_call.
//
// Threads: pure function.
#pragma once

#include <vector>

#include "bpf/abi/filter_abi.h"

namespace sluice::load {

// SLUICE_CALL_ENTRIES entries: 64-bit calls, 32-bit calls, then what io_uring stands for at each hook.
std::vector<sluice_call> CallTable();

}  // namespace sluice::load
