// eval/gram_filter.h - which of many texts occur in a value, letters of ASCII in either case. Private to
// eval/.
//
// Of each text four bytes that stand in few others are chosen (two or one of a shorter text). The value is
// read once: every four bytes of it are looked up in a bitmap, which nearly always ends it, then in a table,
// and what is found there is compared. So the cost hardly depends on the number of texts (as the
// multi-pattern filters of Hyperscan's FDR and of Wu and Manber); an Aho-Corasick automaton would also read
// each byte once, but its tables outgrow the caches.
//
// Threads: const after Build(). Errors: none. Cost: a look-up in a bitmap for each byte, and a comparison a
//          hit; no allocation. Memory: the texts, and some 60 bytes for each.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/eval/glob.h"
#include "runtime/eval/key_table.h"

namespace sluice::eval {

class GramFilter {
 public:
  // REQUIRES: `text` is not empty.
  void Add(std::string_view text, uint32_t number);
  void Build();

  bool empty() const { return texts_.empty(); }
  // Calls take(number) for each text that occurs; more than once if it does.
  template <typename Take>
  void Find(std::string_view value, Take take) const {
    if (!widths_[2].bits.empty()) Read<4>(widths_[2], value, take);
    if (!widths_[1].bits.empty()) Read<2>(widths_[1], value, take);
    if (!widths_[0].bits.empty()) Read<1>(widths_[0], value, take);
  }

 private:
  struct Text {
    uint32_t begin = 0, size = 0;  // of bytes_
    uint32_t number = 0;
    uint32_t gram_at = 0;  // offset of the chosen bytes
  };
  struct Width {
    KeyTable table;  // gram -> index of texts_
    std::vector<uint64_t> bits;
    uint32_t shift = 0;  // of a gram's hash, to its bit
  };
  static constexpr std::array<uint32_t, 3> kWidths = {1, 2, 4};

  static size_t WidthOf(size_t size) { return size >= 4 ? 2 : size >= 2 ? 1 : 0; }
  static uint32_t HashOf(uint32_t gram) { return gram * 0x9e3779b1u; }
  uint32_t GramAt(const Text& text, uint32_t at, uint32_t width) const;
  bool IsAt(const Text& text, std::string_view value, size_t end) const;

  template <uint32_t width, typename Take>
  void Read(const Width& of, std::string_view value, Take take) const {
    constexpr uint32_t kMask = width == 4 ? ~0u : (1u << width * 8 % 32) - 1;
    uint32_t gram = 0;
    for (size_t at = 0; at < value.size(); ++at) {
      gram = (gram << 8 | LowerByte(static_cast<uint8_t>(value[at]))) & kMask;
      const uint32_t bit = HashOf(gram) >> of.shift;
      if ((of.bits[bit / 64] >> bit % 64 & 1) == 0 || at + 1 < width) continue;
      of.table.Find(gram, [&](uint32_t index) {
        if (IsAt(texts_[index], value, at + 1 - width)) take(texts_[index].number);
      });
    }
  }

  std::vector<Text> texts_;
  std::string bytes_;  // folded
  std::array<Width, 3> widths_;
};

}  // namespace sluice::eval
