// log.h - what happens while an agent runs, line by line on stderr, through spdlog.
//
// A line is `TIME sluice: LEVEL: TEXT`, in UTC; where systemd's journal reads stderr, which has a time of its own, it is
// `<PRIORITY>TEXT` and the journal takes the level from it. The lines that scripts wait for (`sluice: ready`, `sluice:
// reloaded`, the counters) and complaints about arguments are no part of it: Tell() in rules.h.
//
// Threads: any. Errors: none; a reader that went away is no reason to stop.
#pragma once

#include <string_view>

#include "runtime/sink/output.h"

namespace sluice::cli {

using sink::Severity;

void Log(Severity severity, std::string_view text);

}  // namespace sluice::cli
