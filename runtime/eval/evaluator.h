// eval/evaluator.h - UserPlan x Event -> the rules that match.
//
// Truth is three-valued only where a value is kUnknown: `and`, `or`, `not` are Kleene's; an absent field is
// plainly false. A rule whose condition is unknown is reported as undecided, never silently true or false.
//
// Rules are found through the plan's index (uplan/index.h): one look-up of a value among the values and texts
// of all rules (slot_index.h) says which predicates may hold, and only what they lead to is judged. Where a
// value is not wholly known, all that depends on it is.
//
// Threads: an Evaluator belongs to one thread; the plan may be shared. Memory: the index's tables; one cache
//          entry per slot, predicate and condition, made once; no allocation per event on the fast path
//          (transformers and list fields may allocate).
// Errors:  none. Cost: each value is read, and each predicate asked, at most once per event; hardly more for
//          10,000 rules than for 100.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "compiler/uplan/user_plan.h"
#include "runtime/eval/event.h"
#include "runtime/eval/truth.h"

namespace sluice::eval {

struct Match {
  check::RuleId rule = 0;
  bool undecided = false;
};

class Evaluator {
 public:
  explicit Evaluator(std::shared_ptr<const uplan::UserPlan> plan);
  ~Evaluator();

  // Starts a new event: forgets cached values. `event` must outlive the calls until the next Begin().
  void Begin(const Event& event);

  // Rules behind the surviving clauses `set` (SLUICE_WORDS words) at the event's hook. `whole`: some lookup
  // was unknown to the kernel, so whole conditions are judged. Appends to `matches`, each rule once, in load
  // order.
  void MatchSet(const uint64_t* set, bool whole, std::vector<Match>& matches);

  // Every rule, without a kernel's help (replay, eval, test): the rules of the event's hook as they read
  // there; for a self-contained event, and for one without a hook, all rules as written.
  void MatchAll(std::vector<Match>& matches);
  // The same without the index: one rule after the other, as a yardstick.
  void WalkAll(std::vector<Match>& matches);

  Truth Evaluate(uplan::ConditionId condition);
  Truth Ask(check::PredicateId predicate);
  // The value of a term (for output). Borrowed until the next Begin().
  Value TermValue(const check::Term& term);

  // Tells the nanoseconds that each rule's condition has cost since the last call, estimated (cost_sampler.h).
  void TakeCosts(const std::function<void(check::RuleId, uint64_t ns)>& told);

  const uplan::UserPlan& plan() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::eval
