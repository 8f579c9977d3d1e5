#include "runtime/eval/key_table.h"

namespace sluice::eval {
namespace {

// At most two thirds full.
size_t RoomFor(size_t keys) {
  size_t size = 2;
  while (size * 2 < keys * 3) size *= 2;
  return size;
}

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
  slots_.assign(RoomFor(entries_.size()), {});
  mask_ = slots_.size() - 1;
  for (const Entry& entry : entries_) {
    const uint64_t hash = HashOf(entry.text);
    uint64_t at = hash & mask_;
    while (slots_[at].number != kNone) at = (at + 1) & mask_;
    slots_[at] = {static_cast<uint32_t>(hash >> 32), entry.number, entry.text.data(),
                  static_cast<uint32_t>(entry.text.size())};
  }
  entries_ = {};
}

}  // namespace sluice::eval
