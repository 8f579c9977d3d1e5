// kplan/mitigations.h - what the rules behind the clauses do: errnos, modes, scopes, fuses.
//
// Threads: pure functions. Errors: none; whoever calls checks the capacity.
#pragma once

#include <string_view>

#include "compiler/kplan/kernel_plan.h"

namespace sluice::kplan {

// Fills actions, mitigations and cgroup_scopes of `plan`, and what its hooks say of mitigations.
// REQUIRES: at most one rule that mitigates stands behind a bit.
void LowerMitigations(const split::Partition& partition, KernelPlan& plan);

// A cgroup's path as the kernel compares it. REQUIRES: FitsCgroupScope(path).
sluice_cgroup_scope PackCgroup(std::string_view path);
bool FitsCgroupScope(std::string_view path);  // names, depth and length within SLUICE_CGROUP_*

// Whether the cgroup `path` is `scope` or lies below it.
bool IsBelowCgroup(std::string_view path, std::string_view scope);

}  // namespace sluice::kplan
