// harness/views.h - one written event, as each of the three judges sees it.
//
// PlanEvent is the engine's view (its values are read by runtime/eval's JSON reader), NaiveEvent the naive
// evaluator's, made from the words alone. The kernel's is in kernel_subject.h.
//
// Threads: one thread an event. Memory: PlanEvent borrows nothing. Errors: REQUIRES values that FaultOf()
//          finds nothing in.
#pragma once

#include <memory>
#include <set>

#include "compiler/naive/naive.h"
#include "harness/written.h"
#include "runtime/eval/json_event.h"

namespace sluice::harness {

class PlanEvent : public eval::Event {
 public:
  // `at_hook`: conditions read as they do at the event's hook, where a field that it does not supply is
  // absent.
  PlanEvent(const WrittenEvent& event, bool at_hook);
  // The same event read the other way.
  PlanEvent(const PlanEvent& event, bool at_hook) : PlanEvent(event) { at_hook_ = at_hook; }

  check::HookId hook() const override { return hook_; }
  check::EventType type() const override { return type_; }
  bool IsSelfContained() const override { return !at_hook_; }
  eval::Value Get(const check::FieldUse& use) const override;
  eval::Value GetList(const check::FieldUse& use) const override;

 private:
  bool IsUnknown(const check::FieldUse& use) const;

  check::HookId hook_;
  check::EventType type_;
  bool at_hook_;
  std::shared_ptr<const eval::JsonEvent> values_;
  std::vector<check::FieldUse> unknown_;
};

naive::Event NaiveEvent(const Fields& fields);
// The same of a captured event. What is known in part is unknown.
naive::Event NaiveEvent(const eval::Event& event, const std::set<check::FieldUse>& fields);

// Why the words are no values of the fields; "" when they are.
std::string FaultOf(const Fields& fields);

}  // namespace sluice::harness
