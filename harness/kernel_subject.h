// harness/kernel_subject.h - an event as the kernel's matcher sees it.
//
// The reverse of split/lower.cc's table of subjects: which field each lookup of the kernel reads. The
// differential tests and `sluice test` use it.
//
// Threads: pure functions. Memory: the Subject borrows from the event. Errors: none.
#pragma once

#include "compiler/kplan/model.h"
#include "runtime/eval/event.h"

namespace sluice::harness {

// `model` gives the lineage bits of the ancestors.
kplan::Subject SubjectOf(const eval::Event& event, const kplan::Model& model);

// Whether SubjectOf() reads the field; one that the kernel decides and that it does not read cannot be
// judged.
bool IsKernelField(const check::FieldUse& use);

}  // namespace sluice::harness
