// sink/delivery.h - where an output's alerts go, as the output's sender sees it.
//
// Threads: a Destination belongs to one sender thread. Only Cancel crosses threads.
// Errors:  an Outcome; no exception leaves a Destination.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"
#include "runtime/config/config.h"

namespace sluice::sink {

// One alert as its JSON object, without a newline: what is spooled, and what other forms are made from.
using Batch = std::vector<std::string>;

struct Outcome {
  enum class Kind : uint8_t {
    kDelivered,
    kFailed,   // again later
    kRefused,  // never: the receiver will not have these alerts
  } kind = Kind::kDelivered;
  size_t delivered = 0;        // kFailed, kRefused: so many from the front were delivered nevertheless
  std::string reason;          // of a failure
  int64_t retry_after_ns = 0;  // what the receiver asked for; 0: nothing

  static Outcome Delivered(size_t count) { return {.delivered = count, .reason = {}}; }
  static Outcome Failed(std::string reason, size_t delivered = 0) {
    return {.kind = Kind::kFailed, .delivered = delivered, .reason = std::move(reason)};
  }
  static Outcome Refused(std::string reason, size_t delivered = 0) {
    return {.kind = Kind::kRefused, .delivered = delivered, .reason = std::move(reason)};
  }
};

// Set when an output has to end: whatever waits for a receiver gives up within a second or so.
using Cancel = std::atomic<bool>;
inline constexpr int kCancelPollMs = 50;

class Destination {
 public:
  virtual ~Destination() = default;

  // REQUIRES: the batch is not empty. May block as long as the receiver's time limit; returns soon after `cancel`.
  virtual Outcome Deliver(const Batch& batch, const Cancel& cancel) = 0;

  // Files that were moved away are opened again before the next write.
  virtual void Reopen() {}
};

// The destination that the configuration describes. Nothing is opened or connected yet.
std::unique_ptr<Destination> MakeDestination(const config::Output& output);

}  // namespace sluice::sink
