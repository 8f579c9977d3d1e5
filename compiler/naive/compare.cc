// One comparison of two values.
#include <arpa/inet.h>
#include <fnmatch.h>
#include <re2/re2.h>

#include <cstdlib>
#include <cstring>

#include "compiler/naive/naive.h"
#include "compiler/source/utf8.h"

namespace sluice::naive {
namespace {

using ast::Op;
using Kind = Value::Kind;

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::vector<std::string> Components(const std::string& path) {
  std::vector<std::string> components;
  std::string component;
  for (const char c : path + "/") {
    if (c != '/') {
      component += c;
    } else if (!component.empty()) {
      components.push_back(component);
      component.clear();
    }
  }
  return components;
}

bool IsUnder(const std::string& path, const std::string& pattern) {
  const std::vector<std::string> have = Components(path), want = Components(pattern);
  if (have.size() < want.size()) return false;
  for (size_t i = 0; i < want.size(); ++i) {
    const bool pattern_component = want[i].find_first_of("?*[") != std::string::npos;
    if (pattern_component ? fnmatch(want[i].c_str(), have[i].c_str(), 0) != 0 : want[i] != have[i])
      return false;
  }
  return true;
}

// `net` holds `value`. An IPv4 net is one of ::ffff:0:0/96, so its bits decide the family as well.
bool InNet(const Value& value, const Value& net) {
  if (value.bits < net.bits) return false;
  for (int bit = 0; bit < net.bits; ++bit) {
    const int mask = 0x80 >> (bit % 8);
    if ((value.address[bit / 8] & mask) != (net.address[bit / 8] & mask)) return false;
  }
  // 0::/0 holds no IPv4 address.
  const auto is_v4 = [](const Value& v) {
    return v.bits >= 96 && std::memcmp(v.address.data(), "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
  };
  return is_v4(value) == is_v4(net);
}

bool Equal(const Value& a, const Value& b) {
  switch (a.kind) {
    case Kind::kInt:
    case Kind::kPort:
      return a.number == b.number;
    case Kind::kDouble:
      return a.real == b.real;
    case Kind::kBool:
      return a.boolean == b.boolean;
    case Kind::kNet:
      return InNet(a, b);
    default:
      return a.text == b.text;
  }
}

bool Less(const Value& a, const Value& b) {
  if (a.kind == Kind::kInt || a.kind == Kind::kPort) return a.number < b.number;
  if (a.kind == Kind::kDouble) return a.real < b.real;
  return a.text < b.text;
}

// Bytes that are no UTF-8 count as one character each; which one does not matter, as no pattern can name
// them.
std::string AsUtf8(const std::string& bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const source::CodePoint point = source::DecodeUtf8(bytes, at);
    text += point.valid ? bytes.substr(at, point.bytes) : "\xef\xbf\xbd";
    at += point.bytes;
  }
  return text;
}

std::string FromHex(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::strtol(digits.substr(i, 2).c_str(), nullptr, 16));
  }
  return bytes;
}

int64_t PortOf(const std::string& word) {
  static const std::map<std::string, int64_t> services = {
#define SERVICE(name, port) {name, port},
#include "compiler/check/services.def"
#undef SERVICE
  };
  const auto found = services.find(word);
  return found == services.end() ? std::strtoll(word.c_str(), nullptr, 10) : found->second;
}

// Decimal, or hexadecimal with 0x; a leading zero means nothing.
int64_t NumberOf(const std::string& word) {
  return std::strtoll(word.c_str(), nullptr, word.find_first_of("xX") == std::string::npos ? 10 : 16);
}

}  // namespace

bool Compare(Op op, const Value& left, const Value& right) {
  const std::string& a = left.text;
  const std::string& b = right.text;
  switch (op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      return Equal(left, right);
    case Op::kNe:
      return !Equal(left, right);
    case Op::kLt:
      return Less(left, right);
    case Op::kLe:
      return !Less(right, left);
    case Op::kGt:
      return Less(right, left);
    case Op::kGe:
      return !Less(left, right);
    case Op::kContains:
    case Op::kBContains:
      return a.find(b) != std::string::npos;
    case Op::kIContains:
      return Lower(a).find(Lower(b)) != std::string::npos;
    case Op::kStartsWith:
    case Op::kBStartsWith:
      return a.rfind(b, 0) == 0;
    case Op::kEndsWith:
      return a.size() >= b.size() && a.substr(a.size() - b.size()) == b;
    case Op::kGlob:
      return fnmatch(b.c_str(), a.c_str(), 0) == 0;
    case Op::kIGlob:
      return fnmatch(b.c_str(), a.c_str(), FNM_CASEFOLD) == 0;
    case Op::kRegex: {
      RE2::Options options(RE2::POSIX);
      options.set_log_errors(false);
      return RE2::FullMatch(AsUtf8(a), RE2(b, options));
    }
    case Op::kPmatch:
      return IsUnder(a, b);
    case Op::kExists:
      return true;
  }
  return false;
}

Value As(Kind kind, Op op, const std::string& word) {
  switch (kind) {
    case Kind::kInt:
      return Value::Of(NumberOf(word));
    case Kind::kPort:
      return Value::OfPort(PortOf(word));
    case Kind::kDouble:
      return Value::OfDouble(std::strtod(word.c_str(), nullptr));
    case Kind::kBool:
      return Value::OfBool(word == "true");
    case Kind::kNet:
      return Value::OfNet(word);
    default:
      return Value::Of(op == Op::kBContains || op == Op::kBStartsWith ? FromHex(word) : word);
  }
}

Value Value::OfNet(const std::string& text) {
  const size_t slash = text.find('/');
  const std::string host = text.substr(0, slash);
  unsigned char bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool v4 = inet_pton(AF_INET, host.c_str(), bytes + 12) == 1;
  if (!v4 && inet_pton(AF_INET6, host.c_str(), bytes) != 1) return Value();
  Value value;
  value.kind = Kind::kNet;
  value.text = text;
  value.address.assign(reinterpret_cast<const char*>(bytes), sizeof bytes);
  value.bits = slash == std::string::npos
                   ? 128
                   : static_cast<int>(std::strtol(text.c_str() + slash + 1, nullptr, 10)) + (v4 ? 96 : 0);
  return value;
}

}  // namespace sluice::naive
