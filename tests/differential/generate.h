// tests/differential/generate.h - random rules as text, and random events that can happen.
//
// Everything follows from one seed. Words come from small vocabularies, so that rules and events meet often,
// with some values around every limit of the kernel's keys.
//
// Threads: not synchronized. Errors: none.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "compiler/check/event.h"
#include "compiler/naive/naive.h"

namespace sluice::differential {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  size_t Below(size_t bound) { return bound == 0 ? 0 : engine_() % bound; }
  bool Chance(size_t percent) { return Below(100) < percent; }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(from.size())];
  }

 private:
  std::mt19937_64 engine_;
};

struct RuleOptions {
  size_t rules = 5;
  bool mitigations = false;  // rules may deny or kill; their conditions are of what the kernel knows
  bool wide = false;         // disjunctions past the budget of clauses
};
std::string GenerateRules(const RuleOptions& options, Random& random);

struct Image {
  std::string name;
  std::optional<std::string> exepath;
};

// One event at a hook: what the fields say, and the same as the kernel sees it.
struct EventCase {
  check::HookId hook = 0;
  check::EventType type = check::kNoType;
  Image image;
  std::optional<std::string> path, target, text;
  std::array<int64_t, SLUICE_ARGS> numbers;  // SLUICE_ABSENT_INT: none
  bool exepath_unknown = false, path_unknown = false;
  uint64_t flags = 0;
  int64_t uid = 0, gid = 0, loginuid = 0, cgroup_id = 0, mnt_ns = 0, pid_ns = 0, uptime_s = 0;
  std::vector<Image> ancestors;  // the parent first
  bool lineage_known = true;
  naive::Event fields;    // with what could not be had as unknown
  naive::Event complete;  // the same with every value
};
EventCase GenerateEvent(Random& random);

}  // namespace sluice::differential
