// alert/scope.h - whether a rule's scope takes in an event, where no kernel has said so (replay, test).
//
// Threads: pure function. Errors: none; what is not known is outside, as in the kernel.
#pragma once

#include "compiler/ast/ast.h"
#include "runtime/eval/event.h"

namespace sluice::alert {

// By user.uid, by proc.exepath, or by thread.cgroups: the cgroup's path, as `/system.slice/web.service`.
bool InScope(const ast::Scope& scope, const eval::Event& event);

}  // namespace sluice::alert
