// load/libbpf_log.h - what libbpf has to say, kept for the case that something fails.
//
// Threads: any. Memory: the last kKeptLines lines.
#pragma once

#include <string>

namespace sluice::load {

// From now on libbpf's messages are kept and not printed.
void CaptureLibbpfLog();

// The last lines, each after "\n  ", and forgets them; "" when there are none.
std::string TakeLibbpfLog();

}  // namespace sluice::load
