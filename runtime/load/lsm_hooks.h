// load/lsm_hooks.h - which programs this kernel has a hook for.
//
// Threads: not synchronized. Errors: a kernel whose types cannot be read has every hook: loading says what is
//          wrong. Cost: one pass over the kernel's types in the life of the process, tens of milliseconds.
#pragma once

#include <bpf/libbpf.h>

#include <string>

#include "compiler/check/event.h"

namespace sluice::load {

// "file_open" of a program in the section "lsm/file_open", "module_hidden" of those at the tracepoints of modules; "" of
// others.
std::string LsmHookOf(const bpf_program* program);

// The decision point that a program serves: some hooks of the kernel are one of ours (file_truncate is
// path_truncate).
check::HookId DecisionPointOf(const std::string& lsm_hook);

// Whether it completes calls: companions.h.
bool IsCompanion(const bpf_program* program);

// As DecisionPointOf; SLUICE_POINT_PROTECT, as the number of its bit, for the programs of the agent's own protection.
check::HookId PointOf(const bpf_program* program);

// The decision points of `object` that this kernel has no hook for.
check::HookMask MissingHooks(bpf_object* object);

// The same of every decision point, without any programs; needs no rights.
check::HookMask MissingHooks();

// Of the programs of decision points only those of `mask` that the kernel has a hook for are loaded; of the
// others, which keep the lineage, all or none. REQUIRES: `object` is not loaded yet.
void ChoosePrograms(bpf_object* object, check::HookMask mask, bool lineage);

}  // namespace sluice::load
