#include "compiler/kplan/groups.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace sluice::kplan {
namespace {

constexpr size_t kGroups = 64;

// Clauses of one mask each, in the order in which the masks appear.
std::vector<std::vector<uint32_t>> ByMask(const std::vector<uint64_t>& lookups_of) {
  std::vector<std::vector<uint32_t>> clauses;
  std::unordered_map<uint64_t, size_t> place_of;
  for (uint32_t clause = 0; clause < lookups_of.size(); ++clause) {
    const auto [place, fresh] = place_of.emplace(lookups_of[clause], clauses.size());
    if (fresh) clauses.emplace_back();
    clauses[place->second].push_back(clause);
  }
  return clauses;
}

// The smallest number of clauses a group with which all masks fit.
size_t GroupSize(const std::vector<std::vector<uint32_t>>& clauses) {
  for (size_t size = 1; size <= SLUICE_CLAUSES; ++size) {
    size_t groups = 0;
    for (const std::vector<uint32_t>& same : clauses) groups += (same.size() + size - 1) / size;
    if (groups <= kGroups) return size;
  }
  return 0;  // more than 64 masks
}

}  // namespace

Groups::Groups(const std::vector<uint64_t>& lookups_of) : group_of_(lookups_of.size()) {
  const std::vector<std::vector<uint32_t>> clauses = ByMask(lookups_of);
  const size_t size = GroupSize(clauses);
  size_t first_group = 0, rank = 0;
  for (const std::vector<uint32_t>& same : clauses) {
    for (size_t i = 0; i < same.size(); ++i, ++rank) {
      group_of_[same[i]] =
          static_cast<uint8_t>(size == 0 ? rank * kGroups / lookups_of.size() : first_group + i / size);
    }
    if (size != 0) first_group += (same.size() + size - 1) / size;
  }
}

uint64_t Groups::SummaryOf(const sluice_set& set) const {
  uint64_t summary = 0;
  for (size_t word = 0; word < SLUICE_WORDS; ++word) {
    for (uint64_t left = set.words[word]; left != 0; left &= left - 1) {
      summary |= 1ull << group_of_[word * 64 + static_cast<size_t>(std::countr_zero(left))];
    }
  }
  return summary;
}

}  // namespace sluice::kplan
