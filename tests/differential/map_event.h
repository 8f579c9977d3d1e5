// tests/differential/map_event.h - a naive event as the evaluator of the engine sees it.
//
// Threads: one thread. Memory: borrows the case. Errors: none.
#pragma once

#include <deque>
#include <vector>

#include "runtime/eval/event.h"
#include "tests/differential/generate.h"

namespace sluice::differential {

class MapEvent : public eval::Event {
 public:
  // `self_contained`: conditions are judged as written, not as they read at the hook.
  MapEvent(const EventCase& event, bool self_contained) : event_(event), self_contained_(self_contained) {}

  check::HookId hook() const override { return event_.hook; }
  check::EventType type() const override { return event_.type; }
  bool IsSelfContained() const override { return self_contained_; }
  eval::Value Get(const check::FieldUse& use) const override;

 private:
  eval::Value Of(const naive::Value& value) const;

  const EventCase& event_;
  const bool self_contained_;
  mutable std::deque<std::vector<eval::Value>> lists_;
};

}  // namespace sluice::differential
