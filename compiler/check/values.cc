#include "compiler/check/values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "re2/re2.h"

namespace sluice::check {
namespace {

constexpr size_t kMaxPatternBytes = 4096;
constexpr uint8_t kMappedBits = 96;  // of ::ffff:0:0/96, where IPv4 addresses live

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> DecodeHex(std::string_view text) {
  if (text.empty() || text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]), low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

std::optional<double> ParseReal(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

bool IsMapped(const Address& address) {
  static constexpr uint8_t kHead[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address.bytes.data(), kHead, sizeof(kHead)) == 0;
}

// Clears the bits behind the prefix. An IPv4 prefix counts from the IPv4 address's first bit.
void ClearHostBits(Net& net) {
  const unsigned keep = net.prefix + (net.address.v4 ? kMappedBits : 0u);
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned first = i * 8;
    const unsigned bits = keep <= first ? 0 : std::min(8u, keep - first);
    net.address.bytes[i] &= static_cast<uint8_t>(0xff00u >> bits);
  }
}

const std::unordered_map<std::string_view, uint16_t>& Services() {
  static const std::unordered_map<std::string_view, uint16_t> services = {
#define SERVICE(name, port) {name, port},
#include "compiler/check/services.def"
#undef SERVICE
  };
  return services;
}

ValueFault ParseText(ast::Op op, const ast::Word& word, Value& value, uint64_t& regex_size) {
  if (word.text.find('\0') != std::string::npos) return {"A text must not hold a NUL byte", ""};
  const bool pattern = op == ast::Op::kRegex || op == ast::Op::kGlob || op == ast::Op::kIGlob;
  if (pattern && word.text.size() > kMaxPatternBytes) {
    return {fmt::format("A pattern of {} bytes is too long", word.text.size()),
            fmt::format("at most {} bytes are allowed: write several tests", kMaxPatternBytes)};
  }
  if (op == ast::Op::kRegex) {
    static const RE2::Options options = [] {
      RE2::Options posix(RE2::POSIX);
      posix.set_log_errors(false);
      return posix;
    }();
    const RE2 regex(word.text, options);
    if (regex.error_code() == RE2::ErrorPatternTooLarge || regex.error_code() == RE2::ErrorRepeatSize) {
      return {"The regular expression needs too much memory",
              "write fewer or smaller repetitions: `+` instead of `{1,1000}`"};
    }
    if (!regex.ok()) {
      return {fmt::format("`{}` is not a POSIX regular expression: {}", word.text, regex.error()),
              "Perl's classes such as \\d and flags such as (?i) are not known: write [0-9], [[:alpha:]]"};
    }
    regex_size = static_cast<uint64_t>(regex.ProgramSize());
  }
  value.text = word.text;
  return {};
}

ValueFault ParseBytes(ast::Op op, const ast::Word& word, Value& value) {
  value.text = word.text;
  if (op != ast::Op::kBContains && op != ast::Op::kBStartsWith) return {};
  std::optional<std::string> bytes = DecodeHex(word.text);
  if (!bytes) {
    return {fmt::format("`{}` is not a sequence of bytes in hexadecimal", word.text),
            "two digits a byte: cafe01"};
  }
  value.text = std::move(*bytes);
  return {};
}

// Falco's grammar knows 0x1f, and its compiler refuses it for every type.
bool IsHex(std::string_view text) { return text.find_first_of("xX") != std::string_view::npos; }

bool IsDecimal(std::string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Of 64 bits without one.
std::optional<int64_t> WithSign(std::string_view text) {
  uint64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return static_cast<int64_t>(number);
}

ValueFault ParseInt(const ast::Word& word, Value& value) {
  const std::optional<int64_t> number = ParseInteger(word.text);
  if (number && IsHex(word.text))
    return {fmt::format("`{}` is not a decimal number", word.text), fmt::format("write `{}`", *number)};
  if (!number && IsDecimal(word.text)) {
    const std::optional<int64_t> wrapped = WithSign(word.text);
    return {fmt::format("`{}` is out of range: numbers are from -9223372036854775808 to 9223372036854775807",
                        word.text),
            wrapped ? fmt::format("the same 64 bits with a sign are `{}`", *wrapped) : ""};
  }
  if (!number) {
    const bool real = ParseReal(word.text).has_value();
    return {fmt::format("`{}` is not an integer", word.text), real ? "write a whole number" : ""};
  }
  value.number = *number;
  value.text = std::to_string(*number);
  return {};
}

ValueFault ParseBool(const ast::Word& word, Value& value) {
  if (word.text != "true" && word.text != "false") {
    return {fmt::format("`{}` is not a truth value", word.text), "write `true` or `false`"};
  }
  value.number = word.text == "true";
  value.text = word.text;
  return {};
}

ValueFault ParseDouble(const ast::Word& word, Value& value) {
  const std::optional<double> real = ParseReal(word.text);
  if (!real) return {fmt::format("`{}` is not a number", word.text), ""};
  value.real = *real;
  value.text = fmt::format("{}", *real);
  return {};
}

ValueFault ParsePortValue(const ast::Word& word, Value& value) {
  const std::optional<uint16_t> port = ParsePort(word.text);
  const bool hex = word.text.substr(0, 1) == "0" && IsHex(word.text);
  if (!port || hex) {
    return {fmt::format("`{}` is not a port", word.text),
            "write a number from 0 to 65535 or a common service's name"};
  }
  value.number = *port;
  value.text = std::to_string(*port);
  return {};
}

ValueFault ParseNetValue(Type type, const ast::Word& word, Value& value) {
  const std::optional<Net> net = type == Type::kAddress ? ParseAddress(word.text) : ParseNet(word.text);
  if (net) {
    value.net = *net;
    value.text = word.text;
    return {};
  }
  if (type == Type::kAddress && ParseNet(word.text)) {
    return {fmt::format("`{}` is a net, and this field is compared with addresses", word.text),
            "use the field for nets: fd.net, fd.cnet, fd.snet, fd.lnet or fd.rnet"};
  }
  return {
      fmt::format("`{}` is not an IPv4 or IPv6 {}", word.text, type == Type::kAddress ? "address" : "net"),
      type == Type::kNet ? "write ADDRESS/BITS, as in 10.0.0.0/8" : ""};
}

}  // namespace

ValueFault DigestFault(std::string_view text) {
  const bool long_one = text.starts_with("sha512:");
  const std::string_view digits =
      text.substr(std::min<size_t>(text.size(), std::string_view("sha256:").size()));
  if ((long_one || text.starts_with("sha256:")) && digits.size() == (long_one ? 128 : 64) &&
      digits.find_first_not_of("0123456789abcdef") == std::string_view::npos)
    return {};
  return {
      fmt::format("`{}` is not a digest of fs-verity", text),
      "sha256: and 64 hexadecimal digits in lower case (sha512: 128), as `fsverity measure FILE` prints it"};
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size())
    return std::nullopt;
  constexpr uint64_t kMax = uint64_t{1} << 63;
  if (value > (negative ? kMax : kMax - 1)) return std::nullopt;
  return negative ? static_cast<int64_t>(0 - value) : static_cast<int64_t>(value);
}

std::optional<Net> ParseAddress(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof(buffer)) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  Net net;
  if (text.find(':') == std::string_view::npos) {
    if (inet_pton(AF_INET, buffer, net.address.bytes.data() + 12) != 1) return std::nullopt;
    net.address.bytes[10] = net.address.bytes[11] = 0xff;
    net.address.v4 = true;
  } else {
    if (inet_pton(AF_INET6, buffer, net.address.bytes.data()) != 1) return std::nullopt;
    net.address.v4 = IsMapped(net.address);  // the same host, whichever way it is written
  }
  net.prefix = net.address.v4 ? 32 : 128;
  return net;
}

std::optional<Net> ParseNet(std::string_view text) {
  const size_t slash = text.find('/');
  std::optional<Net> net = ParseAddress(text.substr(0, slash));
  if (!net || slash == std::string_view::npos) return net;
  const std::string_view digits = text.substr(slash + 1);
  unsigned bits = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (digits.empty() || result.ec != std::errc() || result.ptr != digits.data() + digits.size())
    return std::nullopt;
  const bool mapped = net->address.v4 && text.find(':') < slash;  // ::ffff:10.0.0.0/104
  if (mapped && bits < kMappedBits) {
    net->address.v4 = false;
  } else if (mapped) {
    bits -= kMappedBits;
  }
  if (bits > (net->address.v4 ? 32u : 128u)) return std::nullopt;
  net->prefix = static_cast<uint8_t>(bits);
  ClearHostBits(*net);
  return net;
}

std::optional<uint16_t> ParsePort(std::string_view text) {
  const auto service = Services().find(text);
  if (service != Services().end()) return service->second;
  const std::optional<int64_t> number = ParseInteger(text);
  if (!number || *number < 0 || *number > 65535) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

ValueFault ParseValue(Type type, ast::Op op, const ast::Word& word, Value& value, uint64_t& regex_size) {
  switch (type) {
    case Type::kString:
    case Type::kPath:
      return ParseText(op, word, value, regex_size);
    case Type::kBytes:
      return ParseBytes(op, word, value);
    case Type::kInt:
    case Type::kFlags:
    case Type::kTime:
      return ParseInt(word, value);
    case Type::kBool:
      return ParseBool(word, value);
    case Type::kDouble:
      return ParseDouble(word, value);
    case Type::kPort:
      return ParsePortValue(word, value);
    case Type::kAddress:
    case Type::kNet:
      return ParseNetValue(type, word, value);
  }
  return {};
}

}  // namespace sluice::check
