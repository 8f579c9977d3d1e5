// eval/glob.h - shell patterns on whole texts, as fnmatch(3) without flags: `*` and `?` cross `/`.
//
// Threads: const after construction. Errors: none; a bracket that does not close is an ordinary character.
// Cost:    O(text * stars) at worst, no allocation.
#pragma once

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/eval/truth.h"

namespace sluice::eval {

class Glob {
 public:
  Glob(std::string_view pattern, bool fold_case);

  bool Matches(std::string_view text) const;

  // Of a text of which only `prefix` is known: whether every, none or some continuation matches.
  Truth MatchesPrefix(std::string_view prefix) const;

  static bool IsPattern(std::string_view text) {
    return text.find_first_of("*?[\\") != std::string_view::npos;
  }

 private:
  struct Token {
    enum class Kind : uint8_t { kByte, kAny, kSet, kStar } kind = Kind::kByte;
    uint8_t byte = 0;
    uint32_t set = 0;  // index into sets_
  };

  bool Accepts(const Token& token, uint8_t byte) const;
  bool ParseSet(std::string_view pattern, size_t& at);

  std::vector<Token> tokens_;
  std::vector<std::bitset<256>> sets_;
  bool fold_case_;
};

// Letters of ASCII only, as in the C locale.
inline uint8_t LowerByte(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte; }
inline uint8_t UpperByte(uint8_t byte) { return byte >= 'a' && byte <= 'z' ? byte - ('a' - 'A') : byte; }

}  // namespace sluice::eval
