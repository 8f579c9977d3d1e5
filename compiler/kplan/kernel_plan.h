// kplan/kernel_plan.h - the kernel filter as plain bytes: what goes into which map.
//
// Class ids are one numbering over all hooks of the plan; class 0 is the empty set. Bits are those of the
// partition. No file descriptor, no root, no libbpf: load/ carries it to the kernel, model.h runs it in user
// space.
//
// Threads: passive data. Memory: self-contained; about 140 bytes a class and 64 to 264 bytes an entry.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi/filter_abi.h"
#include "compiler/split/partition.h"

namespace sluice::kplan {

// What has to be told when calls return (bpf/exit.bpf.c).
struct Companions {
  std::vector<check::EventType> results;  // their events may wait for the result
  std::vector<check::EventType> calls;    // have no hook, or their early failures are wanted
  bool failed_opens = false;
  bool accepts = false;  // who is at the other end
  friend bool operator==(const Companions&, const Companions&) = default;
};

// A rule that denies or kills, beside its condition: filter_abi.h says what that means.
struct Mitigation {
  check::RuleId rule = 0;
  std::string name;      // of the rule: by it the mode is switched at run time
  bool audited = false;  // the mode that it starts in
  sluice_mitigation bounds{};
};

struct KernelPlan {
  std::array<sluice_hook_config, SLUICE_HOOKS> hooks{};
  std::vector<sluice_set> classes;
  std::vector<uint32_t> dense;
  std::vector<sluice_interval> intervals;
  std::vector<std::pair<sluice_short_key, uint32_t>> short_exact;
  std::vector<std::pair<sluice_long_key, uint32_t>> long_exact;
  std::vector<std::pair<sluice_prefix_key, uint32_t>> prefixes;
  std::vector<std::pair<sluice_suffix_key, uint32_t>> suffixes;
  std::vector<std::pair<sluice_net_key, uint32_t>> nets;
  std::vector<std::vector<std::string>> texts;  // of `contains`, by atom
  std::vector<sluice_automaton_row> automaton;  // that finds them; empty when there are none
  std::vector<sluice_action> actions;   // [hook * SLUICE_CLAUSES + clause]; empty when no rule mitigates
  std::vector<Mitigation> mitigations;  // by number, in load order
  std::vector<sluice_cgroup_scope> cgroup_scopes;  // by number
  Companions companions;
  std::vector<std::string> files;  // paths of mitigations whose files are known by every name; sorted
  uint64_t HookMask() const;       // what must be attached: bit per enum sluice_hook, SLUICE_POINT_*
  // Of those, the ones that mitigations need, audited ones too: a switch may enforce them at any time.
  uint64_t MitigationMask() const;
};

// The word of a lookup's atoms. REQUIRES: split::HasAtoms(lookup).
constexpr uint32_t PlaceOfAtoms(uint32_t lookup) {
  return lookup < SLUICE_LOOKUP_NET ? lookup - SLUICE_LOOKUP_LINEAGE
                                    : SLUICE_LINEAGE_LEVELS + (lookup - SLUICE_LOOKUP_STRING) / SLUICE_MODES;
}

// Errors: E304 when a kernel table would overflow.
KernelPlan LowerKernel(const split::Partition& partition, diag::Diagnostics& diagnostics);
std::string Print(const KernelPlan& plan, const split::Partition& partition);  // --emit kplan

}  // namespace sluice::kplan
