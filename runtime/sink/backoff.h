// sink/backoff.h - how long to wait after a failure, and how many alerts may pass.
//
// Threads: one owner each. Time: the caller's monotonic nanoseconds; a clock that is set changes nothing.
// Errors:  none.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "runtime/config/config.h"

namespace sluice::sink {

// Doubles from failure to failure, with jitter, so that a thousand agents do not return in the same second.
class Backoff {
 public:
  static constexpr int64_t kMaxRetryAfterNs = 3600 * config::kSecondNs;

  Backoff(const config::Retry& retry, uint64_t seed) : retry_(retry), random_(seed) {}

  // The wait after one more failure; at least what the receiver asked for, up to an hour.
  int64_t Failed(int64_t retry_after_ns) {
    const int64_t most = std::min(retry_.max_ns, next_ns_ == 0 ? retry_.initial_ns : next_ns_);
    next_ns_ = most > retry_.max_ns / 2 ? retry_.max_ns : most * 2;
    const int64_t wait_ns = std::uniform_int_distribution<int64_t>(most / 2, most)(random_);
    return std::max(wait_ns, std::min(retry_after_ns, kMaxRetryAfterNs));
  }
  void Worked() { next_ns_ = 0; }

 private:
  const config::Retry retry_;
  std::mt19937_64 random_;
  int64_t next_ns_ = 0;
};

// At most `count` at once and `count` per period in the long run (a token bucket).
class RateLimit {
 public:
  explicit RateLimit(const config::Rate& rate) : rate_(rate), tokens_(static_cast<double>(rate.count)) {}

  bool Allows(int64_t now_ns) {
    const auto most = static_cast<double>(rate_.count);
    const auto passed = static_cast<double>(std::max<int64_t>(now_ns - last_ns_, 0));
    tokens_ = std::min(most, tokens_ + passed * most / static_cast<double>(rate_.period_ns));
    last_ns_ = std::max(now_ns, last_ns_);
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  const config::Rate rate_;
  double tokens_;
  int64_t last_ns_ = 0;
};

}  // namespace sluice::sink
