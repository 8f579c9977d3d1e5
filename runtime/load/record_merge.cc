#include "runtime/load/record_merge.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "bpf/abi/event_abi.h"

namespace sluice::load {

void RecordMerge::Add(std::string_view record) {
  uint64_t time_ns = 0;
  if (record.size() >= sizeof(sluice_record)) {
    std::memcpy(&time_ns, record.data() + offsetof(sluice_record, time_ns), sizeof time_ns);
  }
  waiting_.push_back({time_ns, bytes_.size(), record.size()});
  bytes_.append(record);
}

void RecordMerge::HandOver(uint64_t until_ns, const std::function<void(std::string_view record)>& callback) {
  std::stable_sort(waiting_.begin(), waiting_.end(),
                   [](const Waiting& a, const Waiting& b) { return a.time_ns < b.time_ns; });
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
