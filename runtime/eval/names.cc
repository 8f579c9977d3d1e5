// Snapshots of /etc/passwd and /etc/group: names without NSS.
#include <charconv>
#include <fstream>
#include <sstream>
#include <unordered_map>

#include "runtime/eval/extract.h"

namespace sluice::eval {
namespace {

// The fields of a line, split at colons.
std::vector<std::string_view> Columns(std::string_view line) {
  std::vector<std::string_view> columns;
  while (true) {
    const size_t colon = line.find(':');
    columns.push_back(line.substr(0, colon));
    if (colon == std::string_view::npos) return columns;
    line.remove_prefix(colon + 1);
  }
}

bool ParseId(std::string_view text, uint32_t& id) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), id);
  return !text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size();
}

template <typename Map>
std::string_view Look(const Map& map, uint32_t id,
                      std::string_view (*view)(const typename Map::mapped_type&)) {
  const auto found = map.find(id);
  return found == map.end() ? std::string_view() : view(found->second);
}

}  // namespace

Names Names::Read(const std::string& etc) {
  const auto text = [](const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path).rdbuf();
    return content.str();
  };
  return Parse(text(etc + "/passwd"), text(etc + "/group"));
}

Names Names::Parse(std::string passwd, std::string group) {
  Names names;
  names.passwd_ = std::move(passwd);
  names.group_ = std::move(group);
  std::string line;
  uint32_t id = 0;
  // The first of several entries with one number counts, as for getpwuid.
  for (std::istringstream file(names.passwd_); std::getline(file, line);) {
    const auto columns = Columns(line);
    if (columns.size() < 7 || columns[0].empty() || !ParseId(columns[2], id)) continue;
    names.users_.emplace(id,
                         User_{std::string(columns[0]), std::string(columns[5]), std::string(columns[6])});
  }
  for (std::istringstream file(names.group_); std::getline(file, line);) {
    const auto columns = Columns(line);
    if (columns.size() < 4 || columns[0].empty() || !ParseId(columns[2], id)) continue;
    names.groups_.emplace(id, std::string(columns[0]));
  }
  return names;
}

std::string_view Names::User(uint32_t uid) const {
  return Look(users_, uid, [](const User_& user) -> std::string_view { return user.name; });
}
std::string_view Names::Home(uint32_t uid) const {
  return Look(users_, uid, [](const User_& user) -> std::string_view { return user.home; });
}
std::string_view Names::Shell(uint32_t uid) const {
  return Look(users_, uid, [](const User_& user) -> std::string_view { return user.shell; });
}
std::string_view Names::Group(uint32_t gid) const {
  return Look(groups_, gid, [](const std::string& name) -> std::string_view { return name; });
}

}  // namespace sluice::eval
