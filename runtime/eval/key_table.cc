#include "runtime/eval/key_table.h"

#include <algorithm>
#include <functional>

namespace sluice::eval {

uint64_t KeyTable::HashOf(std::string_view text) { return std::hash<std::string_view>()(text); }

void KeyTable::Build() {
  std::sort(entries_.begin(), entries_.end());
  entries_.erase(std::unique(entries_.begin(), entries_.end()), entries_.end());
  const auto is_same_key = [&](size_t a, size_t b) {
    return entries_[a].hash == entries_[b].hash && entries_[a].text == entries_[b].text;
  };
  size_t keys = 0;
  for (size_t i = 0; i < entries_.size(); ++i) keys += i == 0 || !is_same_key(i, i - 1);
  if (keys == 0) return;
  size_t size = 2;
  while (size * 2 < keys * 3) size *= 2;  // at most two thirds full
  slots_.assign(size, {});
  mask_ = size - 1;
  numbers_.reserve(entries_.size());
  for (size_t i = 0; i < entries_.size();) {
    const size_t first = i;
    uint64_t at = entries_[first].hash & mask_;
    while (slots_[at].size != 0) at = (at + 1) & mask_;
    Slot& slot = slots_[at];
    slot.hash = entries_[first].hash;
    slot.text = entries_[first].text;
    slot.begin = static_cast<uint32_t>(numbers_.size());
    for (; i < entries_.size() && is_same_key(i, first); ++i) numbers_.push_back(entries_[i].number);
    slot.size = static_cast<uint32_t>(numbers_.size()) - slot.begin;
  }
  entries_.clear();
  entries_.shrink_to_fit();
}

}  // namespace sluice::eval
