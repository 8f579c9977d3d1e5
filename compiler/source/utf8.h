// source/utf8.h - one code point at a time, safely.
//
// Threads: pure functions. Errors: a malformed sequence is one byte long and not valid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::source {

struct CodePoint {
  uint32_t value = 0xfffd;
  uint32_t bytes = 1;
  bool valid = false;
};

// Decodes the code point at `offset`: no overlong forms, no surrogates, nothing past U+10FFFF.
// REQUIRES: offset < text.size().
CodePoint DecodeUtf8(std::string_view text, size_t offset);

// The first byte that is not part of valid UTF-8 or is NUL, or npos.
size_t FindBadByte(std::string_view text);

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace sluice::source
