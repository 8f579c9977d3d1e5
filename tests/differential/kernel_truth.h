// tests/differential/kernel_truth.h - what a partition's tests say of an event, by their definition in
// partition.h.
//
// Written against that definition alone: neither kplan/ nor the matcher is asked.
// Threads: pure functions. Errors: none.
#pragma once

#include "compiler/split/partition.h"
#include "tests/differential/generate.h"

namespace sluice::differential {

// Unknown where a string or the lineage could not be had.
naive::Truth TruthOf(const split::KernelCondition& condition, const split::Partition& partition,
                     const EventCase& event);

// The same of one image: a lineage atom.
bool ImageHas(const split::KernelCondition& atom, const Image& image);

naive::Truth And(naive::Truth a, naive::Truth b);
naive::Truth Or(naive::Truth a, naive::Truth b);
naive::Truth Not(naive::Truth a);
naive::Truth Known(bool truth);

}  // namespace sluice::differential
