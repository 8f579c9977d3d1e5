#include "runtime/eval/key_table.h"

#include <bit>

namespace sluice::eval {
namespace {

// At most half full.
size_t RoomFor(size_t keys) { return std::bit_ceil(keys * 2); }

}  // namespace

void KeyTable::Build() {
  if (entries_.empty()) return;
  slots_.assign(RoomFor(entries_.size()), {});
  mask_ = slots_.size() - 1;
  for (const Entry& entry : entries_) {
    uint64_t at = entry.hash & mask_;
    while (slots_[at].number != kFree) at = (at + 1) & mask_;
    slots_[at] = {static_cast<uint32_t>(entry.hash >> 32), entry.number};
  }
  entries_ = {};
}

void TextTable::Build() {
  if (entries_.empty()) return;
  entries_.shrink_to_fit();
  slots_.assign(RoomFor(entries_.size()), {});
  mask_ = slots_.size() - 1;
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    const uint64_t hash = HashOf(entries_[i].text);
    uint64_t at = hash & mask_;
    while (slots_[at].entry != kNone) at = (at + 1) & mask_;
    slots_[at] = {static_cast<uint32_t>(hash >> 32), i};
  }
}

}  // namespace sluice::eval
