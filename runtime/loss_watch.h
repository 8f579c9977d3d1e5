// loss_watch.h - says which events nobody was told of, as alerts of the agent's own.
//
// The kernel counts what its ring buffer had no room for, the engine what it could not read; Look() compares the counts with those told last and
// makes one alert of the difference, at most one in kQuietNs: a flood must not bring a second one of alerts.
//
// Threads: engine thread. Time: boot-time nanoseconds. Errors: none.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/alert/alert.h"
#include "runtime/engine_snapshot.h"
#include "runtime/load/kernel.h"

namespace sluice {

class LossWatch {
 public:
  static constexpr int64_t kQuietNs = 10'000'000'000;

  // `counters` and `stats` are totals since the start. The alert's rule is "Sluice internal: events
  // lost", its fields are the losses by hook since the last one.
  std::optional<alert::Alert> Look(int64_t now_ns, const std::vector<load::HookCounters>& counters,
                                   const EngineStats& stats, const alert::Host& host);

 private:
  std::map<std::string, uint64_t> told_;  // by hook
  std::optional<int64_t> last_ns_;
};

// The agent's own alert "Sluice internal: mitigations without an agent": what pinned programs refused or killed before
// this agent took over, by hook. REQUIRES: not empty.
alert::Alert Unattended(const std::map<std::string, uint64_t>& by_hook, const alert::Host& host,
                        int64_t now_ns);

}  // namespace sluice
