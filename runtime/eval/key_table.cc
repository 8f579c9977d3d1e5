#include "runtime/eval/key_table.h"

#include <algorithm>

namespace sluice::eval {

void KeyTable::Build() {
  std::sort(pairs_.begin(), pairs_.end());
  pairs_.erase(std::unique(pairs_.begin(), pairs_.end()), pairs_.end());
  size_t keys = 0;
  for (size_t i = 0; i < pairs_.size(); ++i) keys += i == 0 || pairs_[i].first != pairs_[i - 1].first;
  if (keys == 0) return;
  size_t size = 2;
  while (size * 2 < keys * 3) size *= 2;  // at most two thirds full
  slots_.assign(size, {});
  mask_ = size - 1;
  numbers_.reserve(pairs_.size());
  for (size_t i = 0; i < pairs_.size();) {
    uint64_t at = pairs_[i].first & mask_;
    while (slots_[at].size != 0) at = (at + 1) & mask_;
    Slot& slot = slots_[at];
    slot.key = pairs_[i].first;
    slot.begin = static_cast<uint32_t>(numbers_.size());
    for (; i < pairs_.size() && pairs_[i].first == slot.key; ++i) {
      numbers_.push_back(pairs_[i].second);
      ++slot.size;
    }
  }
  pairs_.clear();
  pairs_.shrink_to_fit();
}

}  // namespace sluice::eval
