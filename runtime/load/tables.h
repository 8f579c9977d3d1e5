// load/tables.h - a plan's tables as maps of one generation slot.
//
// Each table is a fresh inner map, filled before it is put into its outer map, so that a failure leaves what
// judges untouched. Sizes are exact: nothing is added to a table once it is in place.
//
// Threads: owner thread. Errors: kResourceExhausted names the map and its size; others what the kernel said.
// Cost:    some microseconds an entry, and a grace period of the kernel (10 ms and more) for each table.
#pragma once

#include <bpf/libbpf.h>

#include "compiler/kplan/kernel_plan.h"
#include "compiler/source/source.h"

namespace sluice::load {

// The most entries that a value map may have when Options::max_entries does not say; about 600 MB of kernel
// memory.
inline constexpr uint32_t kMostEntries = 2'000'000;

// Entries [0, count) of one map as parallel arrays.
struct Batch {
  const void* keys;
  const void* values;
  size_t key_bytes, value_bytes;
  uint32_t count;
};

// Stores all entries, in batches where the map can. The name is for the message.
source::Status StoreAll(int map, const std::string& name, const Batch& batch);

// Creates, fills and installs every table of `plan` in `slot`, with its configuration and actions.
// REQUIRES: no program runs that still reads the slot.
source::Status FillSlot(bpf_object* object, const kplan::KernelPlan& plan, uint32_t slot,
                        uint32_t max_entries);

// Bounds and modes of the plan's mitigations, in one half of their maps (sluice_control.bounds).
// REQUIRES: no program runs that still reads it.
source::Status StoreBounds(bpf_object* object, const kplan::KernelPlan& plan, uint32_t half);

// Nothing in the slot judges any more: its hooks have no clauses.
source::Status ClearSlot(bpf_object* object, uint32_t slot);

// Waits until every program that runs now has ended (an update of a map of maps implies it).
class GracePeriod {
 public:
  GracePeriod() = default;
  ~GracePeriod();
  GracePeriod(const GracePeriod&) = delete;
  GracePeriod& operator=(const GracePeriod&) = delete;
  source::Status Open();
  source::Status Wait();

 private:
  int inner_ = -1, outer_ = -1;
};

}  // namespace sluice::load
