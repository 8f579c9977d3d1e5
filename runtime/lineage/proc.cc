#include "runtime/lineage/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::lineage {
namespace {

constexpr size_t kStatBytes = 4096;
constexpr size_t kStatusBytes = 16384;
constexpr uint32_t kUnsetLoginUid = 0xffffffff;
constexpr uint32_t kKernelThreadFlag = 0x00200000;  // PF_KTHREAD
constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kMemfd = "/memfd:";

class FileDescriptor {
 public:
  explicit FileDescriptor(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Up to `limit` bytes; `truncated` says that there are more.
bool ReadUpTo(const std::string& path, size_t limit, std::string& bytes, bool& truncated) {
  FileDescriptor file(path);
  if (file.get() < 0) return false;
  bytes.resize(limit + 1);
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  truncated = have > limit;
  bytes.resize(truncated ? limit : have);
  return true;
}

std::optional<std::string> ReadLink(const std::string& path) {
  char target[SLUICE_PATH_BYTES + 1];
  const ssize_t length = readlink(path.c_str(), target, sizeof(target));
  if (length <= 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(length));
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while ((at = text.find_first_not_of(" \t\n", at)) != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(" \t\n", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

template <typename T>
bool Number(std::string_view word, T& out) {
  return absl::SimpleAtoi(absl::string_view(word.data(), word.size()), &out);
}

// "PID (COMM) STATE PPID PGRP SESSION TTY TPGID FLAGS ... STARTTIME": comm may hold blanks and parentheses.
bool ParseStat(std::string_view stat, ProcEntry& entry, bool& kernel_thread) {
  const size_t open = stat.find('('), close = stat.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  const std::vector<std::string_view> words = Words(stat.substr(close + 1));
  if (words.size() < 20) return false;
  if (words[0] == "Z" || words[0] == "X") return false;  // dead, and its children are someone else's already
  int32_t group = 0, session = 0, tty = 0;
  uint32_t flags = 0;
  uint64_t ticks = 0;
  if (!Number(words[1], entry.parent_pid) || !Number(words[2], group) || !Number(words[3], session) ||
      !Number(words[4], tty) || !Number(words[6], flags) || !Number(words[19], ticks)) {
    return false;
  }
  entry.pgid = static_cast<uint32_t>(group);
  entry.session_pid = static_cast<uint32_t>(session);
  entry.tty = static_cast<uint32_t>(tty);
  entry.start_ns = ticks * TickNs();
  entry.image.name = std::string(stat.substr(open + 1, close - open - 1)).substr(0, SLUICE_NAME_BYTES - 1);
  kernel_thread = (flags & kKernelThreadFlag) != 0;
  return true;
}

std::string_view LineOf(std::string_view status, std::string_view key) {
  size_t at = 0;
  while (at < status.size()) {
    const size_t end = std::min(status.find('\n', at), status.size());
    const std::string_view line = status.substr(at, end - at);
    if (line.substr(0, key.size()) == key) return line.substr(key.size());
    at = end + 1;
  }
  return {};
}

void ParseStatus(std::string_view status, ProcEntry& entry) {
  // Real, effective, saved, file system: Falco's user.uid is the effective one.
  const auto uids = Words(LineOf(status, "Uid:")), gids = Words(LineOf(status, "Gid:"));
  if (uids.size() > 1) Number(uids[1], entry.image.uid);
  if (gids.size() > 1) Number(gids[1], entry.image.gid);
  const auto pids = Words(LineOf(status, "NSpid:"));  // outermost first
  if (pids.empty() || !Number(pids.back(), entry.vpid)) entry.vpid = entry.pid;
}

// The link of an unlinked file ends in " (deleted)"; so may a file's own name, which then exists.
bool IsDeleted(const std::string& link, const std::string& target) {
  struct stat file, named;
  if (stat(link.c_str(), &file) != 0) return true;
  if (stat(target.c_str(), &named) != 0) return true;
  return file.st_dev != named.st_dev || file.st_ino != named.st_ino;
}

void ReadExe(const std::string& folder, Image& image) {
  const std::string link = folder + "/exe";
  std::optional<std::string> target = ReadLink(link);
  if (!target) {
    image.exepath_known = errno == ENOENT;  // EACCES: there is one, but not for us
    return;
  }
  const bool suffixed = target->size() > kDeleted.size() &&
                        std::string_view(*target).substr(target->size() - kDeleted.size()) == kDeleted;
  if (suffixed && IsDeleted(link, *target)) {
    image.flags |= SLUICE_IMAGE_DELETED;  // the suffix stays, as in what the kernel sends
    if (std::string_view(*target).substr(0, kMemfd.size()) == kMemfd) image.flags |= SLUICE_IMAGE_MEMFD;
  }
  image.exepath = *std::move(target);
}

}  // namespace

uint64_t TickNs() {
  static const uint64_t kTickNs = 1'000'000'000u / static_cast<uint64_t>(std::max(1L, sysconf(_SC_CLK_TCK)));
  return kTickNs;
}

source::Result<std::vector<uint32_t>> ListProcesses(const std::string& proc) {
  DIR* folder = opendir(proc.c_str());
  if (folder == nullptr) {
    return absl::NotFoundError(absl::StrCat("cannot read `", proc, "`: ", std::strerror(errno)));
  }
  std::vector<uint32_t> pids;
  while (const dirent* entry = readdir(folder)) {
    uint32_t pid = 0;
    if (Number(entry->d_name, pid) && pid != 0) pids.push_back(pid);
  }
  closedir(folder);
  return pids;
}

std::optional<ProcEntry> ReadProcess(const std::string& proc, uint32_t pid, bool with_env) {
  const std::string folder = absl::StrCat(proc, "/", pid);
  ProcEntry entry;
  entry.pid = pid;
  Image& image = entry.image;
  std::string text;
  bool truncated = false, kernel_thread = false;
  if (!ReadUpTo(folder + "/stat", kStatBytes, text, truncated)) return std::nullopt;
  if (!ParseStat(text, entry, kernel_thread)) return std::nullopt;
  if (!ReadUpTo(folder + "/status", kStatusBytes, text, truncated)) return std::nullopt;
  ParseStatus(text, entry);

  image.loginuid = kUnsetLoginUid;
  if (ReadUpTo(folder + "/loginuid", 32, text, truncated)) Number(text, image.loginuid);
  image.exec_time_ns = entry.start_ns;  // the earliest it can be
  if (kernel_thread) {
    image.flags |= SLUICE_IMAGE_EXE_ABSENT;
    image.env_known = true;
    return entry;
  }
  ReadExe(folder, image);
  if (ReadUpTo(folder + "/cmdline", SLUICE_ARGS_BYTES, image.args, image.args_truncated)) {
    // A process may write over its argv, and then the last NUL may be missing.
    if (!image.args.empty() && image.args.back() != '\0' && !image.args_truncated) image.args.push_back('\0');
    image.exe = image.args.substr(0, image.args.find('\0'));
  }
  if (with_env) {
    bool env_truncated = false;
    image.env_known =
        ReadUpTo(folder + "/environ", SLUICE_ENV_BYTES, image.env, env_truncated) && !env_truncated;
  }
  image.cwd = ReadLink(folder + "/cwd").value_or("");
  return entry;
}

}  // namespace sluice::lineage
