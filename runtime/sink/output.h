// sink/output.h - one output: its filter, its queue, its store, its destination.
//
//   Push() -> filter, rate limit -> queue in memory -> (writer) -> store -> (sender) -> destination
//
// Push() never waits for a disk or a receiver. The writer moves alerts to the store at once, so that they outlive
// the process; the sender delivers from there, and after a failure waits longer and longer. An alert that the
// receiver refuses for good goes to the dead-letter file, alone: its batch is delivered one by one.
//
// Threads: two of its own; everything from any thread, Reopen() from a signal handler, too.
// Memory:  `queue` alerts here, as many in the store while the disk refuses.
// Errors:  Open(), as source/thread.h. Others are told through `log`, when an output begins to fail, or to lose, and when
//          it works again, and counted.
// Counted: raised + recovered = delivered + waiting + dead_lettered + lost.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/alert/alert.h"
#include "runtime/sink/backoff.h"
#include "runtime/sink/delivery.h"
#include "runtime/sink/store.h"

namespace sluice::sink {

enum class Severity : uint8_t { kInfo, kWarning, kError };
using Log = std::function<void(Severity, const std::string&)>;

struct OutputStats {
  std::string name;
  uint64_t raised = 0;    // that this output was to deliver
  uint64_t filtered = 0;  // not for this output
  uint64_t limited = 0;   // held back by its rate limit
  uint64_t recovered = 0, delivered = 0, waiting = 0, dead_lettered = 0, lost = 0;
  uint64_t attempts = 0, failures = 0;  // of a delivery
  uint64_t spool_bytes = 0;
  bool failing = false;
};

class Output {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `folder`: where its spool lies; used only when the configuration has it enabled.
  static source::Result<std::unique_ptr<Output>> Open(const config::Output& options,
                                                      const std::string& folder,
                                                      std::unique_ptr<Destination> destination, Log log);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // `json`: the alert's JSON object when there is one already; otherwise it is made from the alert.
  void Push(const std::shared_ptr<const alert::Alert>& alert, std::string json = {});
  // For whoever can wait, unlike the engine: true once an alert can be pushed and will not be lost to a full
  // queue.
  bool WaitForRoom(std::chrono::milliseconds timeout);
  void Reopen() { destination_->Reopen(); }
  OutputStats stats() const;

  // First of all outputs, then Finish() of each: delivery goes on until nothing waits or `deadline` is there.
  // Without a spool, what is left then would be lost: it goes on as long as the receiver takes something in a time that
  // long.
  void BeginClose(Time deadline);
  // Finish() comes to its end now. Async-signal-safe.
  void Hurry() { hurry_ = true; }
  OutputStats Finish();
  // After Finish(): a thread hangs in a call that cannot be ended, such as a write to a dead file server, and is left behind.
  // Then the output must not be destroyed.
  bool hangs() const { return hangs_; }

 private:
  Output(const config::Output& options, std::unique_ptr<Store> store,
         std::unique_ptr<Destination> destination, Log log);
  struct Queued {
    std::shared_ptr<const alert::Alert> alert;
    std::string json;
  };
  bool Takes(const alert::Alert& alert) const;
  void Write();
  void Send();
  bool WaitForAlerts();
  bool WaitUntil(Time time);
  void Linger(size_t most);
  std::optional<int64_t> Account(const Batch& batch, const Outcome& outcome);
  void TellFailure(const std::string& reason, int64_t wait_ns);
  void TellRefused(const std::string& reason, bool kept);
  void TellDisk();
  void TellLosses(bool last);

  const config::Output options_;
  const Log log_;
  const std::unique_ptr<Store> store_;
  const std::unique_ptr<Destination> destination_;
  Backoff backoff_;        // the sender's, as are the next two
  size_t one_by_one_ = 0;  // so many alerts are of a batch that was refused
  uint64_t failures_in_a_row_ = 0;
  Time told_failure_{}, told_refused_{};
  uint64_t refused_untold_ = 0;
  std::map<std::string, Time> told_disk_;  // the writer's, as are the next four
  bool lacks_spool_ = false;               // the one that is configured
  Time told_losses_{};
  Losses losses_;           // that are not told
  uint64_t lost_told_ = 0;  // of the queue

  // Push() takes this one only: never held while a disk or a receiver is waited for.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Queued> queue_;
  std::optional<RateLimit> limit_;
  size_t in_hand_ = 0;  // with the writer
  uint64_t raised_ = 0, filtered_ = 0, limited_ = 0, lost_ = 0;

  // What an alert's way past the queue changes, changes under this one: stats() adds up at any moment. Before
  // mutex_.
  mutable std::mutex books_;
  mutable OutputStats last_known_;  // under mutex_: for when a disk holds the books up
  std::atomic<uint64_t> delivered_ = 0;
  uint64_t attempts_ = 0, attempts_failed_ = 0;
  bool failing_ = false;

  // Under mutex_.
  bool closing_ = false, written_ = false, sent_ = false;
  Time deadline_{};
  std::chrono::nanoseconds drain_{};
  uint64_t delivered_before_close_ = 0;
  Cancel cancel_ = false;
  std::atomic<bool> hurry_ = false;
  bool hangs_ = false;
  std::thread writer_, sender_;
};

}  // namespace sluice::sink
