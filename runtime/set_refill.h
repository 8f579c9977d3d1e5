// set_refill.h - what alerts add to sets comes into force: the active rules, compiled anew with the members.
//
//   Add() -> Sets -> (a thread of its own compiles) -> Look() activates
//
// A fifth of one CPU goes into that at most, so what is added meanwhile comes into force together. After a failure the
// members from before stay in force, and it is tried again after kRetryNs. When other rules become active, what they lack
// is compiled at once; what was compiled of the ones before is thrown away, and its failure counts no more.
//
// Threads: the engine's, which never waits for a compilation; MembersInForce() from any.
// Memory:  as Sets, that three times at most, and the rules' text.
// Time:    nanoseconds of one clock, which goes on while the host sleeps.
// Errors:  Start(), as source/thread.h. A compilation or an activation that fails is told by TakeFault(), of several in a
//          row the first.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/compile.h"
#include "runtime/reload.h"
#include "runtime/sets.h"

namespace sluice {

class SetRefill {
 public:
  static constexpr int64_t kGapNs = 200'000'000;  // between two compilations, at least
  static constexpr int64_t kRetryNs = 30'000'000'000;
  using Activate = std::function<source::Status(Compilation&)>;

  explicit SetRefill(Options compile);  // as the rules are compiled; its members are replaced

  // REQUIRES: before the first Look().
  source::Status Start();
  void Stop();  // waits for a compilation under way; Look() is over then

  // Rules became active that Look() has not activated, with its members. REQUIRES: the compilation is whole.
  void Active(const Compilation& compilation);

  void Add(const check::CheckedRule& rule, const eval::Event& event, uint64_t now_ns) {
    sets_.Add(rule, event, now_ns);
  }
  // To be called often.
  void Look(int64_t now_ns, const Activate& activate);

  std::optional<source::Status> TakeFault();
  // Those of the active rules, for a compilation of others. Never null.
  std::shared_ptr<const check::SetMembers> MembersInForce() const;
  const Sets& sets() const { return sets_; }
  uint64_t begun() const { return begun_; }  // compilations

 private:
  using Sources = std::vector<std::pair<std::string, std::string>>;
  source::Result<std::unique_ptr<Compilation>> Compile();
  void Report(const source::Status& status);
  void Finish(const Fresh& fresh, int64_t now_ns, const Activate& activate);

  const Options options_;
  Sets sets_;
  uint64_t begun_ = 0;
  int64_t began_ns_ = 0, next_ns_ = 0;                // the compilation under way; the earliest next one
  mutable std::mutex mutex_;                          // of what other threads use: down to told_
  std::shared_ptr<const Sources> active_, compiled_;  // null when the rules fill no set
  std::shared_ptr<const check::SetMembers> in_force_, members_;  // of active_, of compiled_
  bool busy_ = false, failed_ = false;
  std::optional<source::Status> fault_;
  bool told_ = false;  // that it fails
  std::unique_ptr<Reloader> reloader_;
};

}  // namespace sluice
