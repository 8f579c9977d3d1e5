#include "compiler/parse/split_blocks.h"

#include <optional>
#include <utility>

namespace sluice::parse {
namespace {

constexpr std::string_view kBlanks = " \t\r\b\f\v";

std::optional<BlockKind> StartOf(std::string_view line) {
  for (const BlockKind kind : {BlockKind::kList, BlockKind::kMacro, BlockKind::kRule, BlockKind::kTest}) {
    const std::string_view name = BlockKindName(kind);
    if (line.substr(0, name.size()) != name) continue;
    const std::string_view rest = line.substr(name.size());
    if (rest.empty() || rest[0] == '"' || rest[0] == '\'' ||
        kBlanks.find(rest[0]) != std::string_view::npos) {
      return kind;
    }
  }
  return std::nullopt;
}

}  // namespace

void AddAllowed(std::string_view line, source::FileId file, uint32_t line_begin,
                std::vector<ast::Word>& allowed) {
  constexpr std::string_view kWord = "allow:";
  size_t i = line.find_first_not_of(kBlanks, 1);
  if (i == std::string_view::npos || line.substr(i, kWord.size()) != kWord) return;
  const std::string_view separators = ", \t\r";
  for (i = line.find_first_not_of(separators, i + kWord.size()); i != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(separators, i), line.size());
    const source::Span span{file, static_cast<uint32_t>(line_begin + i),
                            static_cast<uint32_t>(line_begin + end)};
    allowed.push_back({std::string(line.substr(i, end - i)), span, false});
    i = line.find_first_not_of(separators, end);
  }
}

std::string_view BlockKindName(BlockKind kind) {
  switch (kind) {
    case BlockKind::kList:
      return "list";
    case BlockKind::kMacro:
      return "macro";
    case BlockKind::kRule:
      return "rule";
    case BlockKind::kTest:
      return "test";
    case BlockKind::kCondition:
      return "condition";
  }
  return "";
}

SplitFile SplitBlocks(std::string_view text, source::FileId file, uint32_t begin, uint32_t max_blocks) {
  SplitFile split;
  std::vector<ast::Word> allowed;
  const auto end_last = [&](uint32_t end) {
    if (!split.blocks.empty()) split.blocks.back().end = end;
  };
  for (size_t at = begin; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const uint32_t line_begin = static_cast<uint32_t>(at);
    at = end + 1;
    const std::optional<BlockKind> kind = StartOf(line);
    if (kind) {
      if (split.blocks.size() == max_blocks) {
        split.more = true;
        split.more_begin = line_begin;
        end_last(line_begin);
        return split;
      }
      end_last(line_begin);
      split.blocks.push_back({*kind, line_begin, 0, std::exchange(allowed, {})});
    } else if (!line.empty() && line[0] == '#') {
      AddAllowed(line, file, line_begin, allowed);
    } else {
      allowed.clear();
      const size_t first = line.find_first_not_of(kBlanks);
      const bool junk = first != std::string_view::npos && line[first] != '#';
      if (junk && split.blocks.empty()) {
        if (split.junk_end == 0) split.junk_begin = static_cast<uint32_t>(line_begin + first);
        split.junk_end = static_cast<uint32_t>(line_begin + line.find_last_not_of(kBlanks) + 1);
      }
    }
  }
  end_last(static_cast<uint32_t>(text.size()));
  return split;
}

}  // namespace sluice::parse
