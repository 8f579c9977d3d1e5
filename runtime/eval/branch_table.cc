#include "runtime/eval/branch_table.h"

namespace sluice::eval {

namespace {

bool IsOneLeaf(const uplan::Node& node) {
  return node.leaves.end - node.leaves.begin == 1 && node.groups.begin == node.groups.end &&
         node.switches.begin == node.switches.end;
}

}  // namespace

BranchTable::BranchTable(const uplan::Index& index) {
  groups_.reserve(index.groups.size());
  cells_.reserve(index.branches.size() * 3 / 2);
  for (const uplan::Group& of_plan : index.groups) {
    const uint32_t size = of_plan.branches.end - of_plan.branches.begin;
    Group group{of_plan.slot, static_cast<uint32_t>(cells_.size()), size, 0};
    const uplan::Branch* branches = &index.branches[of_plan.branches.begin];
    if (size <= kFew) {
      cells_.insert(cells_.end(), branches, branches + size);
    } else {
      uint32_t room = 8;
      while (room * 2 < size * 3) room *= 2;
      group.few = 0;
      group.mask = room - 1;
      cells_.resize(cells_.size() + room);
      for (uint32_t i = 0; i < size; ++i) {
        uint32_t at = HashOf(branches[i].mark) & group.mask;
        while (cells_[group.begin + at].node != uplan::kNoNode) at = (at + 1) & group.mask;
        cells_[group.begin + at] = branches[i];
      }
    }
    groups_.push_back(group);
  }
  for (uplan::Branch& cell : cells_) {
    const uplan::Node& node = index.nodes[cell.node];
    if (cell.node != uplan::kNoNode && IsOneLeaf(node)) cell.node = node.leaves.begin | kLeaf;
  }
}

}  // namespace sluice::eval
