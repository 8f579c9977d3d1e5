// harness/live.h - the triggers of tests, run under this host's kernel.
//
// The engine runs as under `sluice run`, with the rules of the suite; the triggers run one after the other, each
// in a shell of its own (trigger_shell.h). An alert belongs to a trigger when its process is that shell or
// descends from it: what else goes on on the host does not count. What is compared is the rule and the decision;
// the output and fields too in a test that has nothing but a trigger. Throttles of rules are left out.
//
// Threads: RunLive() runs the engine on a thread of its own. Errors: a Status when the host cannot do it.
// Time:    about a second to start, then as long as the triggers take and some 30 ms for each.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "harness/runner.h"

namespace sluice::harness {

struct LiveOptions {
  std::chrono::seconds limit{30};           // for one trigger
  const std::atomic<bool>* stop = nullptr;  // set: end soon; what has not run is left out
};

struct LiveRun {
  std::vector<Result> results;  // of the tests that have a trigger, in the order of `order`
  uint64_t lost = 0;            // records that did not fit: a rule may have fired unseen
};

// REQUIRES: `rules` is what the suite's files compile to, and the program is root.
source::Result<LiveRun> RunLive(const Suite& suite, std::unique_ptr<Compilation> rules,
                                const std::vector<size_t>& order, const LiveOptions& options);

}  // namespace sluice::harness
