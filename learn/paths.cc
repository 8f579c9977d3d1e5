#include "learn/paths.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

namespace sluice::learn {
namespace {

constexpr size_t kFilesOfAFolder = 12;  // more of them, and the folder stands for them
constexpr size_t kNetsOfAPort = 16;     // more of them, and any address will do
constexpr std::string_view kTemporary[] = {"/tmp/", "/var/tmp/", "/dev/shm/", "/run/"};

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool IsHex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }
bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::vector<std::string_view> PartsOf(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// As a glob that means just this text.
void AppendEscaped(std::string_view text, std::string& glob) {
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[') {
      glob += fmt::format("[{}]", c);
    } else {
      glob += c == '\\' ? "\\\\" : std::string(1, c);
    }
  }
}

// Letters and digits without a break: a hash, a long number, and in a temporary folder a name that was made up.
bool Changes(std::string_view run, bool temporary) {
  const auto count = [&](auto is) { return static_cast<size_t>(std::count_if(run.begin(), run.end(), is)); };
  const size_t digits = count(IsDigit), hex = count(IsHex);
  const size_t upper = count([](char c) { return c >= 'A' && c <= 'Z'; });
  const size_t lower = run.size() - digits - upper;
  if (digits == run.size()) return run.size() >= 4;
  if (hex == run.size() && run.size() >= 8 && digits >= 2) return true;
  const bool mixed = (digits > 0) + (upper > 0) + (lower > 0) >= 2;
  if (run.size() >= 20 && mixed && digits >= 3) return true;
  return temporary && run.size() >= 6 && mixed;
}

constexpr size_t kUuidSize = 36;

bool IsUuid(std::string_view text) {
  if (text.size() != kUuidSize) return false;
  for (size_t i = 0; i < kUuidSize; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsHex(text[i])) return false;
  }
  return true;
}

// One part of a path; true when something in it changes. A date's days and months go with its year.
bool Generalise(std::string_view part, bool temporary, std::string& glob) {
  if (!part.empty() && std::all_of(part.begin(), part.end(), IsDigit)) {
    glob += '*';
    return true;
  }
  bool changed = false, after_star = false;
  for (size_t at = 0; at < part.size();) {
    if (IsUuid(part.substr(at, kUuidSize))) {
      glob += '*';
      changed = true;
      after_star = false;
      at += kUuidSize;
      continue;
    }
    if (!IsWord(part[at])) {
      const bool joins = after_star && at + 1 < part.size() && IsDigit(part[at + 1]) &&
                         (part[at] == '-' || part[at] == '_' || part[at] == ':');
      if (!joins) AppendEscaped(part.substr(at, 1), glob), after_star = false;
      ++at;
      continue;
    }
    size_t end = at;
    while (end < part.size() && IsWord(part[end])) ++end;
    const std::string_view run = part.substr(at, end - at);
    const bool digits = std::all_of(run.begin(), run.end(), IsDigit);
    if (Changes(run, temporary) || (after_star && digits)) {
      if (!after_star) glob += '*';
      changed = after_star = true;
    } else {
      AppendEscaped(run, glob);
      after_star = false;
    }
    at = end;
  }
  return changed;
}

// Every number in it, so that versions of one name are equal.
std::string WithoutNumbers(const std::string& path) {
  std::string glob;
  for (size_t at = 0; at < path.size(); ++at) {
    if (!IsDigit(path[at])) {
      AppendEscaped(path.substr(at, 1), glob);
    } else if (glob.empty() || glob.back() != '*') {
      glob += '*';
    }
  }
  return glob;
}

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Deep enough to say something: not /etc, but /etc/ssl. Of what other programs write at will, no whole folder.
bool MayStandForAll(const std::string& folder) {
  if (std::count(folder.begin(), folder.end(), '/') < 2) return false;
  return std::none_of(std::begin(kTemporary), std::end(kTemporary),
                      [&](std::string_view temporary) { return folder + "/" == temporary; });
}

// A glob that ends in its only star is a prefix.
void Sort(const std::string& glob, Patterns& found) {
  const size_t star = glob.find('*');
  if (star + 1 == glob.size() && glob.find_first_of("[\\") == std::string::npos) {
    found.prefixes.push_back(glob.substr(0, star));
  } else {
    found.globs.push_back(glob);
  }
}

struct Address {
  int family = AF_UNSPEC;
  unsigned char bytes[16] = {};
};

Address Parsed(const std::string& text) {
  Address address;
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), address.bytes) == 1) address.family = family;
  }
  return address;
}

std::string NetAround(const std::string& text) {
  Address address = Parsed(text);
  const bool v4 = address.family == AF_INET;
  if (v4) {
    address.bytes[3] = 0;
  } else {
    std::memset(address.bytes + 8, 0, 8);
  }
  char shown[INET6_ADDRSTRLEN] = "";
  inet_ntop(address.family, address.bytes, shown, sizeof shown);
  return fmt::format("{}/{}", shown, v4 ? 24 : 64);
}

}  // namespace

std::string Generalised(const std::string& path) {
  const bool temporary = std::any_of(std::begin(kTemporary), std::end(kTemporary),
                                     [&](std::string_view folder) { return path.starts_with(folder); });
  std::string glob;
  bool changed = false, first = true;
  for (const std::string_view part : PartsOf(path)) {
    if (!std::exchange(first, false)) glob += '/';
    changed = Generalise(part, temporary, glob) || changed;
  }
  return changed ? glob : path;
}

Patterns PatternsOf(const Counts& paths) {
  Patterns found;
  std::set<std::string> globs;
  std::map<std::string, std::vector<std::string>> by_form;  // by what they are without their numbers
  for (const auto& [path, count] : paths) {
    const std::string glob = Generalised(path);
    if (glob != path) {
      globs.insert(glob);
    } else {
      by_form[WithoutNumbers(path)].push_back(path);
    }
  }
  std::map<std::string, std::vector<std::string>> by_folder;
  for (const auto& [form, alike] : by_form) {
    if (alike.size() > 1) {
      globs.insert(form);
    } else {
      by_folder[FolderOf(alike.front())].push_back(alike.front());
    }
  }
  for (const auto& [folder, files] : by_folder) {
    if (files.size() > kFilesOfAFolder && MayStandForAll(folder)) {
      found.folders.push_back(folder);
    } else {
      found.exact.insert(found.exact.end(), files.begin(), files.end());
    }
  }
  const auto below = [&found](const std::string& path) {
    return std::any_of(found.folders.begin(), found.folders.end(),
                       [&](const std::string& folder) { return path.starts_with(folder + "/"); });
  };
  found.exact.erase(std::remove_if(found.exact.begin(), found.exact.end(), below), found.exact.end());
  for (const std::string& glob : globs) {
    if (!below(glob)) Sort(glob, found);
  }
  std::sort(found.exact.begin(), found.exact.end());
  return found;
}

std::vector<std::string> NetsOf(const Counts& addresses) {
  std::map<std::string, std::vector<std::string>> by_net;
  for (const auto& [address, count] : addresses) {
    if (Parsed(address).family != AF_UNSPEC) by_net[NetAround(address)].push_back(address);
  }
  std::vector<std::string> nets;
  for (const auto& [net, alike] : by_net) {
    const bool v4 = alike.front().find(':') == std::string::npos;
    nets.push_back(alike.size() > 1 ? net : fmt::format("{}/{}", alike.front(), v4 ? 32 : 128));
  }
  if (nets.size() > kNetsOfAPort) return {"0.0.0.0/0", "::/0"};
  return nets;
}

}  // namespace sluice::learn
