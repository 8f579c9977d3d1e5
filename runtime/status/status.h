// status/status.h - how the agent is doing, for people and for machines.
//
//   MetricsText()  Prometheus' text format 0.0.4
//   StatusJson()   one object, what `sluice status` and `sluice top` read
//   Health()       empty, or why the agent is not well
//
// Threads: pure functions of a snapshot. Time: nanoseconds since boot. Errors: none.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine_snapshot.h"
#include "runtime/sink/outputs.h"

namespace sluice::status {

struct Status {
  std::string version;
  uint32_t process_id = 0;
  int64_t now_ns = 0, started_ns = 0;
  uint64_t resident_bytes = 0;
  std::optional<EngineSnapshot> engine;  // none in a replay
  std::vector<sink::OutputStats> outputs;
};
using Source = std::function<Status()>;  // called on any thread

// Fills what this process knows of itself; `engine` and `outputs` are the caller's.
Status OfThisProcess(std::string version, int64_t started_ns);

std::string MetricsText(const Status& status);
std::string StatusJson(const Status& status);
std::string Health(const Status& status);

}  // namespace sluice::status
