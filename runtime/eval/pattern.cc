#include "runtime/eval/pattern.h"

#include "compiler/source/utf8.h"
#include "re2/re2.h"

namespace sluice::eval {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

size_t FirstMalformed(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (static_cast<uint8_t>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const source::CodePoint point = source::DecodeUtf8(text, at);
    if (!point.valid) return at;
    at += point.bytes;
  }
  return std::string_view::npos;
}

std::string Sanitized(std::string_view text) {
  std::string clean;
  for (size_t at = 0; at < text.size();) {
    const source::CodePoint point = source::DecodeUtf8(text, at);
    clean += point.valid ? text.substr(at, point.bytes) : kReplacement;
    at += point.bytes;
  }
  return clean;
}

RE2::Options Options() {
  RE2::Options options(RE2::POSIX);
  options.set_log_errors(false);
  return options;
}

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(const std::string& text) : regex(text, Options()) {}
  RE2 regex;
};

Pattern::Pattern(const std::string& text) : compiled_(std::make_unique<Compiled>(text)) {}
Pattern::~Pattern() = default;

bool Pattern::Matches(std::string_view text) const {
  if (!compiled_->regex.ok()) return false;
  if (FirstMalformed(text) == std::string_view::npos) {
    return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled_->regex);
  }
  return RE2::FullMatch(Sanitized(text), compiled_->regex);
}

}  // namespace sluice::eval
