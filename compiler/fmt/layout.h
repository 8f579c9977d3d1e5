// fmt/layout.h - one block as text. Private to fmt/.
//
// Threads: not synchronized. Memory: borrows the text and the words. Errors: none.
#pragma once

#include <string>
#include <string_view>

#include "compiler/fmt/gap.h"
#include "compiler/parse/words.h"

namespace sluice::fmt_stage {

inline constexpr size_t kMaxColumns = 120;

// Appends blocks and comments to a text.
class Layout {
 public:
  explicit Layout(std::string_view text) : text_(text) {}

  void AddBlock(const parse::BlockWords& block);
  // What stands before the first block, between two, and after the last.
  void AddBetween(const Gap& gap, bool blank_needed, bool last);

  std::string Take();

 private:
  using Kind = parse::WordAt::Kind;

  // How the words of one value are laid out.
  struct Style {
    size_t base = 0;           // column of lines after the first
    bool condition = false;    // breaks stand before `and` and `or`
    bool keep_breaks = false;  // as the author broke it
    bool may_break = true;
  };

  void AddList();
  void AddBraced();
  void AddWords(size_t first, size_t last, const Style& style, bool fresh_line);
  bool BreaksBefore(size_t i, size_t first, size_t last, size_t indent, const Style& style) const;
  bool AddComments(const Gap& gap, size_t indent);
  void NewLine(size_t indent);

  std::string_view Raw(size_t i) const;
  std::string Text(size_t i) const;
  Gap GapBefore(size_t i) const;
  bool Skipped(size_t i) const;  // a comma before a closing bracket
  bool Spaced(size_t i, bool condition) const;
  bool StartsUnit(size_t i, const Style& style) const;
  size_t WidthOfUnit(size_t i, size_t last, const Style& style) const;
  size_t Column() const;

  const std::string_view text_;
  const parse::BlockWords* block_ = nullptr;
  std::string out_;
};

}  // namespace sluice::fmt_stage
