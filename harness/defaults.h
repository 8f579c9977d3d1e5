// harness/defaults.h - what a field holds when the test does not say.
//
// Works on what is there: a value that is given is never changed, and what can be told from it is
// (`proc.cmdline` gives `proc.exe` and `proc.args`; `evt.arg.flags` gives `evt.is_open_write`).
//
// Threads: pure functions. Errors: none.
#pragma once

#include "harness/written.h"

namespace sluice::harness {

// proc.*, thread.*, user.*, group.*, container.*: of a process that the test has not had. `pid`: when not
// given.
void FillProcess(Fields& fields, int pid);
// evt.*, fd.*, fs.*: `fields` has its process.
void FillEvent(Fields& fields, check::HookId hook, check::EventType type, size_t number);

// The ancestors of a child of `parent`, unless `fields` says otherwise.
void InheritFrom(const Fields& parent, Fields& fields);

// Whether the field belongs to the process, not to the event.
bool IsOfProcess(std::string_view field);

}  // namespace sluice::harness
