#include "runtime/self_protection.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <utility>

#include "runtime/alert/own.h"

namespace sluice {
namespace {

constexpr const char* kAttempt = "attempt on the agent";

std::string TextOr(const ring::Text& text, const char* otherwise) {
  return text.state == ring::Text::State::kPresent ? std::string(text.bytes) : otherwise;
}

std::string Signal(uint64_t number) {
  const char* name = sigabbrev_np(static_cast<int>(number));
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

std::string WhatWasTried(const ring::Record& record) {
  const uint64_t detail = record.header.numbers[1];
  const std::string file = TextOr(record.text, "?");
  switch (record.header.numbers[0]) {
    case SLUICE_ATTEMPT_SIGNAL:
      return fmt::format("{} to the agent", Signal(detail));
    case SLUICE_ATTEMPT_SIGIO:
      return fmt::format("{} to the agent by way of a file (F_SETOWN)", Signal(detail));
    case SLUICE_ATTEMPT_PTRACE:
      return detail == 1 ? "tracing of init, which could stop the agent"
                         : "tracing of the agent, or its memory";
    case SLUICE_ATTEMPT_LIMIT:
      return fmt::format("resource limit {} of the agent", detail);
    case SLUICE_ATTEMPT_SCHEDULING:
      return "priority, CPUs or memory nodes of the agent";
    case SLUICE_ATTEMPT_MAP:
      return fmt::format("writing to the agent's BPF map {}", detail);
    case SLUICE_ATTEMPT_PROGRAM:
      return fmt::format("access to the agent's BPF program {}", detail);
    case SLUICE_ATTEMPT_LINK:
      return fmt::format("access to the agent's BPF link {}", detail);
    case SLUICE_ATTEMPT_PIN:
      return "removal of the agent's pins, or of their file system";
    case SLUICE_ATTEMPT_CGROUP:
      return fmt::format("writing to {} of {}", file,
                         detail == 0                        ? "the agent's cgroup"
                         : static_cast<int64_t>(detail) < 0 ? "a cgroup below the agent's"
                                                            : "a cgroup above the agent's");
    case SLUICE_ATTEMPT_BIRTH:
      return "a child in the agent's cgroup (CLONE_INTO_CGROUP)";
    case SLUICE_ATTEMPT_MOVE:
      return "move of the agent to another cgroup";
    case SLUICE_ATTEMPT_PROC:
      return fmt::format("writing to {} of the agent in /proc", file);
    case SLUICE_ATTEMPT_TRACING:
      return fmt::format("writing to {}, which turns BPF programs off", file);
    case SLUICE_ATTEMPT_MEMORY:
      return fmt::format("writing to {}, which takes a page of memory from whoever uses it", file);
    case SLUICE_ATTEMPT_PERF:
      return fmt::format("a perf event that sends a signal to process {}", detail);
    default:
      return fmt::format("attempt of kind {}", record.header.numbers[0]);
  }
}

// Who is trusted with it, or what could not refuse it.
std::string Outcome(const sluice_record& header) {
  if (header.numbers[2] == 0) return "refused";
  return header.numbers[0] == SLUICE_ATTEMPT_MOVE
             ? "not refused: the kernel asked nobody (version 1 of "
               "cgroups, mounted after the agent's start, or the agent is "
               "in a cgroup namespace of its own)"
             : "let through: it came from init";
}

}  // namespace

alert::Alert AttemptWatch::Tell(const ring::Record& record, const alert::Host& host) {
  const sluice_record& header = record.header;
  const std::string tried = WhatWasTried(record), outcome = Outcome(header),
                    name = TextOr(record.name, "<NA>"), exepath = TextOr(record.exepath, "<NA>");
  if (header.numbers[2] == 0) ++told_;
  alert::Alert alert =
      alert::Own(kAttempt, ast::Priority::kCritical, "attempt", host, static_cast<int64_t>(header.time_ns));
  alert.id += fmt::format("-{}-{}", header.cpu, header.sequence);
  alert.pid = header.pid;
  alert.output = fmt::format("{}: {} | name={} exepath={} pid={} uid={}", tried, outcome, name, exepath,
                             header.pid, header.uid);
  alert.fields.push_back(alert::TextField("attempt", tried));
  alert.fields.push_back(alert::TextField("outcome", outcome));
  alert.fields.push_back(alert::TextField("proc.name", name));
  alert.fields.push_back(alert::TextField("proc.exepath", exepath));
  alert.fields.push_back(alert::NumberField("proc.pid", header.pid));
  alert.fields.push_back(alert::NumberField("user.uid", header.uid));
  return alert;
}

std::optional<alert::Alert> AttemptWatch::Look(int64_t now_ns, uint64_t refused, const alert::Host& host) {
  const uint64_t settled = std::exchange(before_, refused), untold = settled - std::min(settled, told_);
  if (untold == 0) return std::nullopt;
  told_ += untold;
  alert::Alert alert = alert::Own(kAttempt, ast::Priority::kCritical, "attempts", host, now_ns);
  alert.output = fmt::format("{} further attempts: refused", untold);
  alert.fields.push_back(alert::NumberField("attempts", static_cast<int64_t>(untold)));
  return alert;
}

alert::Alert AuditSwitched(const std::string& what, const std::string& asker, const alert::Host& host,
                           int64_t now_ns) {
  alert::Alert alert = alert::Own("audit switched", ast::Priority::kWarning, "audit", host, now_ns);
  alert.output = fmt::format("{} | by {}", what, asker);
  alert.fields.push_back(alert::TextField("asker", asker));
  return alert;
}

alert::Alert StopAsked(const std::string& asker, const alert::Host& host, int64_t now_ns) {
  alert::Alert alert = alert::Own("stop asked", ast::Priority::kWarning, "stop", host, now_ns);
  alert.output = fmt::format("the agent ends: `sluice stop` | by {}", asker);
  alert.fields.push_back(alert::TextField("asker", asker));
  return alert;
}

}  // namespace sluice
