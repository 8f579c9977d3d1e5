// parse/read_list.h - a `list` block without the parser: its words are read straight from the text.
//
// A list may hold millions of words, and a parser's token costs twenty times what the word itself does. The
// words are those of the grammar's BODY mode. Private to parse/.
//
// Threads: a pure function. Errors: none reported; whatever is not a faultless list is left to the parser,
//          which knows what to say. Cost: one pass, no memory but the words.
#pragma once

#include <string_view>

#include "compiler/ast/ast.h"

namespace sluice::parse {

struct ReadListResult {
  bool whole = false;
  size_t stopped_at = 0;  // !whole: the byte that does not fit
};

// `text` is the whole block, which begins at byte `base` of `file`. Fills name, items and span.
ReadListResult ReadList(std::string_view text, source::FileId file, uint32_t base, ast::List& list);

}  // namespace sluice::parse
