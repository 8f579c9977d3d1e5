// eval/gram_filter.h - which of many texts occur in a value, letters of ASCII in either case. Private to
// eval/.
//
// Four bytes of the value are looked up in a bitmap, which nearly always ends it, then in a table, and what is
// found there is compared. For texts of seven bytes or more every fourth place of the value is enough: of four
// neighbouring places in the text one stands there, and these four are chosen where they stand in few other
// texts. Shorter texts are looked up at every second or every place, by four, two or one of their bytes. So the cost hardly
// depends on the number of texts (as the multi-pattern filters of Hyperscan's FDR and of Wu and Manber); an
// Aho-Corasick automaton would read each byte, and its tables outgrow the caches.
//
// Threads: const after Build(). Errors: none. Cost: a look-up in a bitmap for each fourth byte, or for each
//          byte and width in use, and a comparison a hit; no allocation. Memory: the texts, and some 80 bytes
//          for each.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

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
    if (!classes_[3].bits.empty()) Read<4>(classes_[3], value, take);
    if (!classes_[2].bits.empty()) Read<4>(classes_[2], value, take);
    if (!classes_[1].bits.empty()) Read<2>(classes_[1], value, take);
    if (!classes_[0].bits.empty()) Read<1>(classes_[0], value, take);
  }

 private:
  struct Text {
    uint32_t begin = 0, size = 0;  // of bytes_
    uint32_t number = 0;
  };
  // Where a gram stands in a text.
  struct Place {
    uint32_t text = 0, offset = 0;
  };
  // Texts that are looked up alike.
  struct Class {
    KeyTable table;  // gram -> index of `places`
    std::vector<Place> places;
    std::vector<uint64_t> bits;
    uint32_t shift = 0;    // of a gram's hash, to its bit
    uint32_t stride = 1;   // places of a value that are looked up: each so manieth
    uint32_t least = ~0u;  // size of its texts
  };
  static constexpr uint32_t kWidths[] = {1, 2, 4, 4};

  static size_t ClassOf(size_t size) { return size >= 7 ? 3 : size >= 4 ? 2 : size >= 2 ? 1 : 0; }
  static uint32_t HashOf(uint32_t gram) { return gram * 0x9e3779b1u; }
  // Letters in either case are alike, and so are a few other bytes.
  template <uint32_t width>
  static uint32_t GramAt(const char* bytes) {
    uint32_t gram = 0;
    std::memcpy(&gram, bytes, width);
    return gram | 0x20202020u;
  }
  uint32_t GramAt(const Text& text, uint32_t offset, uint32_t width) const;
  bool IsAt(const Place& place, std::string_view value, size_t at) const;

  template <uint32_t width, typename Take>
  void Read(const Class& of, std::string_view value, Take take) const {
    if (value.size() < of.least) return;
    const uint64_t* const bits = of.bits.data();
    const uint32_t shift = of.shift, stride = of.stride;
    const size_t end = value.size() - width;
    for (size_t at = 0; at <= end; at += stride) {
      const uint32_t gram = GramAt<width>(value.data() + at);
      const uint32_t bit = HashOf(gram) >> shift;
      if ((bits[bit / 64] >> bit % 64 & 1) == 0) continue;
      of.table.Find(gram, [&](uint32_t index) {
        const Place& place = of.places[index];
        if (IsAt(place, value, at)) take(texts_[place.text].number);
      });
    }
  }

  std::vector<Text> texts_;
  std::string bytes_;  // small letters
  std::array<Class, 4> classes_;
};

}  // namespace sluice::eval
