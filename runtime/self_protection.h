// self_protection.h - what concerns the agent itself, as alerts of its own: attempts to stop, trace or change it, and what it was
// told to do over its control socket.
//
// The kernel refuses every attempt and tells at most one a second of each kind (bpf/protect.bpf.c); what it only counted is
// told as a number.
//
// Threads: engine thread. Time: boot-time nanoseconds. Errors: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/alert/alert.h"
#include "runtime/ring/record.h"

namespace sluice {

class AttemptWatch {
 public:
  // "Sluice internal: attempt on the agent": what was tried, by whom, and whether it was refused. REQUIRES: `record` is a
  // SLUICE_RECORD_ATTEMPT.
  alert::Alert Tell(const ring::Record& record, const alert::Host& host);

  // Once a second: the same of those that came without a record. `refused` is the kernel's count since the start.
  std::optional<alert::Alert> Look(int64_t now_ns, uint64_t refused, const alert::Host& host);

 private:
  uint64_t told_ = 0;    // of the refused ones
  uint64_t before_ = 0;  // at the last Look(): their records have been read by now
};

// "Sluice internal: audit switched" and "Sluice internal: stop asked", by `asker`.
alert::Alert AuditSwitched(const std::string& what, const std::string& asker, const alert::Host& host,
                           int64_t now_ns);
alert::Alert StopAsked(const std::string& asker, const alert::Host& host, int64_t now_ns);

}  // namespace sluice
