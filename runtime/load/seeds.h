// load/seeds.h - the lineage bits of living processes, for a rule set that they were born before.
//
// A process has bits of its own (the atoms that its image satisfies) and of its ancestors, each under the
// image that it had when it forked. Where the chain has a gap, or an image's path is not known and an atom
// asks for it, the bits stay without the generation's tag: unknown.
//
// Threads: pure function. Memory: about 600 bytes a process. Cost: the living processes times the depth of
//          the tree.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "compiler/kplan/model.h"
#include "runtime/lineage/tree.h"

namespace sluice::load {

struct Seeds {
  std::vector<uint32_t> pids;
  std::vector<sluice_seed> seeds;  // as long as pids
};

// REQUIRES: slot < SLUICE_SLOTS; `model` is of the plan that generation `generation` loads into `slot`.
Seeds ComputeSeeds(const lineage::Tree& tree, const kplan::Model& model, uint32_t slot, uint32_t generation);

// The image as task storage holds it.
sluice_image PackImage(const lineage::Image& image);

}  // namespace sluice::load
