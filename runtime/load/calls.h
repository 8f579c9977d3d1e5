// load/calls.h - which event type a system call number means: the contents of the map type_by_call.
//
// Threads: pure function.
#pragma once

#include <functional>
#include <vector>

#include "bpf/abi/filter_abi.h"
#include "compiler/check/event.h"

namespace sluice::load {

// Whether the events of this type may wait for the call's return, by ABI: 0 64 bit, 1 32 bit, 2 io_uring.
using Completes = std::function<bool(check::EventType type, int abi)>;

// SLUICE_CALL_ENTRIES entries: 64-bit calls, 32-bit calls, then what io_uring stands for at each hook.
std::vector<sluice_call> CallTable(const Completes& completes);

}  // namespace sluice::load
