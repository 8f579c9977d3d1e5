// kplan/model.h - the kernel's matcher over a KernelPlan, in user space.
//
// Runs the very source that the BPF programs include (bpf/lib/match.bpf.h, match_text.bpf.h, judge.bpf.h) over
// hash maps with the semantics of the kernel's. Used by the differential tests, by `sluice test` and to compute
// the lineage bits of living processes. Fuses are the running kernel's: here none blows.
//
// Threads: const after construction; one Judge() at a time per Model. Memory: copies of the plan's entries.
#pragma once

#include <optional>
#include <string_view>

#include "compiler/kplan/kernel_plan.h"

namespace sluice::kplan {

// What a hook knows of one event. A string that is nullopt is absent; `unknown_strings` has a bit per
// sluice_string, `unknown_ends` one per sluice_end. SLUICE_STR_DIRECTORY is not read: the matcher takes it from the path.
struct Subject {
  check::HookId hook = 0;
  check::EventType type = check::kNoType;
  std::array<uint64_t, SLUICE_WORDS_OF_FLAGS> flags{};  // enum sluice_flag_word
  std::array<int64_t, SLUICE_INTS> ints{};
  std::array<std::optional<std::string_view>, SLUICE_STRINGS> strings;
  uint32_t unknown_strings = 0;
  // Further paths that name the file of EXEPATH, PATH or TARGET; the kernel knows them, a test's event has none.
  std::array<std::vector<std::string_view>, SLUICE_STRINGS> other_names;
  std::array<std::optional<std::array<uint8_t, 16>>, SLUICE_ENDS> ends;  // IPv4 mapped
  uint32_t unknown_ends = 0;
  std::array<uint64_t, SLUICE_LINEAGE_LEVELS> ancestors{};
  bool lineage_known = true;
  // For scopes: Model::BucketOf() of the executable, and the cgroups that hold the process (bit per number).
  uint32_t bucket = SLUICE_BUCKETS;
  uint32_t cgroup_scopes = 0;
};

struct Verdict {
  sluice_set surviving{};
  std::array<uint64_t, SLUICE_WORDS> undecided{};
  std::array<uint64_t, SLUICE_WORDS> refusing{};  // mitigating clauses that are not audited
  bool dropped = false;
  bool denied = false, killed = false, audited = false;
  int errno_value = 0;
};

class Model {
 public:
  explicit Model(const KernelPlan& plan);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  Verdict Judge(const Subject& subject) const;
  // The atoms that an image satisfies (words[0] of SLUICE_HOOK_IMAGE).
  uint64_t ImageAtoms(std::string_view name, std::optional<std::string_view> exepath) const;

  // Whether the process in this cgroup is within the plan's cgroup scopes: a bit each.
  uint32_t CgroupScopesOf(std::string_view cgroup) const;
  // The share of executables that a path belongs to, 0 to 99; nothing known: SLUICE_BUCKETS.
  static uint32_t BucketOf(std::optional<std::string_view> exepath);

  struct Tables;

 private:
  Tables* tables_;
};

}  // namespace sluice::kplan
