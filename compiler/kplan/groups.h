// kplan/groups.h - which bit of a summary stands for which clauses.
//
// The matcher ANDs 64-bit summaries first. Clauses that ask the same lookups share bits and no others do, as
// far as 64 bits reach: a value that none of a lookup's users wants then clears their bits whole.
//
// Threads: passive. Memory: a byte a clause. Errors: none.
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/abi/filter_abi.h"

namespace sluice::kplan {

class Groups {
 public:
  Groups() = default;

  // By clause: the mask of the lookups that it asks. REQUIRES: at most SLUICE_CLAUSES.
  explicit Groups(const std::vector<uint64_t>& lookups_of);

  uint64_t SummaryOf(const sluice_set& set) const;

 private:
  std::vector<uint8_t> group_of_;
};

}  // namespace sluice::kplan
