// lineage/proc.h - one process as /proc shows it.
//
// Threads: pure reads. Errors: a process that vanishes, or whose files do not parse, is nullopt; of files
//          that may be missing or unreadable (cwd, environ, loginuid) the value stays empty. Limits: every
//          file is read up to a bound; argv and environment up to what a record could carry.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/lineage/tree.h"

namespace sluice::lineage {

// Pids of the process folders of `proc`, in no order. kNotFound when the folder is not there.
source::Result<std::vector<uint32_t>> ListProcesses(const std::string& proc);

std::optional<ProcEntry> ReadProcess(const std::string& proc, uint32_t pid, bool with_env);

// All of them, oldest first; those that vanish meanwhile are left out. kNotFound when the folder is not there.
source::Result<std::vector<ProcEntry>> ReadProcesses(const std::string& proc, bool with_env);

// Start times in /proc are floor(nanoseconds since boot / this) ticks.
uint64_t TickNs();

}  // namespace sluice::lineage
