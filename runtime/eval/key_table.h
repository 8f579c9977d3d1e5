// eval/key_table.h - keys (numbers, or texts by hash) -> the numbers filed under each. Private to eval/.
//
// Threads: const after Build(). Memory: borrows the texts of its keys; 32 to 96 bytes a key, and 4 a number.
// Errors:  none. Cost: one or two cache lines a look-up, and one comparison of a text.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sluice::eval {

class KeyTable {
 public:
  void Add(uint64_t key, uint32_t number) { entries_.push_back({Mix(key), {}, number}); }
  // `text` must outlive the table. REQUIRES: all keys are texts or all are numbers.
  void Add(std::string_view text, uint32_t number) { entries_.push_back({HashOf(text), text, number}); }
  void Build();

  bool empty() const { return slots_.empty(); }
  std::span<const uint32_t> Find(uint64_t key) const {
    return FindHash(Mix(key), [](const Slot&) { return true; });
  }
  std::span<const uint32_t> Find(std::string_view text) const {
    return FindHash(HashOf(text), [&](const Slot& slot) { return slot.text == text; });
  }

 private:
  struct Entry {
    uint64_t hash;
    std::string_view text;
    uint32_t number;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  struct Slot {
    uint64_t hash = 0;
    std::string_view text;
    uint32_t begin = 0, size = 0;  // of `numbers_`; size 0: free
  };

  static uint64_t HashOf(std::string_view text);
  // One to one, and well mixed in all bits.
  static uint64_t Mix(uint64_t key) {
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    key ^= key >> 32;
    key *= 0xd6e8feb86659fd93u;
    return key ^ key >> 32;
  }
  template <typename Same>
  std::span<const uint32_t> FindHash(uint64_t hash, Same same) const {
    if (slots_.empty()) return {};
    for (uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.size == 0) return {};
      if (slot.hash == hash && same(slot)) return {&numbers_[slot.begin], slot.size};
    }
  }

  std::vector<Entry> entries_;  // until Build()
  std::vector<Slot> slots_;
  std::vector<uint32_t> numbers_;
  uint64_t mask_ = 0;
};

}  // namespace sluice::eval
