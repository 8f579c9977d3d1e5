// sets.h - what alerts have added to sets, and for how long.
//
// Members outlive rule sets: they are compiled into the next one (check/sets.h) and go when their time is over.
//
// Threads: one. Time: nanoseconds, of any one clock. Memory: kMostMembers texts of kMostBytes at most.
// Errors:  a member that cannot be kept is counted as refused.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "compiler/check/checked.h"
#include "compiler/check/sets.h"
#include "compiler/source/source.h"
#include "runtime/alert/alert.h"
#include "runtime/eval/event.h"

namespace sluice {

class Sets {
 public:
  static constexpr size_t kMostMembers = 4096;  // of all sets together
  static constexpr size_t kMostBytes = 255;     // of a member: what the kernel compares as a whole

  // Adds the value that the rule's `then` names, until now_ns and its time; again: the later end holds. Nothing without a
  // `then`, or when the event has no such value.
  void Add(const check::CheckedRule& rule, const eval::Event& event, uint64_t now_ns);
  void Expire(uint64_t now_ns);

  // Whether there are other members than when Take() was called last.
  bool changed() const { return changed_; }
  void MarkChanged() { changed_ = true; }
  check::SetMembers Take();

  // By set and member: the end of its time.
  const std::map<std::string, std::map<std::string, uint64_t>>& members() const { return members_; }
  uint64_t refused() const { return refused_; }

 private:
  std::map<std::string, std::map<std::string, uint64_t>> members_;
  size_t count_ = 0;
  uint64_t refused_ = 0, earliest_ns_ = UINT64_MAX;
  bool changed_ = false;
};

// The agent's own alert that members were not added.
alert::Alert SetsFull(uint64_t members, const alert::Host& host, int64_t now_boot_ns);
// Likewise that members are kept but do not count yet.
alert::Alert SetsNotInForce(const source::Status& why, const alert::Host& host, int64_t now_boot_ns);

}  // namespace sluice
