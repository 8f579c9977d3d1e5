// yaml/yaml.h - YAML text as a plain tree in which every scalar knows where each of its bytes stands.
//
// The only user of yaml-cpp; its exceptions end here.
//
// Threads: pure function. Memory: the tree is self-contained.
// Errors:  E111 with yaml-cpp's sentence and place; nothing is returned then. Aliases are
//          followed, up to kMaxNodes nodes in all, so that a few lines cannot grow into gigabytes (E110).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/diag/diag.h"
#include "compiler/source/source.h"

namespace sluice::yaml {

inline constexpr size_t kMaxNodes = 1'000'000;
inline constexpr size_t kMaxDepth = 64;

struct Entry;

struct Node {
  enum class Kind : uint8_t { kNull, kScalar, kSequence, kMap } kind = Kind::kNull;
  std::string text;                          // kScalar: the value
  bool quoted = false;                       // '...' or "..."
  std::vector<source::Files::Piece> pieces;  // kScalar: where the bytes of `text` come from
  std::vector<Node> items;                   // kSequence
  std::vector<Entry> entries;                // kMap, in order
  source::Span span;                         // of a scalar's raw text; of the first character otherwise

  const Node* Find(std::string_view key) const;  // kMap: the value, or null
};

struct Entry {
  Node key, value;
};

// One Node a document.
std::vector<Node> ReadYaml(const source::Files& files, source::FileId file, diag::Diagnostics& diagnostics);

}  // namespace sluice::yaml
