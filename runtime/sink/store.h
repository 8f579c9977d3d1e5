// sink/store.h - the alerts that one output still has to deliver.
//
// They wait on disk (spool.h). While the disk refuses, or when the output has no spool, they wait in memory. A spool that
// cannot be used at the start, or that another process has, is tried again every kTryAgain.
// At the spool's bound, or when the receiver will never have them, they go to the dead-letter file; when that is
// full or cannot be written either, they are lost, and counted as such.
//
// Threads: any; the disk is used under the lock, so never call it from the engine thread.
// Memory:  at most `most_in_memory` alerts, and one batch.
// Errors:  counted, and told by TakeFault() and TakeLosses().
// Counted: appended + recovered = acknowledged + dead_lettered + lost + waiting.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "runtime/sink/delivery.h"
#include "runtime/sink/spool.h"

namespace sluice::sink {

struct StoreCounts {
  uint64_t recovered = 0;  // left by an earlier process
  uint64_t dead_lettered = 0, lost = 0, waiting = 0, spool_bytes = 0;
};

// What went elsewhere than to the receiver, though that did not refuse it.
struct Losses {
  uint64_t dead_lettered = 0, lost = 0;
  std::string reason;  // of the last one
};

class Store {
 public:
  static constexpr std::chrono::seconds kTryAgain{10};

  // An empty folder: no spool.
  Store(std::string name, std::string folder, const config::Spool& limits, size_t most_in_memory);

  void Append(std::string alert);

  // The oldest alerts; empty when nothing waits. An error: the spool cannot be read for now. Every Next() is followed by
  // one Done().
  source::Result<Batch> Next(size_t most);
  void Done(size_t delivered);
  // As Done(1), for an alert that goes to the dead-letter file. False: it is lost, for that cannot take it.
  bool Refused(const std::string& alert, std::string_view reason);

  // What waits in memory goes to disk as far as it can, and the disk's own buffers too. Now and then.
  void Tend();
  // What still waits in memory is dead-lettered or lost.
  void Close();

  uint64_t waiting() const { return waiting_; }  // takes no lock, as does the next
  bool has_spool() const { return has_spool_; }
  // Nothing when the disk holds up whoever uses it for longer than that.
  std::optional<StoreCounts> counts(std::chrono::milliseconds patience) const;
  std::string TakeFault();  // what the disk last complained of; empty: nothing new
  Losses TakeLosses();      // since the last call

 private:
  bool OpenSpool();
  bool ToDisk(const std::string& alert);
  void ToMemory(std::string alert);
  void Overflow(const std::string& alert, std::string_view reason);
  void Lost(uint64_t alerts, std::string_view reason);
  bool DeadLetter(const std::string& alert, std::string_view reason);
  bool WriteDeadLetter(const std::string& alert, std::string_view reason);
  void Counted();

  const std::string name_, folder_;
  const config::Spool limits_;
  const size_t most_in_memory_;
  mutable std::mutex mutex_;
  std::unique_ptr<Spool> spool_;
  std::deque<std::string> memory_;  // newer than everything on disk
  bool memory_handed_out_ = false;
  uint64_t damaged_ = 0;
  StoreCounts counts_;
  std::atomic<uint64_t> waiting_ = 0;
  std::atomic<bool> has_spool_ = false;
  std::chrono::steady_clock::time_point tried_{};  // to open the spool
  std::string fault_;
  Losses losses_;
};

}  // namespace sluice::sink
