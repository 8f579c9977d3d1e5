// uplan/marks.h - what predicates look for in values, equal ones once. Private to uplan/.
//
// Fills the plan's marks and, for each predicate that conditions ask, the list of its own. Says how often
// events may be expected to have them.
//
// Threads: not synchronized. Memory: a key per distinct mark. Errors: none.
#pragma once

#include <unordered_map>
#include <vector>

#include "compiler/uplan/trigger.h"
#include "compiler/uplan/user_plan.h"

namespace sluice::uplan {

class Marks {
 public:
  // Borrows the plan, to which it adds.
  explicit Marks(UserPlan& plan);

  // One more condition asks it; when `positive`, it looks for events that have one of the marks.
  void Count(check::PredicateId id, bool positive);

  // REQUIRES: it has been counted.
  const Range& Of(check::PredicateId id) const { return plan_.index.marks_of[id]; }
  MarkId At(uint32_t place) const { return plan_.index.mark_lists[place]; }

  // How often an event has one of the predicate's marks: 0 to about 1; kNever without any. A mark that many
  // rules ask for is one that many events have, or they would not have been written so.
  double FrequencyOf(check::PredicateId id);
  static constexpr double kNever = 1e9;

  // Roughly the nanoseconds that it takes to have a slot's value and find its marks.
  double CostOf(SlotId slot) const;

 private:
  void Learn(check::PredicateId id);
  void AddValues(const check::Predicate& predicate, SlotId slot);
  void Add(SlotId slot, Mark::Kind kind, std::string_view bytes, double frequency);

  UserPlan& plan_;
  std::unordered_multimap<uint64_t, MarkId> ids_;  // by hash
  std::vector<float> guesses_;                     // by MarkId
  std::vector<uint32_t> popularity_;               // by MarkId
  std::vector<float> frequencies_;                 // by PredicateId; 0: not asked yet
  std::vector<bool> learnt_;                       // by PredicateId
  std::vector<bool> searched_;                     // by SlotId: it has marks that are parts
};

}  // namespace sluice::uplan
