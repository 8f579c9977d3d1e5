// fmt/gap.h - what stands between two words: blanks, line ends and comments. Private to fmt/.
//
// Threads: pure functions. Memory: views into the text. Errors: none.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::fmt_stage {

struct CommentLine {
  std::string_view text;
  bool blank_before = false;  // an empty line above
  bool indented = false;
};

struct Gap {
  std::string_view trailing;       // a comment on the line of the word before
  std::vector<CommentLine> lines;  // comments on lines of their own
  bool newline = false;            // a line end, anywhere
  bool blank_last = false;         // an empty line right before the next word

  bool HasComment() const { return !trailing.empty() || !lines.empty(); }
  bool HasBlank() const;
};

// REQUIRES: nothing but blanks and comments in `text`. `fresh`: it starts a line, no word stands before it.
Gap ReadGap(std::string_view text, bool fresh);

// Columns that a text takes.
size_t WidthOf(std::string_view text);

}  // namespace sluice::fmt_stage
