// bench/event_mix.h - events as an ordinary host has them: opens, execs, connects and unlinks.
//
// Opens, execs and unlinks are records as the kernel sends them, with a process and its ancestors; connects
// are written events. Most match no rule of the mix (rule_mix.h); some hold what many rules ask for, a few
// match.
//
// Threads: none shared. Memory: owns its events. Errors: aborts when an event does not parse.
#pragma once

#include <memory>
#include <vector>

#include "runtime/eval/event.h"
#include "runtime/eval/extract.h"
#include "runtime/ring/record.h"

namespace sluice::bench {

class EventMix {
 public:
  EventMix();
  ~EventMix();

  size_t size() const { return cases_.size(); }
  // The event, ready for an evaluator; valid until the next call.
  const eval::Event& At(size_t index);

 private:
  struct Case;
  class Maker;
  std::vector<std::unique_ptr<Case>> cases_;
  eval::Names names_;
  eval::RecordEvent event_;
};

}  // namespace sluice::bench
