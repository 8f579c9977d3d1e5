#include "runtime/trusted.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {
namespace {

source::Status Look(const std::string& path, bool folder) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0)
    return absl::NotFoundError(fmt::format("{}: {}", path, std::strerror(errno)));
  if (file.st_uid != 0 && file.st_uid != geteuid()) {
    return absl::PermissionDeniedError(fmt::format(
        "{}: belongs to user {}, who could change what this agent does; chown root", path, file.st_uid));
  }
  const bool sticky = folder && (file.st_mode & S_ISVTX) != 0;
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
    return absl::PermissionDeniedError(
        fmt::format("{}: others can write it and so change what this agent does; chmod go-w", path));
  }
  return absl::OkStatus();
}

}  // namespace

source::Status Trusted(const std::string& path) {
  if (source::Status status = Look(path, false); !status.ok()) return status;
  const size_t slash = path.rfind('/');
  return Look(slash == std::string::npos ? "." : path.substr(0, slash + 1), true);
}

}  // namespace sluice
