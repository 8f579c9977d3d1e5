#include "compiler/fmt/gap.h"

#include <algorithm>

namespace sluice::fmt_stage {
namespace {

constexpr std::string_view kBlanks = " \t\r\b\f\v";

std::string_view Trimmed(std::string_view line) {
  const size_t last = line.find_last_not_of(kBlanks);
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

bool Gap::HasBlank() const {
  return blank_last ||
         std::any_of(lines.begin(), lines.end(), [](const CommentLine& line) { return line.blank_before; });
}

Gap ReadGap(std::string_view text, bool fresh) {
  Gap gap;
  bool first = !fresh;
  bool blank = false;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const bool ends = end < text.size();  // else the next word stands on this line
    const std::string_view line = Trimmed(text.substr(at, end - at));
    const size_t begin = line.find_first_not_of(kBlanks);
    if (begin != std::string_view::npos) {
      if (first) {
        gap.trailing = line.substr(begin);
      } else {
        gap.lines.push_back({line.substr(begin), blank, begin > 0});
      }
      blank = false;
    } else if (!first && ends) {
      blank = true;
    }
    gap.newline = gap.newline || ends;
    first = false;
    at = end + 1;
  }
  gap.blank_last = blank;
  return gap;
}

size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace sluice::fmt_stage
