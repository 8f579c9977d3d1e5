// eval/path_trie.h - path prefixes by component: /opt/di is no prefix of /opt/dir.
//
// Leading, trailing and double slashes do not count; a component with `?`, `*` or `[` is matched as a pattern
// within its component; `/` and the empty text are prefixes of everything.
//
// Threads: const after construction. Errors: none. Cost: one hash look-up a component, and one pattern for
//          each one that stands at that level; no allocation. A node is looked at once at most, for its depth
//          fixes the component.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/eval/glob.h"

namespace sluice::eval {

// Hashing for look-ups by view in maps of strings.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

class PathTrie {
 public:
  PathTrie() : nodes_(1) {}

  void Add(std::string_view prefix);
  // `truncated`: `path` is only the beginning; what its whole components do not decide is unknown.
  Truth HasPrefixOf(std::string_view path, bool truncated) const;

 private:
  struct Node {
    std::unordered_map<std::string, uint32_t, TextHash, std::equal_to<>> literal;
    std::vector<std::pair<Glob, uint32_t>> patterns;
    std::vector<std::string> pattern_texts;  // beside `patterns`
    bool ends = false;
  };

  uint32_t Child(uint32_t node, std::string_view component);
  Truth Walk(uint32_t node, std::string_view rest, bool truncated) const;

  std::vector<Node> nodes_;
};

}  // namespace sluice::eval
