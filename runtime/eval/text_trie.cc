#include "runtime/eval/text_trie.h"

#include <algorithm>
#include <cstddef>

namespace sluice::eval {

void TextTrie::Add(std::string_view text, uint32_t number) {
  std::string& added = texts_.emplace_back(text, number).first;
  if (reads_ == Reads::kBackwards) std::reverse(added.begin(), added.end());
}

void TextTrie::Build() {
  if (texts_.empty()) return;
  std::sort(texts_.begin(), texts_.end());
  texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
  Make(0, texts_.size(), 0);
  texts_ = {};
  nodes_.resize(nodes_.size() + kRow);
  nodes_.shrink_to_fit();
}

// The node of texts_[begin, end), which are alike before `depth`.
uint32_t TextTrie::Make(size_t begin, size_t end, size_t depth) {
  const std::string &first = texts_[begin].first, &last = texts_[end - 1].first;
  size_t common = depth;
  while (common < first.size() && common < last.size() && first[common] == last[common]) ++common;
  Head head{static_cast<uint32_t>(common - depth), 0, static_cast<uint32_t>(numbers_.size()), 0};
  size_t at = begin;
  for (; at < end && texts_[at].first.size() == common; ++at) numbers_.push_back(texts_[at].second);
  head.end = static_cast<uint32_t>(numbers_.size());
  std::vector<size_t> parts;  // where the children's texts begin
  for (size_t i = at; i < end; ++i) {
    if (i == at || texts_[i].first[common] != texts_[i - 1].first[common]) parts.push_back(i);
  }
  head.children = static_cast<uint32_t>(parts.size());
  const auto id = static_cast<uint32_t>(nodes_.size());
  const auto* bytes = reinterpret_cast<const char*>(&head);
  nodes_.insert(nodes_.end(), bytes, bytes + sizeof(head));
  nodes_.insert(nodes_.end(), first.begin() + static_cast<std::ptrdiff_t>(depth),
                first.begin() + static_cast<std::ptrdiff_t>(common));
  if (reads_ == Reads::kBackwards) std::reverse(nodes_.end() - head.label, nodes_.end());
  for (const size_t part : parts) nodes_.push_back(texts_[part].first[common]);
  const size_t places = nodes_.size();
  nodes_.resize(places + parts.size() * sizeof(uint32_t));
  parts.push_back(end);
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const uint32_t child = Make(parts[i], parts[i + 1], common);
    std::memcpy(nodes_.data() + places + i * sizeof(child), &child, sizeof(child));
  }
  return id;
}

}  // namespace sluice::eval
