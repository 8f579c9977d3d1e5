#include "compiler/parse/values.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace sluice::parse {
namespace {

struct ErrnoRow {
  std::string_view name;
  int number;
};
constexpr ErrnoRow kErrnos[] = {
#define ERRNO(name, number) {name, number},
#include "compiler/ast/errno.def"
#undef ERRNO
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What a backslash and `c` stand for, or nothing when that is no escape inside `quote`.
std::optional<char> SimpleEscape(char c, char quote) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case '\\':
      return '\\';
    case '/':
      return '/';
    case ' ':
      return '\\';  // Falco drops the blank
    default:
      return c == quote ? std::optional<char>(c) : std::nullopt;
  }
}

bool SameIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return (IsLetter(x) ? x | 0x20 : x) == (IsLetter(y) ? y | 0x20 : y);
  });
}

}  // namespace

std::string Unescape(std::string_view raw, const std::function<void(size_t, size_t)>& bad) {
  std::string text;
  if (raw.empty()) return text;
  const char quote = raw.front();
  const size_t end = raw.size() > 1 && raw.back() == quote ? raw.size() - 1 : raw.size();
  text.reserve(end);
  for (size_t i = 1; i < end; ++i) {
    if (raw[i] != '\\' || i + 1 >= end) {
      text += raw[i];
      continue;
    }
    const char next = raw[i + 1];
    if (next == 'x' && i + 3 < end && HexDigit(raw[i + 2]) >= 0 && HexDigit(raw[i + 3]) >= 0) {
      text += static_cast<char>(HexDigit(raw[i + 2]) * 16 + HexDigit(raw[i + 3]));
      i += 3;
    } else if (const std::optional<char> plain = SimpleEscape(next, quote)) {
      text += *plain;
      ++i;
    } else {
      bad(i, 2);
      text += raw[i];
    }
  }
  return text;
}

std::optional<uint64_t> ParseCount(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint64_t> ParseDuration(std::string_view text) {
  constexpr struct {
    std::string_view unit;
    uint64_t ns;
  } kUnits[] = {{"ms", 1'000'000},
                {"s", 1'000'000'000},
                {"m", 60'000'000'000},
                {"h", 3'600'000'000'000},
                {"d", 86'400'000'000'000}};
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<uint64_t> count = ParseCount(text.substr(0, digits));
  if (!count || *count == 0) return std::nullopt;
  for (const auto& row : kUnits) {
    if (text.substr(digits) != row.unit) continue;
    if (*count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / row.ns) return std::nullopt;
    return *count * row.ns;
  }
  return std::nullopt;
}

std::optional<int> ErrnoNumber(std::string_view name) {
  for (const ErrnoRow& row : kErrnos) {
    if (row.name == name) return row.number;
  }
  return std::nullopt;
}

const std::vector<std::string_view>& ErrnoNames() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const ErrnoRow& row : kErrnos) all.push_back(row.name);
    return all;
  }();
  return names;
}

std::optional<ast::Priority> ParsePriority(std::string_view text) {
  if (SameIgnoringCase(text, "info")) return ast::Priority::kInformational;
  for (int i = 0; i <= static_cast<int>(ast::Priority::kDebug); ++i) {
    const auto priority = static_cast<ast::Priority>(i);
    if (SameIgnoringCase(text, ast::PriorityName(priority))) return priority;
  }
  return std::nullopt;
}

const std::vector<std::string_view>& TransformerNames() {
  static const std::vector<std::string_view> names = {"tolower", "toupper", "b64",    "basename",
                                                      "len",     "join",    "concat", "getopt"};
  return names;
}

bool IsNumber(std::string_view text) {
  size_t i = 0;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    return std::all_of(text.begin() + 2, text.end(), [](char c) { return IsDigit(c) || IsLetter(c); });
  }
  const auto digits = [&] {
    const size_t first = i;
    while (i < text.size() && IsDigit(text[i])) ++i;
    return i > first;
  };
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
  if (!digits()) return false;
  if (i < text.size() && text[i] == '.') ++i;
  digits();
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i >= text.size() || (text[i] != '+' && text[i] != '-')) return false;
    ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

bool IsIdentifier(std::string_view text) {
  if (text.empty() || !IsLetter(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsLetter(c) || IsDigit(c) || c == '_'; });
}

}  // namespace sluice::parse
