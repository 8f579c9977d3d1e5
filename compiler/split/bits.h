// split/bits.h - the kernel conditions of one hook -> bits, within what the kernel's sets can hold.
//
// Conditions that ask the same lookups get adjacent bits, so that the summary of a group of 16 says most.
// Past the limit, conditions of alerts are weakened and merged, like with like; those of mitigations keep
// their own bits.
//
// Threads: not synchronized. Errors: none; see `fits`. Cost: n log n.
#pragma once

#include <vector>

#include "compiler/split/expand.h"

namespace sluice::split {

struct Bits {
  std::vector<Kernel> kernels;   // by bit
  std::vector<uint32_t> bit_of;  // by index of the given condition
  std::vector<bool> weakened;    // likewise: its bit stands for less than the condition
  bool fits = true;              // false: the pinned ones alone are too many; nothing is assigned
};

// The first `pinned` belong to mitigations; each gets a bit of its own. REQUIRES: the others are distinct.
Bits AssignBits(const std::vector<Kernel>& conditions, size_t pinned, size_t limit, Interner& interner);

}  // namespace sluice::split
