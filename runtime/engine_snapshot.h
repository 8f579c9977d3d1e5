// engine_snapshot.h - what a running engine has counted, at one moment.
//
// Threads: passive data. Time: nanoseconds. All counters since the start.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/enforcement.h"
#include "runtime/lineage/tree.h"
#include "runtime/load/kernel.h"

namespace sluice {

// From the hook to the alert.
struct LagHistogram {
  static constexpr std::array<int64_t, 10> kBoundsNs = {1'000'000,     5'000'000,    10'000'000,  20'000'000,
                                                        50'000'000,    100'000'000,  250'000'000, 500'000'000,
                                                        1'000'000'000, 5'000'000'000};
  std::array<uint64_t, kBoundsNs.size() + 1> counts{};  // up to each bound; the last: beyond
  int64_t sum_ns = 0;

  void Add(int64_t lag_ns) {
    size_t at = 0;
    while (at < kBoundsNs.size() && lag_ns > kBoundsNs[at]) ++at;
    ++counts[at];
    sum_ns += lag_ns;
  }
};

struct RuleCounts {
  uint64_t matches = 0;     // alerts, and what the throttle held back
  uint64_t suppressed = 0;  // by the throttle
  uint64_t cost_ns = 0;  // in user space: judging it, estimated (eval/cost_sampler.h), and making its alerts
};

// What went missing on the way to an alert, besides what the kernel counts per hook.
struct EngineStats {
  uint64_t undecodable = 0;        // records that do not parse
  uint64_t tree_records_lost = 0;  // forks, execs and exits: lineage may have gaps
  uint64_t suppressed = 0;  // alerts that a rule's throttle held back; not missing: they were not wanted
};

struct EngineSnapshot {
  int64_t taken_ns = 0;  // CLOCK_BOOTTIME
  uint64_t rules_active = 0, reloads = 0, reloads_failed = 0;
  bool last_reload_failed = false;
  uint64_t pinned = 0;                         // programs that stay in force when the agent ends
  uint64_t attempts = 0;                       // on the agent, refused by its own protection
  uint64_t taken_over = 0;                     // programs of earlier agents that this one took away
  std::vector<std::string> warnings;           // what the start could not do and goes on without
  std::map<std::string, uint64_t> unattended;  // by hook: refused or killed and told by no earlier agent
  std::vector<load::HookCounters> hooks;
  std::map<std::string, RuleCounts> rules;  // by name; those that ever matched or were timed
  EngineStats stats;
  LagHistogram lag;
  lineage::Stats tree;
  EnforcementState enforcement;
  std::map<std::string, std::map<std::string, uint64_t>> sets;  // by set and member: the end of its time
  uint64_t set_members_refused = 0;
};

}  // namespace sluice
