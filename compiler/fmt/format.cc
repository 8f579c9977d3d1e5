#include "compiler/fmt/format.h"

#include <algorithm>
#include <vector>

#include "compiler/fmt/layout.h"
#include "compiler/parse/parse.h"
#include "compiler/source/utf8.h"

namespace sluice::fmt_stage {
namespace {

bool IsBraced(const parse::BlockWords& block) {
  return block.kind == parse::BlockKind::kRule || block.kind == parse::BlockKind::kTest;
}

uint32_t EndOfWords(std::string_view text, const parse::BlockWords& block) {
  if (!block.words.empty()) return block.words.back().end;
  const std::string_view whole = text.substr(block.begin, block.end - block.begin);
  return static_cast<uint32_t>(block.begin + whole.find_last_not_of(" \t\r\n\b\f\v") + 1);
}

std::string Laid(std::string_view text, const std::vector<parse::BlockWords>& blocks) {
  Layout layout(text);
  uint32_t at = text.substr(0, source::kByteOrderMark.size()) == source::kByteOrderMark
                    ? static_cast<uint32_t>(source::kByteOrderMark.size())
                    : 0;
  bool braced = false, fresh = true;
  for (const parse::BlockWords& block : blocks) {
    layout.AddBetween(ReadGap(text.substr(at, block.begin - at), fresh),
                      !fresh && (braced || IsBraced(block)), false);
    layout.AddBlock(block);
    at = EndOfWords(text, block);
    braced = IsBraced(block);
    fresh = false;
  }
  layout.AddBetween(ReadGap(text.substr(at), fresh), !fresh && braced, true);
  return layout.Take();
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

Formatted Format(const source::Files& files, source::FileId file, const parse::Limits& limits,
                 diag::Diagnostics& diagnostics) {
  ast::RuleSet meaning;
  parse::Parse(files, file, limits, meaning, diagnostics);
  if (!diagnostics.ok()) return {};
  Formatted formatted;
  formatted.text = Laid(files.text(file), parse::WordsOf(files, file, limits));
  source::Files again;
  diag::Diagnostics faults;
  ast::RuleSet kept;
  parse::Parse(again, again.Add("formatted", formatted.text), limits, kept, faults);
  const bool same = faults.ok() && ast::Print(kept) == ast::Print(meaning);
  formatted.outcome = same ? Formatted::Outcome::kDone : Formatted::Outcome::kRefused;
  if (!same) formatted.text.clear();
  return formatted;
}

std::string ShortDiff(std::string_view before, std::string_view after, size_t max_lines) {
  const std::vector<std::string_view> old_lines = LinesOf(before), new_lines = LinesOf(after);
  size_t head = 0, tail = 0;
  const size_t common = std::min(old_lines.size(), new_lines.size());
  while (head < common && old_lines[head] == new_lines[head]) ++head;
  while (tail + head < common &&
         old_lines[old_lines.size() - 1 - tail] == new_lines[new_lines.size() - 1 - tail])
    ++tail;
  std::string out = "@@ line " + std::to_string(head + 1) + "\n";
  const auto add = [&](const std::vector<std::string_view>& lines, std::string_view sign, size_t budget) {
    const size_t end = lines.size() - tail;
    for (size_t i = head; i < end; ++i) {
      if (i - head == budget) {
        out += "  ... " + std::to_string(end - i) + " more\n";
        return;
      }
      out += sign;
      out += lines[i];
      out += '\n';
    }
  };
  add(old_lines, "- ", max_lines / 2);
  add(new_lines, "+ ", max_lines / 2);
  return out;
}

}  // namespace sluice::fmt_stage
