// eval/cost_sampler.h - what each rule costs, estimated from a few events.
//
// About one event in kOneIn is timed, chosen by chance so that no pattern of events escapes; what a rule took there
// stands for kOneIn events. Values and answers that rules share are on the bill of the first one that asks; the look-up
// that finds the candidates is on nobody's.
//
// Threads: the evaluator's. Time: nanoseconds. Cost: a branch for each event and each judged rule; two readings of the
//          clock for each rule that is judged on a timed event.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "compiler/check/checked.h"

namespace sluice::eval {

class CostSampler {
 public:
  static constexpr uint32_t kOneIn = 128;

  explicit CostSampler(size_t rules) : spent_ns_(rules) {
    for (int i = 0; i < 32; ++i) {
      const int64_t begin = Now();
      clock_ns_ = std::min(clock_ns_, Now() - begin);
    }
  }

  void Begin() {
    timing_ = --left_ == 0;
    if (!timing_) return;
    random_ = random_ * 1664525 + 1013904223;  // Numerical Recipes' generator
    left_ = 1 + (random_ >> 16) % (2 * kOneIn - 1);
  }

  // What `judge` does is on the rule's bill.
  template <typename F>
  auto Time(check::RuleId rule, const F& judge) {
    if (!timing_) [[likely]]
      return judge();
    const int64_t begin = Now();
    const auto result = judge();
    spent_ns_[rule] += static_cast<uint64_t>(std::max<int64_t>(1, Now() - begin - clock_ns_)) * kOneIn;
    return result;
  }

  // By rule, since the last call.
  template <typename F>
  void Take(const F& told) {
    for (check::RuleId rule = 0; rule < spent_ns_.size(); ++rule) {
      if (spent_ns_[rule] != 0) told(rule, spent_ns_[rule]);
      spent_ns_[rule] = 0;
    }
  }

  // Of this thread's processor time: who is made to wait costs nothing.
  static int64_t Now() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

 private:
  std::vector<uint64_t> spent_ns_;  // by RuleId
  int64_t clock_ns_ = 10'000;       // between two readings
  uint32_t left_ = kOneIn, random_ = 1;
  bool timing_ = false;
};

}  // namespace sluice::eval
