#include "runtime/load/record_merge.h"

#include <algorithm>
#include <cstring>

#include "bpf/abi/event_abi.h"

namespace sluice::load {

void RecordMerge::Add(std::string_view record) {
  Waiting waiting{.offset = bytes_.size(), .size = record.size()};
  if (record.size() >= sizeof(sluice_record)) {
    sluice_record header;
    std::memcpy(&header, record.data(), sizeof header);
    waiting.time_ns = header.time_ns;
    waiting.candidate = header.generation != 0;
  }
  waiting_.push_back(waiting);
  bytes_.append(record);
}

bool RecordMerge::holds_candidates() const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [](const Waiting& record) { return record.candidate; });
}

void RecordMerge::HandOver(uint64_t until_ns, const std::function<void(std::string_view record)>& callback) {
  const auto earlier = [](const Waiting& a, const Waiting& b) { return a.time_ns < b.time_ns; };
  if (!std::is_sorted(waiting_.begin(), waiting_.end(), earlier))
    std::stable_sort(waiting_.begin(), waiting_.end(), earlier);
  const auto end = std::find_if(waiting_.begin(), waiting_.end(),
                                [until_ns](const Waiting& record) { return record.time_ns > until_ns; });
  const std::string_view all = bytes_;
  for (auto record = waiting_.begin(); record != end; ++record)
    callback(all.substr(record->offset, record->size));
  waiting_.erase(waiting_.begin(), end);
  std::string kept;
  for (Waiting& record : waiting_) {
    const size_t offset = kept.size();
    kept.append(bytes_, record.offset, record.size);
    record.offset = offset;
  }
  bytes_.swap(kept);
}

}  // namespace sluice::load
