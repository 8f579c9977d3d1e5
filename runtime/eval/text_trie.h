// eval/text_trie.h - which of many texts a value begins with, or ends with. Private to eval/.
//
// A radix tree: one node per place at which texts part. A node is one piece of an array: how much follows,
// its label, the bytes that lead on and where they lead. A tree of ends reads its value backwards.
//
// Threads: const after Build(). Errors: none. Cost: of a look-up the length of the longest common beginning,
//          and one or two cache lines a node on the way; no allocation. Memory: about 40 bytes a text beside
//          its bytes.
#pragma once

#include <emmintrin.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::eval {

class TextTrie {
 public:
  enum class Reads : uint8_t { kForwards, kBackwards };
  explicit TextTrie(Reads reads) : reads_(reads) {}

  void Add(std::string_view text, uint32_t number);
  void Build();

  bool empty() const { return nodes_.empty(); }
  // Calls take(number) for each of the texts that `value` begins (ends) with. Returns how many of its bytes
  // were looked at, or more.
  template <typename Take>
  size_t Find(std::string_view value, Take take) const {
    if (nodes_.empty()) return 0;
    const bool forwards = reads_ == Reads::kForwards;
    const char* at = nodes_.data();
    for (size_t left = value.size();;) {
      Head head;
      std::memcpy(&head, at, sizeof(head));
      at += sizeof(head);
      if (left < head.label) return value.size();
      const char* rest = forwards ? value.data() + (value.size() - left) : value.data() + (left - head.label);
      if (!AreSame(rest, at, head.label)) return value.size() - left + head.label;
      left -= head.label;
      at += head.label;
      for (uint32_t i = head.begin; i < head.end; ++i) take(numbers_[i]);
      if (left == 0 || head.children == 0) return value.size() - left;
      const char next = forwards ? value[value.size() - left] : value[left - 1];
      const uint32_t found = FindByte(at, head.children, next);
      if (found == head.children) return value.size() - left + 1;
      uint32_t child = 0;
      std::memcpy(&child, at + head.children + size_t{found} * sizeof(child), sizeof(child));
      at = nodes_.data() + child;
    }
  }

 private:
  // Then the label, as it stands in a value; a byte for each child; and for each where in nodes_ it is, as a
  // uint32_t. The byte that leads to a child is the first one of its label.
  struct Head {
    uint32_t label = 0;           // bytes
    uint32_t children = 0;        // how many
    uint32_t begin = 0, end = 0;  // of numbers_
  };
  // Most labels are too short for a call, and so are most rows of children.
  template <typename Word>
  static bool AreSameBy(const char* a, const char* b, size_t size) {
    Word x = 0, y = 0;
    for (size_t at = 0; at + sizeof(x) < size; at += sizeof(x)) {
      std::memcpy(&x, a + at, sizeof(x));
      std::memcpy(&y, b + at, sizeof(y));
      if (x != y) return false;
    }
    std::memcpy(&x, a + size - sizeof(x), sizeof(x));
    std::memcpy(&y, b + size - sizeof(y), sizeof(y));
    return x == y;
  }
  static bool AreSame(const char* a, const char* b, size_t size) {
    if (size >= sizeof(uint64_t)) return AreSameBy<uint64_t>(a, b, size);
    if (size >= sizeof(uint32_t)) return AreSameBy<uint32_t>(a, b, size);
    return size == 0 || AreSameBy<uint8_t>(a, b, size);
  }
  // Where `wanted` stands in `count` bytes, or `count`. REQUIRES: kRow bytes may be read.
  static constexpr uint32_t kRow = sizeof(__m128i);
  static uint32_t FindByte(const char* bytes, uint32_t count, char wanted) {
    const __m128i all = _mm_set1_epi8(wanted);
    for (uint32_t at = 0; at < count; at += kRow) {
      const __m128i row = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + at));
      const auto equal = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(row, all)));
      if (equal != 0) return std::min(count, at + static_cast<uint32_t>(std::countr_zero(equal)));
    }
    return count;
  }
  uint32_t Make(size_t begin, size_t end, size_t depth);

  const Reads reads_;
  std::vector<std::pair<std::string, uint32_t>> texts_;  // until Build()
  std::vector<char> nodes_;                              // the root first
  std::vector<uint32_t> numbers_;
};

}  // namespace sluice::eval
