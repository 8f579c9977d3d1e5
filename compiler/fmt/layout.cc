#include "compiler/fmt/layout.h"

#include <algorithm>

namespace sluice::fmt_stage {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\b\f\v";
constexpr size_t kIndent = 2;

// `oneof   (` with one blank.
std::string WithOneBlank(std::string_view text) {
  const size_t end = text.find_first_of(kBlanks);
  if (end == std::string_view::npos) return std::string(text);
  return std::string(text.substr(0, end)) + " " +
         std::string(text.substr(text.find_first_not_of(kBlanks, end)));
}

// `condition :` without the blank.
std::string KeyText(std::string_view text) {
  const std::string_view name = text.substr(0, text.rfind(':'));
  return std::string(name.substr(0, name.find_last_not_of(kBlanks) + 1)) + ":";
}

}  // namespace

std::string_view Layout::Raw(size_t i) const {
  const parse::WordAt& word = block_->words[i];
  return text_.substr(word.begin, word.end - word.begin);
}

std::string Layout::Text(size_t i) const {
  switch (block_->words[i].kind) {
    case Kind::kKey:
    case Kind::kPairKey:
      return KeyText(Raw(i));
    case Kind::kQuantifier:
      return WithOneBlank(Raw(i));
    default:
      return std::string(Raw(i));
  }
}

Gap Layout::GapBefore(size_t i) const {
  const uint32_t begin = block_->words[i - 1].end;
  return ReadGap(text_.substr(begin, block_->words[i].begin - begin), false);
}

bool Layout::Skipped(size_t i) const {
  const auto& words = block_->words;
  return words[i].kind == Kind::kComma && i + 1 < words.size() && words[i + 1].kind == Kind::kClose;
}

size_t Layout::Column() const {
  const size_t line = out_.rfind('\n');
  return WidthOf(std::string_view(out_).substr(line == std::string::npos ? 0 : line + 1));
}

void Layout::NewLine(size_t indent) {
  while (!out_.empty() && out_.back() == ' ') out_.pop_back();
  if (!out_.empty()) out_ += '\n';
  out_.append(indent, ' ');
}

bool Layout::AddComments(const Gap& gap, size_t indent) {
  if (!gap.trailing.empty()) {
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    out_ += "  ";
    out_ += gap.trailing;
  }
  for (const CommentLine& line : gap.lines) {
    NewLine(indent);
    out_ += line.text;
  }
  return gap.HasComment();
}

bool Layout::Spaced(size_t i, bool condition) const {
  const parse::WordAt& word = block_->words[i];
  const parse::WordAt& before = block_->words[i - 1];
  const std::string_view text = Raw(i), left = Raw(i - 1);
  if (word.kind == Kind::kComma || word.kind == Kind::kColon) return false;
  if (word.kind == Kind::kClose) return text == "}" && left != "{";
  if (left == "{") return true;
  const bool opened = before.kind == Kind::kOpen || before.kind == Kind::kAttached ||
                      (before.kind == Kind::kQuantifier && left.back() == '(');
  if (opened || (word.kind == Kind::kAttached && text == "[")) return false;
  // In an exception: tolower(proc.name), proc.aname[2].
  const bool attached = word.kind == Kind::kOpen && text != "{" && !condition;
  return !(attached && (before.kind == Kind::kWord || left == ")"));
}

bool Layout::StartsUnit(size_t i, const Style& style) const {
  if (style.condition && block_->words[i].kind == Kind::kAndOr) return true;
  // In a condition `output:x` at the start of a line would be a key.
  const bool like_key = style.condition && Raw(i).find(':') != std::string_view::npos;
  return block_->words[i - 1].kind == Kind::kComma && !like_key;
}

// Columns from word `i` up to where the line may be broken next; lists inside a test or a pair stay whole if
// they can.
size_t Layout::WidthOfUnit(size_t i, size_t last, const Style& style) const {
  const Kind kind = block_->words[i].kind;
  const bool coarse = kind == Kind::kAndOr || kind == Kind::kPairKey;
  size_t width = WidthOf(Text(i));
  for (size_t next = i + 1; next < last; ++next) {
    if (coarse ? block_->words[next].kind == kind : StartsUnit(next, style)) break;
    if (Skipped(next)) continue;
    if (GapBefore(next).HasComment()) break;
    width += WidthOf(Text(next)) + (Spaced(next, style.condition) ? 1 : 0);
  }
  return width;
}

bool Layout::BreaksBefore(size_t i, size_t first, size_t last, size_t indent, const Style& style) const {
  if (i == first || !style.may_break) return false;
  const Gap before = GapBefore(i);
  if (style.keep_breaks) return before.newline && block_->words[i].kind != Kind::kComma;
  if (style.condition && block_->words[i].kind == Kind::kAndOr) {
    const Gap after = i + 1 < last ? GapBefore(i + 1) : Gap{};
    if (before.newline || (after.newline && !after.HasComment())) return true;
  }
  return StartsUnit(i, style) && Column() > indent &&
         Column() + 1 + WidthOfUnit(i, last, style) > kMaxColumns;
}

// `fresh_line`: the first word begins a line.
void Layout::AddWords(size_t first, size_t last, const Style& style, bool fresh_line) {
  size_t depth = 0;
  bool commented = false;
  for (size_t i = first; i < last; ++i) {
    const Kind kind = block_->words[i].kind;
    // A bracket that was opened before `first` closes one level further out.
    const bool outer = kind == Kind::kClose && depth == 0;
    const size_t inside = style.base + kIndent * depth;
    if (kind == Kind::kClose && depth > 0) --depth;
    const size_t indent =
        outer && style.base >= kIndent ? style.base - kIndent : style.base + kIndent * depth;
    if (i > 0 && (i > first || fresh_line)) commented = AddComments(GapBefore(i), inside) || commented;
    if (Skipped(i)) continue;
    if (commented || (i == first && fresh_line) || BreaksBefore(i, first, last, indent, style)) {
      NewLine(indent);
    } else if (i > first && Spaced(i, style.condition)) {
      out_ += ' ';
    }
    commented = false;
    out_ += Text(i);
    const bool opens =
        kind == Kind::kOpen || kind == Kind::kAttached || (kind == Kind::kQuantifier && out_.back() == '(');
    if (opens) ++depth;
  }
}

// On one line if that will do: else the items fill lines of their own.
void Layout::AddList() {
  constexpr size_t kItems = 4;  // list NAME = [
  const size_t count = block_->words.size();
  bool commented = false;
  size_t width = WidthOf(Raw(0));
  for (size_t i = 1; i < count; ++i) {
    commented = commented || GapBefore(i).HasComment();
    if (!Skipped(i)) width += WidthOf(Text(i)) + (Spaced(i, false) ? 1 : 0);
  }
  if (!commented && width <= kMaxColumns) return AddWords(0, count, {0, false, false, false}, false);
  AddWords(0, kItems, {kIndent, false, false, false}, false);
  AddWords(kItems, count, {kIndent, false, false, true}, true);
}

void Layout::AddBraced() {
  const auto& words = block_->words;
  const auto is_key = [](const parse::WordAt& word) { return word.kind == Kind::kKey; };
  const size_t close = words.size() - 1;
  size_t key = static_cast<size_t>(std::find_if(words.begin(), words.end(), is_key) - words.begin());
  AddWords(0, std::min(key, close), {kIndent, false, false, false}, false);
  size_t longest = 0;
  for (size_t i = 0; i < words.size(); ++i)
    longest = std::max(longest, is_key(words[i]) ? WidthOf(Text(i)) : 0);
  const size_t base = kIndent + longest + 1;
  for (bool first = true; key < close; first = false) {
    Gap gap = GapBefore(key);
    const auto add_blank = [&](bool wanted) { out_ += wanted && !first ? "\n" : ""; };
    AddComments({gap.trailing, {}, false, false}, kIndent);
    for (const CommentLine& line : gap.lines) {
      add_blank(line.blank_before);
      NewLine(kIndent);
      out_ += line.text;
      first = false;
    }
    add_blank(gap.blank_last);
    NewLine(kIndent);
    const std::string text = Text(key);
    out_ += text;
    out_.append(base - kIndent - WidthOf(text), ' ');
    const size_t value = key + 1;
    const bool commented = value < words.size() && GapBefore(value).HasComment();
    key = static_cast<size_t>(
        std::find_if(words.begin() + static_cast<ptrdiff_t>(value), words.end(), is_key) - words.begin());
    const bool condition = text == "condition:";
    AddWords(value, std::min(key, close), {base, condition, text == "exceptions:", true}, commented);
  }
  AddComments(GapBefore(close), kIndent);
  NewLine(0);
  out_ += "}";
}

void Layout::AddBlock(const parse::BlockWords& block) {
  block_ = &block;
  if (block.words.empty()) {
    const std::string_view text = text_.substr(block.begin, block.end - block.begin);
    out_ += text.substr(0, text.find_last_not_of(kBlanks) + 1);
  } else if (block.kind == parse::BlockKind::kList) {
    AddList();
  } else if (block.kind == parse::BlockKind::kMacro) {
    AddWords(0, block.words.size(), {kIndent, true, false, true}, false);
  } else {
    AddBraced();
  }
}

void Layout::AddBetween(const Gap& gap, bool blank_needed, bool last) {
  bool blank = blank_needed && !gap.HasBlank() && (!last || !gap.lines.empty());
  if (!gap.trailing.empty()) AddComments({gap.trailing, {}, false, false}, 0);
  const auto add_line = [&](bool wanted) {
    if ((wanted || blank) && !out_.empty()) out_ += '\n';
    blank = false;
  };
  for (const CommentLine& line : gap.lines) {
    add_line(line.blank_before);
    NewLine(line.indented ? kIndent : 0);  // `# allow:` counts at the start of a line only
    out_ += line.text;
  }
  if (last) return;
  add_line(gap.blank_last);
  NewLine(0);
}

std::string Layout::Take() {
  if (!out_.empty()) out_ += '\n';
  return std::move(out_);
}

}  // namespace sluice::fmt_stage
