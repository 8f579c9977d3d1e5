#include "runtime/eval/text_trie.h"

namespace sluice::eval {

void TextTrie::Build() {
  if (texts_.empty()) return;
  std::sort(texts_.begin(), texts_.end());
  texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
  Make(0, texts_.size(), 0);
  nodes_.push_back({.numbers = static_cast<uint32_t>(numbers_.size())});
  texts_.clear();
  texts_.shrink_to_fit();
}

// The node of texts_[begin, end), which are alike before `depth`.
uint32_t TextTrie::Make(size_t begin, size_t end, size_t depth) {
  const std::string &first = texts_[begin].first, &last = texts_[end - 1].first;
  size_t common = depth;
  while (common < first.size() && common < last.size() && first[common] == last[common]) ++common;
  const auto id = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({.label = static_cast<uint32_t>(labels_.size()),
                    .label_size = static_cast<uint32_t>(common - depth),
                    .numbers = static_cast<uint32_t>(numbers_.size())});
  labels_.append(first, depth, common - depth);
  size_t at = begin;
  for (; at < end && texts_[at].first.size() == common; ++at) numbers_.push_back(texts_[at].second);
  std::vector<Child> children;
  while (at < end) {
    const char byte = texts_[at].first[common];
    size_t next = at + 1;
    while (next < end && texts_[next].first[common] == byte) ++next;
    children.push_back({byte, Make(at, next, common)});
    at = next;
  }
  // Sorted as unsigned bytes above, looked up as char.
  std::sort(children.begin(), children.end(), [](const Child& a, const Child& b) { return a.byte < b.byte; });
  nodes_[id].first_child = static_cast<uint32_t>(children_.size());
  children_.insert(children_.end(), children.begin(), children.end());
  nodes_[id].end_child = static_cast<uint32_t>(children_.size());
  return id;
}

}  // namespace sluice::eval
