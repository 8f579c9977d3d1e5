#include "runtime/eval/path_trie.h"

#include <algorithm>

namespace sluice::eval {
namespace {

constexpr size_t kMaxComponents = 2048;  // of a path of 4096 bytes; bounds the recursion

// The first component of `rest`, which is moved behind it; empty when there is none.
std::string_view TakeComponent(std::string_view& rest) {
  const size_t begin = std::min(rest.find_first_not_of('/'), rest.size());
  const size_t end = std::min(rest.find('/', begin), rest.size());
  const std::string_view component = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return component;
}

}  // namespace

uint32_t PathTrie::Child(uint32_t node, std::string_view component) {
  const auto created = static_cast<uint32_t>(nodes_.size());
  Node& parent = nodes_[node];
  if (component.find_first_of("*?[") == std::string_view::npos) {
    const auto [at, added] = parent.literal.emplace(component, created);
    if (!added) return at->second;
  } else {
    for (size_t i = 0; i < parent.patterns.size(); ++i) {
      if (parent.pattern_texts[i] == component) return parent.patterns[i].second;
    }
    parent.patterns.emplace_back(Glob(component, false), created);
    parent.pattern_texts.emplace_back(component);
  }
  nodes_.emplace_back();
  return created;
}

void PathTrie::Add(std::string_view prefix) {
  size_t components = 0;
  for (std::string_view rest = prefix; !TakeComponent(rest).empty();) ++components;
  if (components > kMaxComponents) return;  // no path has it
  uint32_t node = 0;
  for (std::string_view component = TakeComponent(prefix); !component.empty();
       component = TakeComponent(prefix)) {
    node = Child(node, component);
  }
  nodes_[node].ends = true;
}

Truth PathTrie::HasPrefixOf(std::string_view path, bool truncated) const { return Walk(0, path, truncated); }

Truth PathTrie::Walk(uint32_t index, std::string_view rest, bool truncated) const {
  const Node& node = nodes_[index];
  if (node.ends) return Truth::kTrue;
  if (node.literal.empty() && node.patterns.empty()) return Truth::kFalse;
  const std::string_view component = TakeComponent(rest);
  if (rest.empty() && truncated) return Truth::kUnknown;  // the component may go on
  if (component.empty()) return Truth::kFalse;
  Truth truth = Truth::kFalse;
  const auto literal = node.literal.find(component);
  if (literal != node.literal.end()) truth = Walk(literal->second, rest, truncated);
  for (size_t i = 0; i < node.patterns.size() && truth != Truth::kTrue; ++i) {
    if (node.patterns[i].first.Matches(component))
      truth = Or(truth, Walk(node.patterns[i].second, rest, truncated));
  }
  return truth;
}

}  // namespace sluice::eval
