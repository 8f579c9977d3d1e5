// load/record_merge.h - two streams of records into one in the order of time.
//
// A record is stamped before it gets its place in a ring, and the two rings are read one after the other; so
// a record waits until it is kReorderNs old. By then whatever is older has been read. (A CPU that is held up
// for longer between the stamp and the ring delivers a record late, and the tree copes with that.)
//
// Threads: owner thread. Memory: the waiting records, copied; the caller bounds how many it adds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::load {

inline constexpr uint64_t kReorderNs = 2'000'000;

class RecordMerge {
 public:
  // Takes a copy. A record too short to hold its header is handed over first, for the decoder to count.
  void Add(std::string_view record);

  // Hands over what is not younger than `until_ns`, oldest first, and forgets it. `callback` must not call
  // back in.
  void HandOver(uint64_t until_ns, const std::function<void(std::string_view record)>& callback);

  bool empty() const { return waiting_.empty(); }
  // Some waiting record was sent for a rule; the others only feed the process tree and are in no hurry.
  bool holds_candidates() const;
  size_t bytes() const { return bytes_.size(); }

 private:
  struct Waiting {
    uint64_t time_ns = 0;
    size_t offset = 0, size = 0;
    bool candidate = false;
  };
  std::string bytes_;
  std::vector<Waiting> waiting_;
};

}  // namespace sluice::load
