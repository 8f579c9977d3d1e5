// kplan/build_partition.h - partitions made by hand, for tests of kplan/ and load/ only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/split/partition.h"

namespace sluice::kplan {

constexpr uint32_t StringLookup(sluice_string subject, sluice_mode mode) {
  return SLUICE_LOOKUP_STRING + subject * SLUICE_MODES + mode;
}

inline split::AnyOf One(uint32_t lookup, split::Test test) { return {lookup, {std::move(test)}}; }

inline split::Test Strings(std::vector<std::string> values, bool negated = false) {
  split::Test test;
  test.strings = std::move(values);
  test.negated = negated;
  return test;
}
inline split::Test Ranges(std::vector<std::pair<int64_t, int64_t>> ranges) {
  split::Test test;
  test.ranges = std::move(ranges);
  return test;
}
inline split::Test Flags(uint64_t mask) {
  split::Test test;
  test.flags = mask;
  return test;
}
inline split::Test Atom(uint32_t atom, bool negated = false) {
  split::Test test;
  test.atom = atom;
  test.negated = negated;
  return test;
}

// A rule for each clause, with the action given; the condition text plays no part in lowering.
inline check::RuleId AddRule(split::Partition& partition, const std::string& name,
                             ast::Action action = ast::Action::kAlert) {
  check::CheckedRule& made = partition.normal.checked.rules.emplace_back();
  made.rule.name.text = name;
  made.rule.action = action;
  partition.normal.conditions.emplace_back();
  return static_cast<check::RuleId>(partition.normal.checked.rules.size() - 1);
}

inline split::HookPartition& HookOf(split::Partition& partition, check::HookId hook) {
  for (split::HookPartition& known : partition.hooks) {
    if (known.hook == hook) return known;
  }
  split::HookPartition& made = partition.hooks.emplace_back();
  made.hook = hook;
  return made;
}

// Adds a clause and the rule behind it; returns its bit.
inline uint32_t AddClause(split::Partition& partition, check::HookId hook, split::KernelCondition condition,
                          check::RuleId rule) {
  split::HookPartition& place = HookOf(partition, hook);
  const uint32_t bit = static_cast<uint32_t>(place.bits.size());
  place.bits.push_back(std::move(condition));
  split::Entry& entry = place.entries.emplace_back();
  entry.rule = rule;
  entry.bit = bit;
  return bit;
}

}  // namespace sluice::kplan
