// uplan/flatten.h - conditions -> ranges of steps, equal ones once. Private to uplan/.
//
// A literal becomes one step whose targets are the first step of what is to be asked next, so that nothing is
// asked after the answer is known. Inside an `and` or `or` the cheap questions come first.
//
// Threads: not synchronized. Memory: one key per distinct condition. Errors: none. Cost: n log n in the
//          literals.
#pragma once

#include <unordered_map>
#include <vector>

#include "compiler/uplan/user_plan.h"

namespace sluice::uplan {

class Flattener {
 public:
  // Adds conditions[kAlways].
  explicit Flattener(UserPlan& plan);

  // REQUIRES: `condition` is not kFalse.
  ConditionId Flatten(const norm::Condition& condition);

 private:
  // Literals below `condition`; how dear it is to ask.
  struct Weight {
    uint32_t steps = 0;
    uint32_t cost = 0;
  };
  struct Node {
    const norm::Condition* condition = nullptr;
    Weight weight;
    std::vector<Node> children;  // in the order in which they are asked
  };

  Node Weigh(const norm::Condition& condition) const;
  uint32_t CostOf(check::PredicateId predicate) const;
  void Emit(const Node& node, uint32_t on_true, uint32_t on_false, std::vector<Step>& steps) const;

  UserPlan& plan_;
  mutable std::vector<uint32_t> costs_;  // by PredicateId; 0: not known yet
  std::unordered_multimap<size_t, ConditionId> by_hash_;
};

}  // namespace sluice::uplan
