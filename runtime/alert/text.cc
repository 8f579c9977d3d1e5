#include "runtime/alert/text.h"

#include <fmt/format.h>

#include <ctime>

#include "compiler/source/utf8.h"

namespace sluice::alert {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

std::string TimeText(const char* format, uint64_t unix_ns, bool fraction, bool utc) {
  const auto seconds = static_cast<time_t>(unix_ns / kSecond);
  tm parts{};
  utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts);
  char text[64];
  const size_t length = strftime(text, sizeof text, format, &parts);
  std::string result(text, length);
  if (fraction) result += fmt::format(".{:09}", unix_ns % kSecond);
  return result;
}

// The right-to-left overrides reorder what a person reads, which hides the end of a file's name.
bool IsControl(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void AppendControl(uint32_t c, std::string& out) {
  switch (c) {
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += fmt::format("\\u{:04x}", c);
  }
}

std::string Escaped(std::string_view text, bool controls) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const source::CodePoint point = source::DecodeUtf8(text, at);
    if (!point.valid) {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[at]));
    } else if (controls && IsControl(point.value)) {
      AppendControl(point.value, out);
    } else {
      out += text.substr(at, point.bytes);
    }
    at += point.bytes;
  }
  return out;
}

}  // namespace

std::string Printable(std::string_view text) { return Escaped(text, true); }
std::string ValidUtf8(std::string_view text) { return Escaped(text, false); }

std::string Fitted(std::string text, size_t width) {
  if (width == 0) return text;
  size_t points = 0;
  for (size_t at = 0; at < text.size(); ++points) {
    if (points == width) {
      text.resize(at);
      return text;
    }
    at += source::DecodeUtf8(text, at).bytes;
  }
  return text.append(width - points, ' ');
}

std::string ClockText(uint64_t unix_ns, bool fraction) {
  return TimeText("%H:%M:%S", unix_ns, fraction, false);
}
std::string DateText(uint64_t unix_ns, bool fraction) {
  return TimeText("%F %H:%M:%S", unix_ns, fraction, false);
}
std::string Rfc3339(uint64_t unix_ns) { return TimeText("%FT%T", unix_ns, true, true) + "Z"; }

}  // namespace sluice::alert
