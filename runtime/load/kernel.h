// load/kernel.h - a KernelPlan in the running kernel: programs, maps, generations. The only libbpf user.
//
// Two slots hold two rule sets at most; Swap() fills the inactive one, lets the caller fill the lineage of
// living processes, and flips with one store. Records carry the generation that judged them.
//
// Threads: one owner thread; Poll() runs the callback on it. Ownership: closing detaches every program but pinned ones.
// Errors:  Status with what is missing and what to do: kPermissionDenied (not root), kFailedPrecondition (no
//          BTF, no `bpf` in the kernel's LSM list, the canary was not seen), kResourceExhausted (a full map:
//          which, its size).
// Cost:    opening takes about a second (verification); a swap 100 ms and more, by entries.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi/event_abi.h"
#include "compiler/kplan/kernel_plan.h"
#include "runtime/lineage/tree.h"
#include "runtime/load/file_names.h"
#include "runtime/load/pins.h"

namespace sluice::load {

struct Options {
  uint32_t events_ring_bytes = 8u << 20;       // power of two
  uint32_t mitigations_ring_bytes = 1u << 20;  // power of two
  // plan.HookMask() of the first rule set: loaded with the rest, which is cheaper than by Swap().
  uint64_t hooks = 0;
  kplan::Companions companions;               // likewise plan.companions
  uint32_t host_mnt_ns = 0, host_pid_ns = 0;  // inode numbers of the host's namespaces
  std::string
      pin_folder;  // kPinFolder (pins.h): mitigations stay in force when this process ends; empty: they do not
  // Other processes can neither stop the agent nor change what it has in the kernel: bpf/protect.bpf.c.
  bool self_protection = false;
  uint32_t max_entries = 0;  // the most that a value map may hold; 0: kMostEntries (tables.h)
};

// Whether this host can run it, without changing anything. `sluice run` and `dev run` ask it first.
source::Status ProbeHost();

struct HookCounters {
  std::string hook;
  sluice_hook_stats stats{};
};

class Kernel {
 public:
  // Loads and verifies the programs of the lineage and of options.hooks; attaches nothing. Needs root.
  static source::Result<std::unique_ptr<Kernel>> Open(const Options& options);
  ~Kernel();

  // Attaches the lineage programs, so that no fork or exec is missed while /proc is read.
  source::Status AttachLineage();

  // Makes `plan` the active rule set and returns its generation number (1, 2, ...). `drain` is called between
  // rounds of lineage filling: it must Poll() so that `tree` is up to date. On error the old set stays
  // active, whole. Hooks that the plan needs are loaded and attached before the flip (a hook without clauses
  // lets everything pass), and those no longer needed are detached after it. `same_rules`: the plan differs from the
  // active one in members of sets alone; fuses, counts and modes of the mitigations go on as they are.
  source::Result<uint32_t> Swap(const kplan::KernelPlan& plan, const lineage::Tree& tree,
                                const std::function<void()>& drain, bool same_rules = false);

  // Of the active rule set, by its number in the plan: the mode from here on, without a swap. What is under way keeps the
  // mode that it saw.
  source::Status SetMode(uint32_t mitigation, bool audited);
  // Every mitigation, of this rule set and of those to come: a store.
  void AuditAll(bool audited);
  // Rows [0, count) of the active rule set, as they stand: fuses, counts.
  source::Result<std::vector<sluice_mitigation>> Mitigations(uint32_t count) const;

  // Opens a canary file and expects the counter to move: a kernel without `bpf` in its LSM list attaches
  // silently.
  source::Status Canary();

  // Takes away what earlier agents pinned; from here on, what this one pins stays. Without options.pin_folder nothing.
  // REQUIRES: a Swap() that worked.
  source::Result<TakenOver> TakeOver();

  // Hands over waiting records, both rings merged by time, at most `timeout_ms` waiting for the first. A
  // record is held for kReorderNs (record_merge.h), except from within Swap()'s `drain` and after Detach().
  // The bytes are valid during the call only.
  source::Status Poll(int timeout_ms, const std::function<void(std::string_view record)>& callback);

  // When the module of this address was loaded, in nanoseconds since boot; 0: it has been freed since, or nobody asked
  // for module_hidden then. From any thread.
  uint64_t ModuleLoadedNs(uint64_t address) const;

  // Of the hooks that a rule set has needed so far.
  std::vector<HookCounters> Counters() const;
  uint64_t TreeRecordsLost() const;
  uint64_t Attempts() const;  // on the agent, refused by its own protection
  // What that protection could not do, in sentences; empty without it.
  const std::vector<std::string>& ProtectionFaults() const;
  // What keeps the files of mitigations' exact paths from being known by every name.
  NameFaults TakeNameFaults();

  // Decision points that this kernel has no hook for: their clauses are never asked.
  check::HookMask MissingHooks() const;

  // Programs that stay in force when this process ends.
  uint64_t pinned() const;

  // Detaches everything that is not pinned; what pinned programs refuse from here on is the next agent's to tell;
  // counters stay readable, and what execs left parked is counted as dropped.
  void Detach();

 private:
  Kernel();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::load
