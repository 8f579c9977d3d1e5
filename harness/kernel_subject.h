// harness/kernel_subject.h - an event as the kernel's matcher sees it.
//
// The reverse of split/'s tables of what the kernel can ask: check/operands.def for what a hook brings, and a
// table here for what every hook has. The differential tests and `sluice test` use it.
//
// Threads: pure functions. Memory: the Subject borrows from the event. Errors: none.
#pragma once

#include <string>

#include "compiler/kplan/model.h"
#include "runtime/eval/event.h"

namespace sluice::harness {

struct KernelEvent {
  kplan::Subject subject;
  std::string contradiction;  // why no kernel sees such an event: two fields say two things of one value
};

// `model` gives the lineage bits of the ancestors.
KernelEvent KernelEventOf(const eval::Event& event, const kplan::Model& model);

// Whether KernelEventOf() reads the field at this hook; one that the kernel decides and that it does not read
// cannot be judged.
bool IsKernelField(const check::FieldUse& use, check::HookId hook);

}  // namespace sluice::harness
