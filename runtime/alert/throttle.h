// alert/throttle.h - which alerts of a rule are told: `throttle: N per TIME by FIELD, ...`.
//
// For each rule and each set of values of the fields, the first alert opens a window of TIME. N alerts pass in it,
// the rest is held back; the first alert after the window says how many that were (alert::Alert::suppressed). A key
// that fires no more has no such alert: TakeQuiet() tells of it.
// Mitigations act all the same: only the telling is throttled. A rule keeps its windows across reloads
// as long as its name and its throttle stay.
//
// Threads: one owner. Time: the caller's nanoseconds, boot time in a running agent.
// Memory:  kMaxWindows windows; beyond that the oldest is forgotten, and its key begins anew.
// Errors:  none.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <unordered_map>

#include "compiler/check/checked.h"
#include "runtime/alert/alert.h"
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

  // By rule, what was held back under keys that did not fire again when their time was over, or were forgotten; each
  // window once. What an alert has told meanwhile is not among it. Cost: one pass over the windows, if any holds something.
  std::map<std::string, uint64_t> TakeQuiet(uint64_t now_ns);
  std::map<std::string, uint64_t> TakeAll();  // the same at the end, whether their time is over or not

  uint64_t suppressed() const { return suppressed_; }  // in all
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
    uint64_t start_ns = 0, period_ns = 0, passed = 0, held_back = 0;
    bool told = false;   // by TakeQuiet(): a replay does not call it, so `held_back` stays for the next alert
    std::string rule{};  // once something is held back
  };

  Key KeyOf(const check::CheckedRule& rule, const eval::Event& event);
  void ForgetOldest();
  void Take(Window& window);

  const uint64_t seed_;        // values are an attacker's to choose: which of them share a key is not
  std::list<Window> windows_;  // by start, oldest first
  std::unordered_map<Key, std::list<Window>::iterator, KeyHash> by_key_;
  std::string buffer_;
  uint64_t suppressed_ = 0;
  size_t untold_ = 0;  // windows that hold something back and are not told
  std::map<std::string, uint64_t> quiet_;
};

// The agent's own alert "Sluice internal: alerts held back": by rule. REQUIRES: not empty.
Alert HeldBack(const std::map<std::string, uint64_t>& by_rule, const Host& host, int64_t now_boot_ns);

}  // namespace sluice::alert
