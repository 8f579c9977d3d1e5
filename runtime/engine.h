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
#include "runtime/capture/writer.h"
#include "runtime/engine_snapshot.h"
#include "runtime/load/kernel.h"

namespace sluice {

struct EngineOptions {
  std::vector<std::string> rule_files;  // and folders; read again at Reload()
  bool trusted_files = false;           // a rule file that others can write fails the reload (trusted.h)
  Options compile;
  load::Options load;
  capture::Writer* capture = nullptr;  // borrowed; gets everything that the kernel sends
  bool throttled = true;               // rules' throttles hold alerts back
  bool every_event = false;            // the rules only ask for every event: they raise no alerts
  bool audit = false;                  // as after Audit() of all
};

class Engine {
 public:
  using AlertSink = std::function<void(const alert::Alert&)>;

  Engine(EngineOptions options, AlertSink sink);
  ~Engine();

  // Runs until Stop(). `ready` is called once every rule is active. `reloaded(status)` after each Reload().
  source::Status Run(std::unique_ptr<Compilation> compilation, const std::function<void()>& ready,
                     const std::function<void(const source::Status&, const Compilation*)>& reloaded);

  void Stop();  // async-signal-safe
  // Likewise, with an alert that says who asked for it. From any thread.
  void StopFor(const std::string& asker);
  void Reload();  // async-signal-safe

  // CLOCK_BOOTTIME: what the kernel sent before it has been judged, and its alerts are out. From any thread.
  int64_t JudgedUntilNs() const;

  // Switches between audit and enforcement, without a reload; what to tell whoever asked. From any thread; waits for the
  // engine, a few seconds at most. Errors: kNotFound: no such rule; kUnavailable: the engine does not answer.
  source::Result<std::string> Audit(const AuditRequest& request);

  // As of at most a second ago while Run() goes on, exact after it. From any thread.
  EngineSnapshot Snapshot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
