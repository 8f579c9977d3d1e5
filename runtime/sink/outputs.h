// sink/outputs.h - all outputs of a configuration.
//
// Threads: everything from any; Reopen() from a signal handler, too; Close() once.
// Errors:  Open(), as source/thread.h. Those of an output: output.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/sink/output.h"

namespace sluice::sink {

class Outputs {
 public:
  // Tells of alerts that wait in a spool of the state directory which no output of the configuration uses.
  static source::Result<std::unique_ptr<Outputs>> Open(const config::Config& config, const Log& log);
  ~Outputs();

  void Push(const alert::Alert& alert, const std::string& json = {});  // as Output::Push()
  bool WaitForRoom(std::chrono::milliseconds timeout);                 // in every output
  void Reopen();                                                       // async-signal-safe
  std::vector<OutputStats> Stats() const;

  void Hurry();  // Close() comes to its end now; async-signal-safe
  // Delivers what waits, up to the configuration's `drain`. What is left stays in the spools.
  std::vector<OutputStats> Close();

 private:
  explicit Outputs(int64_t drain_ns) : drain_ns_(drain_ns) {}

  const int64_t drain_ns_;
  std::vector<std::unique_ptr<Output>> outputs_;
};

}  // namespace sluice::sink
