#include "runtime/trusted.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace sluice {
namespace {

namespace fs = std::filesystem;

bool IsOurs(const struct stat& file) { return file.st_uid == 0 || file.st_uid == geteuid(); }

source::Status OfAnother(const std::string& path, uid_t user) {
  return absl::PermissionDeniedError(
      fmt::format("{}: belongs to user {}, who could change what this agent does; chown root", path, user));
}

source::Status Look(const std::string& path, bool folder) {
  struct stat file {
  }, link{};
  if (lstat(path.c_str(), &link) != 0 || stat(path.c_str(), &file) != 0)
    return absl::NotFoundError(fmt::format("{}: {}", path, std::strerror(errno)));
  if (!IsOurs(link)) return OfAnother(path, link.st_uid);
  if (!IsOurs(file)) return OfAnother(path, file.st_uid);
  const bool sticky = folder && (file.st_mode & S_ISVTX) != 0;
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !sticky) {
    return absl::PermissionDeniedError(
        fmt::format("{}: others can write it and so change what this agent does; chmod go-w", path));
  }
  return absl::OkStatus();
}

// Whoever can write a folder further up can put another one in the place of what lies in it.
source::Status FoldersAbove(const fs::path& path) {
  fs::path folder;
  for (const fs::path& part : path.parent_path()) {
    folder /= part;
    if (source::Status status = Look(folder, true); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

source::Status Trusted(const std::string& path) {
  if (source::Status status = Look(path, false); !status.ok()) return status;
  std::error_code error;
  const fs::path written = fs::absolute(path, error);
  if (source::Status status = FoldersAbove(written); !status.ok()) return status;
  const fs::path real = fs::canonical(path, error);
  return error ? absl::OkStatus() : FoldersAbove(real);  // a pipe lies nowhere
}

}  // namespace sluice
