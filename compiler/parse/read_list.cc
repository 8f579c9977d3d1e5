#include "compiler/parse/read_list.h"

#include <algorithm>

#include "compiler/parse/values.h"

namespace sluice::parse {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\b\f\v";
constexpr std::string_view kNotInHead = "=\"'# \t\r\n\b\f\v";
constexpr std::string_view kNotInWord = "()[]{}\"', \t\r\n\b\f\v";

// What the lexer takes for a key: `name:`.
bool IsKey(std::string_view word) {
  if (word.empty() || word.back() != ':') return false;
  word.remove_suffix(1);
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !word.empty() && letter(word[0]) && std::all_of(word.begin(), word.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
  });
}

class ListReader {
 public:
  ListReader(std::string_view text, source::FileId file, uint32_t base)
      : text_(text), file_(file), base_(base) {}

  bool Read(ast::List& list) {
    at_ = std::string_view("list").size();
    if (!TakeHead(list.name) || !Take('=') || !Take('[')) return false;
    list.items.reserve(static_cast<size_t>(std::count(text_.begin(), text_.end(), ',')) + 1);
    while (!Take(']')) {
      if (!TakeItem(list.items.emplace_back())) return false;
      if (!Take(',') && !At(']')) return false;
    }
    list.span = {file_, base_, static_cast<uint32_t>(base_ + at_)};
    SkipBlanks();
    return at_ == text_.size();
  }

  size_t at() const { return at_; }

 private:
  void SkipBlanks() {
    while (true) {
      at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
      if (at_ == text_.size() || text_[at_] != '#') return;
      at_ = std::min(text_.find('\n', at_), text_.size());
    }
  }

  bool At(char c) {
    SkipBlanks();
    return at_ < text_.size() && text_[at_] == c;
  }

  bool Take(char c) {
    const bool there = At(c);
    if (there) ++at_;
    return there;
  }

  bool TakeHead(ast::Word& name) {
    SkipBlanks();
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      if (!TakeString(name)) return false;
    } else {
      TakeUpTo(kNotInHead, name);
    }
    return IsIdentifier(name.text);
  }

  void TakeUpTo(std::string_view stops, ast::Word& word) {
    const size_t begin = at_;
    at_ = std::min(text_.find_first_of(stops, at_), text_.size());
    word.text = text_.substr(begin, at_ - begin);
    word.span = {file_, static_cast<uint32_t>(base_ + begin), static_cast<uint32_t>(base_ + at_)};
  }

  bool TakeItem(ast::Word& word) {
    SkipBlanks();
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) return TakeString(word);
    const size_t begin = at_;
    TakeUpTo(kNotInWord, word);
    const bool fits = !word.text.empty() && word.text != "->" && word.text != ":" && !IsKey(word.text);
    if (!fits) at_ = begin;
    return fits;
  }

  bool TakeString(ast::Word& word) {
    const size_t begin = at_;
    const char quote = text_[at_];
    size_t end = begin + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      end += text_[end] == '\\' && end + 1 < text_.size() && text_[end + 1] != '\n' ? 2 : 1;
    }
    if (end >= text_.size() || text_[end] != quote) return false;
    bool good = true;
    word.text = Unescape(text_.substr(begin, end + 1 - begin), [&good](size_t, size_t) { good = false; });
    word.quoted = true;
    word.span = {file_, static_cast<uint32_t>(base_ + begin), static_cast<uint32_t>(base_ + end + 1)};
    if (good) at_ = end + 1;
    return good;
  }

  const std::string_view text_;
  const source::FileId file_;
  const uint32_t base_;
  size_t at_ = 0;
};

}  // namespace

ReadListResult ReadList(std::string_view text, source::FileId file, uint32_t base, ast::List& list) {
  ListReader reader(text, file, base);
  const bool whole = reader.Read(list);
  return {whole, reader.at()};
}

}  // namespace sluice::parse
