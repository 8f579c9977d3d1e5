#include "runtime/config/section.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace sluice::config {
namespace {

using diag::Code;
using yaml::Node;

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr Unit kTimes[] = {{"ms", 1'000'000},
                           {"s", 1'000'000'000},
                           {"m", 60'000'000'000},
                           {"h", 3'600'000'000'000ull},
                           {"d", 86'400'000'000'000ull}};
constexpr Unit kSizes[] = {{"B", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
constexpr std::string_view kTimeHelp = "a time is a number and ms, s, m, h or d: 30s";
constexpr std::string_view kSizeHelp = "a size is a number and B, KiB, MiB or GiB: 64MiB";

template <size_t N>
std::optional<uint64_t> Measure(std::string_view text, const Unit (&units)[N]) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    if (rest == unit.name && number <= INT64_MAX / unit.factor) return number * unit.factor;
  }
  return std::nullopt;
}

std::string ShowTime(int64_t ns) {
  if (ns == 0) return "0s";
  for (size_t i = std::size(kTimes); i-- > 0;) {
    const auto factor = static_cast<int64_t>(kTimes[i].factor);
    if (ns % factor == 0) return fmt::format("{}{}", ns / factor, kTimes[i].name);
  }
  return fmt::format("{}ns", ns);
}

std::string ShowSize(uint64_t bytes) {
  if (bytes == 0) return "0B";
  for (size_t i = std::size(kSizes); i-- > 0;) {
    if (bytes % kSizes[i].factor == 0) return fmt::format("{}{}", bytes / kSizes[i].factor, kSizes[i].name);
  }
  return fmt::format("{}B", bytes);
}

// "10 per 1m"
std::optional<Rate> ParseRate(std::string_view text) {
  Rate rate;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rate.count);
  std::string_view rest(end, static_cast<size_t>(text.data() + text.size() - end));
  constexpr std::string_view kPer = " per ";
  if (error != std::errc() || rate.count == 0 || !rest.starts_with(kPer)) return std::nullopt;
  const std::optional<uint64_t> period = Measure(rest.substr(kPer.size()), kTimes);
  if (!period || *period == 0) return std::nullopt;
  rate.period_ns = static_cast<int64_t>(*period);
  return rate;
}

}  // namespace

Section::Section(const Node& node, std::string owner, std::string folder, diag::Diagnostics& diagnostics)
    : node_(node), owner_(std::move(owner)), folder_(std::move(folder)), diagnostics_(diagnostics) {}

bool Section::Has(std::string_view key) const { return node_.Find(key) != nullptr; }

const Node* Section::Ask(std::string_view key, Need need) {
  asked_.push_back(key);
  const Node* value = node_.Find(key);
  if (value == nullptr && need == Need::kRequired) {
    diagnostics_.Add(Code::E106, node_.span, fmt::format("{} needs `{}`", owner_, key));
  }
  return value;
}

void Section::WrongType(const Node& node, std::string_view key, std::string_view wanted) {
  diagnostics_.Add(Code::E109, node.span, fmt::format("`{}` is {}", key, wanted));
}

void Section::Fault(std::string_view key, std::string message, std::string help) {
  const Node* value = node_.Find(key);
  diagnostics_.Add(Code::E109, value != nullptr ? value->span : node_.span, std::move(message)).help =
      std::move(help);
}

// ${NAME} is the variable's value, $${ stands for ${.
bool Section::Expand(const Node& node, std::string& out) {
  const std::string_view text = node.text;
  out.clear();
  for (size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with("$${")) {
      out += "${", at += 3;
      continue;
    }
    if (!text.substr(at).starts_with("${")) {
      out += text[at++];
      continue;
    }
    const size_t end =
        std::min(text.find('}', at), text.size());  // without a brace: a variable that is not set
    const std::string name(text.substr(at + 2, end - at - 2));
    const char* value = end < text.size() ? std::getenv(name.c_str()) : nullptr;
    if (value == nullptr) {
      diagnostics_.Add(Code::E115, node.span, fmt::format("The environment variable `{}` is not set", name))
          .help =
          "set it where the agent is started, and for `config check` too (or "
          "`--env-file FILE`); a `${` that is meant as such is written `$${`";
      return false;
    }
    out += value, at = end + 1;
  }
  return true;
}

const Node* Section::Scalar(std::string_view key, Need need) {
  const Node* value = Ask(key, need);
  if (value == nullptr || value->kind == Node::Kind::kScalar) return value;
  WrongType(*value, key, "one value");
  return nullptr;
}

bool Section::Value(std::string_view key, std::string& out, Need need) {
  const Node* value = Scalar(key, need);
  return value != nullptr && Expand(*value, out);
}

void Section::Text(std::string_view key, std::string& out, Need need) {
  std::string text;
  if (!Value(key, text, need)) return;
  if (text.empty() && need == Need::kRequired) return Fault(key, fmt::format("`{}` is empty", key));
  out = std::move(text);
}

void Section::Path(std::string_view key, std::string& out, Need need) {
  std::string path;
  if (!Value(key, path, need)) return;
  if (path.empty()) return Fault(key, fmt::format("`{}` is a path", key));
  out = path.front() == '/' ? path : folder_ + path;
}

void Section::Texts(std::string_view key, std::vector<std::string>& out) {
  const Node* value = Ask(key);
  if (value == nullptr) return;
  if (value->kind != Node::Kind::kSequence) return WrongType(*value, key, "a list: [a, b]");
  std::vector<std::string> texts;
  for (const Node& item : value->items) {
    if (item.kind != Node::Kind::kScalar) return WrongType(item, key, "a list of texts");
    if (!Expand(item, texts.emplace_back())) return;
  }
  out = std::move(texts);
}

void Section::Paths(std::string_view key, std::vector<std::string>& out) {
  Texts(key, out);
  for (std::string& path : out) {
    if (!path.starts_with('/')) path.insert(0, folder_);
  }
}

void Section::Pairs(std::string_view key, std::vector<std::pair<std::string, std::string>>& out) {
  const Node* value = Ask(key);
  if (value == nullptr) return;
  if (value->kind != Node::Kind::kMap) return WrongType(*value, key, "a map of names and values");
  for (const auto& [name, item] : value->entries) {
    if (name.kind != Node::Kind::kScalar || item.kind != Node::Kind::kScalar) {
      return WrongType(item, key, "a map of names and values");
    }
    std::string text;
    if (!Expand(item, text)) return;
    if (text.find_first_of("\r\n") != std::string::npos ||
        name.text.find_first_of("\r\n:") != std::string::npos) {
      return WrongType(item, key, "a map of single lines");
    }
    out.emplace_back(name.text, std::move(text));
  }
}

void Section::Flag(std::string_view key, bool& out) {
  std::string text;
  if (!Value(key, text)) return;
  if (text != "true" && text != "false") return Fault(key, fmt::format("`{}` is true or false", key));
  out = text == "true";
}

void Section::Number(std::string_view key, uint64_t& out, uint64_t least, uint64_t most) {
  std::string text;
  if (!Value(key, text)) return;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return Fault(key, fmt::format("`{}` is a number from {} to {}", key, least, most));
  }
  out = number;
}

void Section::Duration(std::string_view key, int64_t& out_ns, int64_t least_ns, int64_t most_ns) {
  std::string text;
  if (!Value(key, text)) return;
  const std::optional<uint64_t> ns = Measure(text, kTimes);
  if (!ns || static_cast<int64_t>(*ns) < least_ns || static_cast<int64_t>(*ns) > most_ns) {
    return Fault(key, fmt::format("`{}` is a time from {} to {}", key, ShowTime(least_ns), ShowTime(most_ns)),
                 std::string(kTimeHelp));
  }
  out_ns = static_cast<int64_t>(*ns);
}

void Section::Size(std::string_view key, uint64_t& out_bytes, uint64_t least, uint64_t most) {
  std::string text;
  if (!Value(key, text)) return;
  const std::optional<uint64_t> bytes = Measure(text, kSizes);
  if (!bytes || *bytes < least || *bytes > most) {
    return Fault(key, fmt::format("`{}` is a size from {} to {}", key, ShowSize(least), ShowSize(most)),
                 std::string(kSizeHelp));
  }
  out_bytes = *bytes;
}

void Section::PerTime(std::string_view key, std::optional<Rate>& out) {
  std::string text;
  if (!Value(key, text)) return;
  out = ParseRate(text);
  if (!out)
    Fault(key, fmt::format("`{}` is `N per TIME`, such as `100 per 1m`", key), std::string(kTimeHelp));
}

size_t Section::Choice(std::string_view key, const std::vector<std::string_view>& words, size_t otherwise,
                       Need need) {
  std::string text;
  if (!Value(key, text, need)) return otherwise;
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  const std::string nearest = diag::Nearest(text, words);
  Fault(key, fmt::format("`{}` is one of {}", key, fmt::join(words, ", ")),
        nearest.empty() ? std::string() : fmt::format("did you mean `{}`?", nearest));
  return otherwise;
}

const Node* Section::Map(std::string_view key) {
  const Node* value = Ask(key);
  if (value == nullptr || value->kind == Node::Kind::kMap) return value;
  WrongType(*value, key, "a map of keys and values");
  return nullptr;
}

const Node* Section::Maps(std::string_view key) {
  const Node* value = Ask(key);
  if (value == nullptr) return nullptr;
  bool fits = value->kind == Node::Kind::kSequence;
  for (const Node& item : value->items) fits = fits && item.kind == Node::Kind::kMap;
  if (fits) return value;
  WrongType(*value, key, "a list of maps");
  return nullptr;
}

void Section::Finish() {
  std::vector<std::string_view> seen;
  for (const auto& [key, value] : node_.entries) {
    const std::string_view name = key.text;
    if (key.kind != Node::Kind::kScalar) {
      diagnostics_.Add(Code::E107, key.span, "A key is a word");
    } else if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) {
      diag::Diagnostic& fault =
          diagnostics_.Add(Code::E107, key.span, fmt::format("{} has no key `{}`", owner_, name));
      const std::string nearest = diag::Nearest(name, asked_);
      fault.help = nearest.empty() ? fmt::format("its keys are {}", fmt::join(asked_, ", "))
                                   : fmt::format("did you mean `{}`?", nearest);
    } else if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      diagnostics_.Add(Code::E108, key.span, fmt::format("`{}` is given twice", name));
    }
    seen.push_back(name);
  }
}

}  // namespace sluice::config
