// uplan/slots.h - one number per distinct term that a plan looks at. Private to uplan/.
//
// Threads: not synchronized. Memory: copies of the terms. Errors: none.
#pragma once

#include <unordered_map>

#include "compiler/uplan/user_plan.h"

namespace sluice::uplan {

class Slots {
 public:
  explicit Slots(UserPlan& plan) : plan_(plan) {}

  // Also notes what the term needs (the environment, the working directory), down to its arguments.
  SlotId Of(const check::Term& term);

 private:
  void NoteNeeds(const check::Term& term);

  UserPlan& plan_;
  std::unordered_multimap<size_t, SlotId> ids_;  // by hash
};

}  // namespace sluice::uplan
