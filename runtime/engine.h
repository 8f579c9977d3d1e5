// engine.h - load -> ring -> lineage -> eval -> alert -> sink, wired on one screen.
//
// Threads: Run() owns ring, tree and evaluation on the calling thread and never blocks on NSS, DNS, disk or a
//          socket; sinks have their own. Stop() and Reload() may be called from a signal handler.
// Errors:  a Status when the host cannot do it; a failed reload keeps the old set.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "runtime/alert/alert.h"
#include "runtime/load/kernel.h"

namespace sluice {

struct EngineOptions {
  std::vector<std::string> rule_files;  // and folders; read again at Reload()
  Options compile;
  load::Options load;
};

// What went missing on the way to an alert, besides what the kernel counts per hook.
struct EngineStats {
  uint64_t undecodable = 0;        // records that do not parse
  uint64_t orphaned = 0;           // records of a rule set that is no longer kept
  uint64_t tree_records_lost = 0;  // forks, execs and exits: lineage may have gaps
  uint64_t suppressed = 0;  // alerts that a rule's throttle held back; not missing: they were not wanted
};

class Engine {
 public:
  using AlertSink = std::function<void(const alert::Alert&)>;

  Engine(EngineOptions options, AlertSink sink);
  ~Engine();

  // Runs until Stop(). `ready` is called once every rule is active. `reloaded(status)` after each Reload().
  source::Status Run(std::unique_ptr<Compilation> compilation, const std::function<void()>& ready,
                     const std::function<void(const source::Status&, const Compilation*)>& reloaded);

  void Stop();    // async-signal-safe
  void Reload();  // async-signal-safe

  // Valid after Run() returned.
  const std::vector<load::HookCounters>& counters() const;
  const EngineStats& stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
