#include "runtime/eval/glob.h"

#include <cctype>
#include <string>

namespace sluice::eval {
namespace {

struct NamedSet {
  std::string_view name;
  int (*member)(int);
};
constexpr NamedSet kNamedSets[] = {
    {"alpha", isalpha}, {"digit", isdigit}, {"alnum", isalnum}, {"upper", isupper},
    {"lower", islower}, {"space", isspace}, {"blank", isblank}, {"punct", ispunct},
    {"print", isprint}, {"graph", isgraph}, {"cntrl", iscntrl}, {"xdigit", isxdigit},
};

// [:name:] at `at`, which is moved behind it.
bool AddNamedSet(std::string_view pattern, size_t& at, std::bitset<256>& set) {
  if (pattern.substr(at, 2) != "[:") return false;
  const size_t end = pattern.find(":]", at + 2);
  if (end == std::string_view::npos) return false;
  const std::string_view name = pattern.substr(at + 2, end - at - 2);
  for (const NamedSet& known : kNamedSets) {
    if (known.name != name) continue;
    for (int c = 0; c < 128; ++c) {
      if (known.member(c)) set.set(static_cast<size_t>(c));
    }
    at = end + 2;
    return true;
  }
  return false;
}

// One character of a bracket, a backslash before it removed.
bool TakeByte(std::string_view pattern, size_t& at, uint8_t& byte) {
  if (at < pattern.size() && pattern[at] == '\\') ++at;
  if (at >= pattern.size()) return false;
  byte = static_cast<uint8_t>(pattern[at++]);
  return true;
}

}  // namespace

Glob::Glob(std::string_view pattern, bool fold_case) : fold_case_(fold_case) {
  size_t at = 0;
  while (at < pattern.size()) {
    const char c = pattern[at];
    if (c == '*') {
      if (tokens_.empty() || tokens_.back().kind != Token::Kind::kStar)
        tokens_.push_back({Token::Kind::kStar, 0, 0});
      ++at;
    } else if (c == '?') {
      tokens_.push_back({Token::Kind::kAny, 0, 0});
      ++at;
    } else if (c != '[' || !ParseSet(pattern, at)) {
      uint8_t byte = static_cast<uint8_t>(c);
      if (c == '\\' && at + 1 < pattern.size()) byte = static_cast<uint8_t>(pattern[++at]);
      tokens_.push_back({Token::Kind::kByte, fold_case_ ? LowerByte(byte) : byte, 0});
      ++at;
    }
  }
}

bool Glob::ParseSet(std::string_view pattern, size_t& start) {
  size_t at = start + 1;
  const bool complement = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (complement) ++at;
  std::bitset<256> set, named;
  bool first = true;
  while (true) {
    if (at >= pattern.size()) return false;
    if (pattern[at] == ']' && !first) break;
    first = false;
    if (pattern[at] == '[' && AddNamedSet(pattern, at, named)) continue;
    uint8_t low = 0, high = 0;
    if (!TakeByte(pattern, at, low)) return false;
    high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      ++at;
      if (!TakeByte(pattern, at, high)) return false;
    }
    if (fold_case_) {
      low = LowerByte(low);
      high = LowerByte(high);
    }
    for (unsigned byte = low; byte <= high; ++byte) set.set(byte);
  }
  if (fold_case_) {  // the ends of a range are folded, and so is what is looked for in it
    for (unsigned byte = 'A'; byte <= 'Z'; ++byte) set[byte] = set[LowerByte(static_cast<uint8_t>(byte))];
  }
  set |= named;
  if (complement) set.flip();
  tokens_.push_back({Token::Kind::kSet, 0, static_cast<uint32_t>(sets_.size())});
  sets_.push_back(set);
  start = at + 1;
  return true;
}

bool Glob::Accepts(const Token& token, uint8_t byte) const {
  switch (token.kind) {
    case Token::Kind::kByte:
      return token.byte == (fold_case_ ? LowerByte(byte) : byte);
    case Token::Kind::kAny:
      return true;
    case Token::Kind::kSet:
      return sets_[token.set][byte];
    case Token::Kind::kStar:
      return false;
  }
  return false;
}

// The last star seen takes as little as it can; when the rest fails it takes one byte more.
bool Glob::Matches(std::string_view text) const {
  size_t token = 0, at = 0, star = tokens_.size(), star_at = 0;
  while (at < text.size()) {
    if (token < tokens_.size() && tokens_[token].kind == Token::Kind::kStar) {
      star = token++;
      star_at = at;
    } else if (token < tokens_.size() && Accepts(tokens_[token], static_cast<uint8_t>(text[at]))) {
      ++token;
      ++at;
    } else if (star < tokens_.size()) {
      token = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (token < tokens_.size() && tokens_[token].kind == Token::Kind::kStar) ++token;
  return token == tokens_.size();
}

Truth Glob::MatchesPrefix(std::string_view prefix) const {
  // live[t]: the prefix can be taken by the tokens before t. Rare, so it may allocate.
  std::vector<bool> live(tokens_.size() + 1), next(tokens_.size() + 1);
  const auto close = [this](std::vector<bool>& states) {
    for (size_t t = 0; t < tokens_.size(); ++t) {
      if (states[t] && tokens_[t].kind == Token::Kind::kStar) states[t + 1] = true;
    }
  };
  live[0] = true;
  close(live);
  for (const char c : prefix) {
    next.assign(tokens_.size() + 1, false);
    for (size_t t = 0; t < tokens_.size(); ++t) {
      if (!live[t]) continue;
      if (tokens_[t].kind == Token::Kind::kStar) next[t] = true;
      if (Accepts(tokens_[t], static_cast<uint8_t>(c))) next[t + 1] = true;
    }
    close(next);
    live.swap(next);
  }
  bool any = false;
  for (const bool state : live) any = any || state;
  if (!any) return Truth::kFalse;
  const bool rest_is_free =
      !tokens_.empty() && tokens_.back().kind == Token::Kind::kStar && live[tokens_.size() - 1];
  return rest_is_free ? Truth::kTrue : Truth::kUnknown;
}

}  // namespace sluice::eval
