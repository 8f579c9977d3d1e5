// eval/key_table.h - 64-bit keys -> the numbers filed under each. Private to eval/.
//
// Keys are hashes: two different values with one key are found together, so whoever looks up asks again exactly.
//
// Threads: const after Build(). Memory: 32 bytes a key at most, and 4 a number. Errors: none. Cost: one or two cache
// lines a look-up.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace sluice::eval {

// Well mixed in all bits.
inline uint64_t MixKey(uint64_t key) {
  key ^= key >> 32;
  key *= 0xd6e8feb86659fd93u;
  key ^= key >> 32;
  key *= 0xd6e8feb86659fd93u;
  return key ^ key >> 32;
}

class KeyTable {
 public:
  void Add(uint64_t key, uint32_t number) { pairs_.emplace_back(MixKey(key), number); }
  void Build();

  bool empty() const { return slots_.empty(); }
  std::span<const uint32_t> Find(uint64_t key) const {
    if (slots_.empty()) return {};
    const uint64_t mixed = MixKey(key);
    for (uint64_t at = mixed & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.size == 0) return {};
      if (slot.key == mixed) return {&numbers_[slot.begin], slot.size};
    }
  }

 private:
  struct Slot {
    uint64_t key = 0;
    uint32_t begin = 0, size = 0;  // of `numbers_`; size 0: free
  };
  std::vector<std::pair<uint64_t, uint32_t>> pairs_;  // until Build()
  std::vector<Slot> slots_;
  std::vector<uint32_t> numbers_;
  uint64_t mask_ = 0;
};

}  // namespace sluice::eval
