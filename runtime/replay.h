// replay.h - a capture, judged again by the rules given.
//
// With the rules that it was recorded with, the alerts are those of the recording, byte for byte. With others, every
// rule is asked about every record, a mitigation says what it would have done, and what an alert adds to a set is in
// force at the next record.
//
// Threads: one thread. Errors: a capture that cannot be opened is a Status; one that is cut off or damaged is judged
//          up to the fault, which `read` says with its offset.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "compiler/compile.h"
#include "runtime/alert/alert.h"
#include "runtime/judge.h"

namespace sluice {

// Rules with the members that alerts have added to their sets.
struct GrownRules {
  std::shared_ptr<const uplan::UserPlan> plan;
  uint64_t fingerprint = 0;
};
// None: they do not compile.
using Grow = std::function<std::optional<GrownRules>(const check::SetMembers& members)>;

// Compiles the sources of the compilation again. Self-contained.
Grow Recompiling(const Compilation& compilation, Options options);

struct ReplayOptions {
  std::shared_ptr<const uplan::UserPlan> plan;
  uint64_t fingerprint =
      0;      // capture::FingerprintOf() of the compilation that the plan is of; 0: judge by all rules
  Grow grow;  // may be empty where no rule fills a set
  bool throttled = true;
  // An alert; one of the agent's own that stands in the capture comes with its JSON object, and of the alert itself
  // with no more than what filters look at.
  std::function<void(const alert::Alert&, const std::string& json)> raise;
  Judge::Observer observe;  // may be empty
};

struct Replayed {
  source::Status read;
  uint64_t records = 0;
  uint64_t undecodable = 0;   // records that do not parse
  uint64_t left_out = 0;      // records that the recorder could not keep up with
  uint64_t suppressed = 0;    // alerts, by throttles
  bool sets_failed = false;   // the rules did not compile with what alerts added, and were asked without it
  bool lacks_events = false;  // recorded with other rules: what those did not ask for is not in it
};

source::Result<Replayed> Replay(const std::string& path, const ReplayOptions& options);

}  // namespace sluice
