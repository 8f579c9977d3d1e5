// harness/trigger_shell.h - a shell that runs one test's trigger, and everything that it leaves behind.
//
// The shell (/bin/sh) starts first and waits: what starting it does to the host is none of the trigger's doing.
// It reads the trigger from a pipe, so that the commands stand in no process's arguments. It has an empty folder
// of its own for its current directory, an empty standard input, and a session of its own.
//
// Threads: one thread. Ownership: the destructor kills every process that the trigger has left, those in the
//          background and in sessions of their own too, and removes the folder. This process becomes the one
//          that adopts orphans; it must have no other children.
// Errors:  a Status when the host gives no pipe, folder or process.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "compiler/source/source.h"

namespace sluice::harness {

struct TriggerEnd {
  bool timed_out = false;  // and killed
  int status = 0;          // as waitpid() gives it
  std::string output;      // the end of stdout and stderr, at most kKeptOutput bytes
  bool succeeded() const { return !timed_out && status == 0; }
  bool SkipsItself() const;  // status 77, as automake's tests say that something is missing here
  std::string Told() const;  // "it ended with status 1"
};

class TriggerShell {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kKeptOutput = 2000, kMaxTrigger = 60'000;  // a pipe holds more

  // Started, and waiting for Run().
  static source::Result<std::unique_ptr<TriggerShell>> Start(Clock::duration limit,
                                                             const std::atomic<bool>& stop);
  ~TriggerShell();

  pid_t pid() const { return pid_; }

  // Once. Ends with the shell, at the limit (from now), or when `stop` is set. REQUIRES: at most kMaxTrigger bytes.
  TriggerEnd Run(const std::string& trigger);

 private:
  TriggerShell(Clock::duration limit, const std::atomic<bool>& stop) : limit_(limit), stop_(stop) {}
  source::Status Spawn();
  source::Status AwaitReady();
  bool AwaitEnd(Clock::time_point deadline, int& status);
  void TakeOutput();
  void KillAll();

  const Clock::duration limit_;
  const std::atomic<bool>& stop_;
  pid_t pid_ = -1;
  int script_ = -1, ready_ = -1, output_ = -1;  // our ends of the pipes
  std::string folder_, kept_;
};

}  // namespace sluice::harness
