// alert/throttle.h - which alerts of a rule are told: `throttle: N per TIME by FIELD, ...`.
//
// For each rule and each set of values of the fields, the first alert opens a window of TIME. N alerts pass in it,
// the rest is held back; the first alert after the window says how many that were (alert::Alert::suppressed).
// Mitigations act all the same: only the telling is throttled. A rule keeps its windows across reloads
// as long as its name and its throttle stay.
//
// Threads: one owner. Time: the caller's nanoseconds, boot time in a running agent.
// Memory:  kMaxWindows windows; beyond that the oldest is forgotten, and its key begins anew.
// Errors:  none.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>

#include "compiler/check/checked.h"
#include "runtime/eval/event.h"

namespace sluice::alert {

class Throttle {
 public:
  static constexpr size_t kMaxWindows = 65'536;

  Throttle();

  struct Verdict {
    bool passes = true;
    uint64_t suppressed = 0;  // held back since the last one that passed
  };
  Verdict Ask(const check::CheckedRule& rule, const eval::Event& event, uint64_t time_ns);

  uint64_t suppressed() const { return suppressed_; }  // in all
  uint64_t forgotten() const {
    return forgotten_;
  }  // of these, in windows that were forgotten before they were told
  size_t windows() const { return windows_.size(); }

 private:
  struct Key {
    uint64_t high = 0, low = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const { return key.low; }
  };
  struct Window {
    Key key;
    uint64_t start_ns = 0, passed = 0, held_back = 0;
  };

  Key KeyOf(const check::CheckedRule& rule, const eval::Event& event);
  void ForgetOldest();

  const uint64_t seed_;        // values are an attacker's to choose: which of them share a key is not
  std::list<Window> windows_;  // by start, oldest first
  std::unordered_map<Key, std::list<Window>::iterator, KeyHash> by_key_;
  std::string buffer_;
  uint64_t suppressed_ = 0, forgotten_ = 0;
};

}  // namespace sluice::alert
