// eval/branch_table.h - the branches of an index's groups, by mark. Private to eval/.
//
// A group of a few branches is read through; a larger one is a hash table of its own. All stand in one array.
// Most nodes are a single leaf, and a branch leads to that itself.
//
// Threads: const after construction. Memory: 12 to 24 bytes a branch. Errors: none. Cost: one cache line a
//          look-up, mostly.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/uplan/user_plan.h"

namespace sluice::eval {

class BranchTable {
 public:
  explicit BranchTable(const uplan::Index& index);

  // Where a branch leads to: a node, or the leaf of one that is nothing else.
  struct Target {
    uint32_t id = 0;
    bool is_leaf = false;
  };

  uplan::SlotId SlotOf(uint32_t group) const { return groups_[group].slot; }

  // To be called some time before Find().
  void Prefetch(uint32_t group_id, uplan::MarkId mark) const {
    const Group& group = groups_[group_id];
    if (group.few == 0) __builtin_prefetch(&cells_[group.begin + (HashOf(mark) & group.mask)]);
  }

  // Calls take(target) for each to which `mark` leads.
  template <typename Take>
  void Find(uint32_t group_id, uplan::MarkId mark, Take take) const {
    const Group& group = groups_[group_id];
    const uplan::Branch* cells = &cells_[group.begin];
    if (group.few != 0) {
      for (uint32_t at = 0; at < group.few; ++at) {
        if (cells[at].mark == mark) take(TargetOf(cells[at]));
      }
      return;
    }
    for (uint32_t at = HashOf(mark) & group.mask; cells[at].node != uplan::kNoNode;
         at = (at + 1) & group.mask) {
      if (cells[at].mark == mark) take(TargetOf(cells[at]));
    }
  }

  // Each target once for each mark that leads to it.
  template <typename Take>
  void ForEach(uint32_t group_id, Take take) const {
    const Group& group = groups_[group_id];
    const uint32_t cells = group.few != 0 ? group.few : group.mask + 1;
    for (uint32_t at = 0; at < cells; ++at) {
      const uplan::Branch& cell = cells_[group.begin + at];
      if (cell.node != uplan::kNoNode) take(TargetOf(cell));
    }
  }

 private:
  static constexpr uint32_t kFew = 4;
  struct Group {
    uplan::SlotId slot = 0;
    uint32_t begin = 0;  // of cells_
    uint32_t few = 0;    // its cells, read in order; 0: a table
    uint32_t mask = 0;
  };
  static constexpr uint32_t kLeaf = 0x80000000;
  static Target TargetOf(const uplan::Branch& cell) { return {cell.node & ~kLeaf, (cell.node & kLeaf) != 0}; }
  static uint32_t HashOf(uplan::MarkId mark) {
    const uint32_t hash = mark * 0x9e3779b1u;
    return hash ^ hash >> 15;
  }

  std::vector<Group> groups_;         // as in the plan
  std::vector<uplan::Branch> cells_;  // kNoNode: free
};

}  // namespace sluice::eval
