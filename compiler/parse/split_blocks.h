// parse/split_blocks.h - where each block of a file begins and ends, before any parsing.
//
// A block starts at column 1 with `list`, `macro`, `rule` or `test` and a blank, and reaches to the next such
// line. Strings cannot span lines, so no quote can hide a start.
//
// Threads: pure functions. Memory: names in the result borrow nothing. Errors: none; text before the first
//          block is reported as such. Cost: one pass over the text.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/ast/ast.h"

namespace sluice::parse {

enum class BlockKind : uint8_t { kList, kMacro, kRule, kTest, kCondition };
std::string_view BlockKindName(BlockKind kind);  // "list", "macro", "rule", "test", "condition"

struct Block {
  BlockKind kind;
  uint32_t begin, end;             // bytes of the file
  std::vector<ast::Word> allowed;  // from `# allow: slug, slug` lines directly above
};

struct SplitFile {
  std::vector<Block> blocks;
  // Bytes before the first block that are neither blank nor comment: from the first to the last of them.
  uint32_t junk_begin = 0, junk_end = 0;
  bool more = false;  // there are blocks beyond `max_blocks`, from `more_begin` on
  uint32_t more_begin = 0;
};

// REQUIRES: `begin` is 0, or behind the byte order mark.
SplitFile SplitBlocks(std::string_view text, source::FileId file, uint32_t begin, uint32_t max_blocks);

// Appends the slugs of a line `# allow: one, two`; nothing for any other line. REQUIRES: `line` starts with
// `#`.
void AddAllowed(std::string_view line, source::FileId file, uint32_t line_begin,
                std::vector<ast::Word>& allowed);

}  // namespace sluice::parse
