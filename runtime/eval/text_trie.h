// eval/text_trie.h - which of many texts a value begins with, or ends with. Private to eval/.
//
// A radix tree: one node per place at which texts part. A node is one piece of an array: how much follows,
// its label, the bytes that lead on and where they lead. A tree of ends reads its value backwards.
//
// Threads: const after Build(). Errors: none. Cost: of a look-up the length of the longest common beginning,
//          and one or two cache lines a node on the way; no allocation. Memory: about 40 bytes a text beside
//          its bytes.
#pragma once

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
      if (head.label != 0 && std::memcmp(rest, at, head.label) != 0) return value.size() - left + head.label;
      left -= head.label;
      at += head.label;
      for (uint32_t i = head.begin; i < head.end; ++i) take(numbers_[i]);
      if (left == 0 || head.children == 0) return value.size() - left;
      const char next = forwards ? value[value.size() - left] : value[left - 1];
      const auto* found = static_cast<const char*>(std::memchr(at, next, head.children));
      if (found == nullptr) return value.size() - left + 1;
      uint32_t child = 0;
      std::memcpy(&child, at + head.children + static_cast<size_t>(found - at) * sizeof(child),
                  sizeof(child));
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
  // Most labels are too short for a call.
  static bool AreSame(const char* a, const char* b, size_t size) {
    for (uint64_t x = 0, y = 0; size >= sizeof(x); a += sizeof(x), b += sizeof(y), size -= sizeof(x)) {
      std::memcpy(&x, a, sizeof(x));
      std::memcpy(&y, b, sizeof(y));
      if (x != y) return false;
    }
    for (; size > 0; ++a, ++b, --size) {
      if (*a != *b) return false;
    }
    return true;
  }
  uint32_t Make(size_t begin, size_t end, size_t depth);

  const Reads reads_;
  std::vector<std::pair<std::string, uint32_t>> texts_;  // until Build()
  std::vector<char> nodes_;                              // the root first
  std::vector<uint32_t> numbers_;
};

}  // namespace sluice::eval
