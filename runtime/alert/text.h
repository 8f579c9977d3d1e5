// alert/text.h - texts that are safe to print, and times as people and machines read them.
//
// Threads: pure functions. Errors: none.
// Time:    nanoseconds since 1970; ClockText and DateText are local time, Rfc3339 is UTC.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::alert {

// `text` in one line without terminal control: control characters as \n or \u001b, bytes that are not UTF-8
// as \xff.
std::string Printable(std::string_view text);

// Valid UTF-8: other bytes become the four characters \xff; control characters stay (JSON escapes them).
std::string ValidUtf8(std::string_view text);

// Padded with blanks or cut to `width` code points; 0 leaves the text alone.
std::string Fitted(std::string text, size_t width);

std::string ClockText(uint64_t unix_ns, bool fraction);  // 14:05:09.000000001
std::string DateText(uint64_t unix_ns, bool fraction);   // 2026-07-31 14:05:09.000000001
std::string Rfc3339(uint64_t unix_ns);                   // 2026-07-31T12:05:09.000000001Z

}  // namespace sluice::alert
