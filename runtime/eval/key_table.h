// eval/key_table.h - keys (numbers, or texts) -> the numbers filed under each. Private to eval/.
//
// Open addressing with 32 bits of each key's hash. A KeyTable may find what has another key, once in some
// thousand million times: what it finds is a candidate. A TextTable compares, and is exact.
//
// Threads: const after Build(). Memory: 16 to 32 bytes a key, and 24 more of a TextTable, which borrows its
//          texts. Errors: none. Cost: one or two cache lines a look-up.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::eval {

class KeyTable {
 public:
  void Add(uint64_t key, uint32_t number) { entries_.push_back({Mix(key), number}); }
  void Build();

  bool empty() const { return slots_.empty(); }
  // Calls take(number) for all that is filed under `key`.
  template <typename Take>
  void Find(uint64_t key, Take take) const {
    if (slots_.empty()) return;
    const uint64_t hash = Mix(key);
    for (uint64_t at = hash & mask_; slots_[at].number != kFree; at = (at + 1) & mask_) {
      if (slots_[at].tag == static_cast<uint32_t>(hash >> 32)) take(slots_[at].number);
    }
  }

 private:
  static constexpr uint32_t kFree = 0xffffffff;
  struct Entry {
    uint64_t hash;
    uint32_t number;
  };
  struct Slot {
    uint32_t tag = 0;
    uint32_t number = kFree;
  };
  // One to one, and well mixed in all bits.
  static uint64_t Mix(uint64_t key) {
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    return key ^ key >> 32;
  }

  std::vector<Entry> entries_;  // until Build()
  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
};

// Distinct texts, one number each.
class TextTable {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  // `text` must outlive the table.
  void Add(std::string_view text, uint32_t number) { entries_.push_back({text, number}); }
  void Build();

  uint32_t Find(std::string_view text) const { return slots_.empty() ? kNone : Find(text, HashOf(text)); }

  // In two steps, for work in between while memory answers: Find() wants the hash that Prepare() has made.
  uint64_t Prepare(std::string_view text) const {
    if (slots_.empty()) return 0;
    const uint64_t hash = HashOf(text);
    __builtin_prefetch(&slots_[hash & mask_]);
    return hash;
  }
  uint32_t Find(std::string_view text, uint64_t hash) const {
    if (slots_.empty()) return kNone;
    for (uint64_t at = hash & mask_; slots_[at].entry != kNone; at = (at + 1) & mask_) {
      if (slots_[at].tag != static_cast<uint32_t>(hash >> 32)) continue;
      const Entry& entry = entries_[slots_[at].entry];
      if (entry.text == text) return entry.number;
    }
    return kNone;
  }

 private:
  struct Entry {
    std::string_view text;
    uint32_t number;
  };
  struct Slot {
    uint32_t tag = 0;
    uint32_t entry = kNone;  // of entries_
  };
  static uint64_t HashOf(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

  std::vector<Entry> entries_;
  std::vector<Slot> slots_;
  uint64_t mask_ = 0;
};

}  // namespace sluice::eval
