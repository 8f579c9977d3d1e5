// load/lsm_hooks.h - which programs this kernel has a hook for.
//
// Threads: not synchronized. Errors: a kernel whose types cannot be read has every hook: loading says what is
// wrong. Cost: one pass over the kernel's types, tens of milliseconds.
#pragma once

#include <bpf/libbpf.h>

#include <string>

#include "compiler/check/event.h"

namespace sluice::load {

// "file_open" of a program in the section "lsm/file_open"; "" when it is no LSM program.
std::string LsmHookOf(const bpf_program* program);

// The decision point that a program serves: some hooks of the kernel are one of ours (file_truncate is
// path_truncate).
check::HookId DecisionPointOf(const std::string& lsm_hook);

// Leaves out the programs of hooks that the kernel does not have. Returns the decision points that are left
// without any program. REQUIRES: `object` is not loaded yet.
check::HookMask LeaveOutMissing(bpf_object* object);

}  // namespace sluice::load
