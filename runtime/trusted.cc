#include "runtime/trusted.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <system_error>

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as in the kernel

bool IsOurs(const struct stat& file) { return file.st_uid == 0 || file.st_uid == geteuid(); }

source::Status OfAnother(const std::string& path, uid_t user) {
  return absl::PermissionDeniedError(
      fmt::format("{}: belongs to user {}, who could change what this agent does; chown root", path, user));
}

source::Status NotFound(const std::string& path, int error) {
  return absl::NotFoundError(fmt::format("{}: {}", path, std::strerror(error)));
}

// Whoever can write a folder can put another file in the place of what lies in it.
source::Status Look(const std::string& path, const struct stat& file) {
  if (!IsOurs(file)) return OfAnother(path, file.st_uid);
  const bool sticky = S_ISDIR(file.st_mode) && (file.st_mode & S_ISVTX) != 0;
  if (S_ISLNK(file.st_mode) || sticky || (file.st_mode & (S_IWGRP | S_IWOTH)) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("{}: others can write it and so change what this agent does; chmod go-w", path));
}

}  // namespace

// As the kernel resolves a path: one name after the other, links included.
source::Status Trusted(const std::string& path) {
  std::error_code error;
  const fs::path start = fs::absolute(path, error);
  if (error) return NotFound(path, error.value());
  std::deque<fs::path> left(start.begin(), start.end());
  fs::path at;
  for (int links = 0; !left.empty();) {
    const fs::path part = left.front();
    left.pop_front();
    if (part == ".." && at.has_relative_path()) at = at.parent_path();
    if (part.empty() || part == "." || part == "..") continue;
    const fs::path next = at / part;
    const std::string shown = left.empty() && links == 0 ? path : next.string();
    struct stat file {};
    if (lstat(next.c_str(), &file) != 0) return NotFound(path, errno);
    if (source::Status status = Look(shown, file); !status.ok()) return status;
    if (!S_ISLNK(file.st_mode)) {
      at = next;
      continue;
    }
    if (++links > kMostLinks) return NotFound(path, ELOOP);
    const fs::path target = fs::read_symlink(next, error);
    if (error) return NotFound(path, error.value());
    if (stat(next.c_str(), &file) != 0) return NotFound(path, errno);
    struct stat there {};
    if (lstat((at / target).c_str(), &there) != 0) return Look(shown, file);  // a pipe lies nowhere
    left.insert(left.begin(), target.begin(), target.end());
    if (target.is_absolute()) at.clear();
  }
  return absl::OkStatus();
}

}  // namespace sluice
