// eval/text_trie.h - which of many texts a value begins with, or ends with. Private to eval/.
//
// A radix tree: one node per place at which texts part. A tree of ends holds its texts backwards.
//
// Threads: const after Build(). Errors: none. Cost: of a look-up the length of the longest common beginning;
//          no allocation, unless there are more hits than before. Memory: about 40 bytes a text beside its
//          bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::eval {

class TextTrie {
 public:
  enum class Reads : uint8_t { kForwards, kBackwards };
  explicit TextTrie(Reads reads) : reads_(reads) {}

  void Add(std::string_view text, uint32_t number) {
    std::string& added = texts_.emplace_back(text, number).first;
    if (reads_ == Reads::kBackwards) std::reverse(added.begin(), added.end());
  }
  void Build();

  bool empty() const { return nodes_.empty(); }
  // Calls take(number) for each of the texts that `value` begins (ends) with.
  template <typename Take>
  void Find(std::string_view value, Take take) const {
    uint32_t at = 0;
    for (size_t read = 0; !nodes_.empty();) {
      const Node& node = nodes_[at];
      if (value.size() - read < node.label_size || !HasLabel(node, value, read)) return;
      read += node.label_size;
      for (uint32_t i = node.numbers; i < nodes_[at + 1].numbers; ++i) take(numbers_[i]);
      if (read == value.size() || node.first_child == node.end_child) return;
      const uint32_t child = ChildBy(node, ByteAt(value, read));
      if (child == 0) return;
      at = child;
    }
  }

 private:
  // Nodes stand in the order in which they were made, their numbers too: those of a node end where the next
  // one's begin.
  struct Node {
    uint32_t label = 0;  // of labels_
    uint32_t label_size = 0;
    uint32_t numbers = 0;
    uint32_t first_child = 0, end_child = 0;  // of children_
  };
  struct Child {
    char byte = 0;
    uint32_t node = 0;
  };

  char ByteAt(std::string_view value, size_t at) const {
    return reads_ == Reads::kForwards ? value[at] : value[value.size() - 1 - at];
  }
  bool HasLabel(const Node& node, std::string_view value, size_t read) const {
    for (uint32_t i = 0; i < node.label_size; ++i) {
      if (labels_[node.label + i] != ByteAt(value, read + i)) return false;
    }
    return true;
  }
  uint32_t ChildBy(const Node& node, char byte) const {
    const auto begin = children_.begin() + node.first_child, end = children_.begin() + node.end_child;
    const auto found =
        std::lower_bound(begin, end, byte, [](const Child& child, char b) { return child.byte < b; });
    return found != end && found->byte == byte ? found->node : 0;
  }
  uint32_t Make(size_t begin, size_t end, size_t depth);

  const Reads reads_;
  std::vector<std::pair<std::string, uint32_t>> texts_;  // until Build()
  std::vector<Node> nodes_;                              // the root first; one more at the end
  std::vector<Child> children_;
  std::vector<uint32_t> numbers_;
  std::string labels_;
};

}  // namespace sluice::eval
