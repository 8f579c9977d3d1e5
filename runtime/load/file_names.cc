#include "runtime/load/file_names.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <utility>

#include "bpf/abi/filter_abi.h"
#include "compiler/source/thread.h"
#include "runtime/load/libbpf_log.h"

namespace sluice::load {
namespace {

constexpr std::chrono::seconds kPause{1}, kLongestWait{5};
constexpr size_t kOpenAtOnce = 128;
constexpr size_t kPathsAPause = 4096;  // of a large set a part each second

struct Row {
  sluice_file file;
  uint64_t descriptor;
};

// The root of the host's mount namespace: the agent may have one of its own.
int OpenHostRoot() {
  const int root = open("/proc/1/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return root >= 0 ? root : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

// The file at the end of a path without symbolic links; -1: there is none.
int OpenExactly(int root, const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT;
  return static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
}

sluice_file_name NameOf(const std::string& path) {
  sluice_file_name name{};
  name.bytes = static_cast<uint32_t>(std::min(path.size(), sizeof name.value - 1));
  std::memcpy(name.value, path.data(), name.bytes);
  return name;
}

source::Status Full(const char* what, int error) {
  const std::string message =
      fmt::format("the files behind the rules' paths cannot be kept in `{}`: {}", what, std::strerror(error));
  return error == E2BIG || error == ENOMEM ? absl::ResourceExhaustedError(message)
                                           : absl::InternalError(message);
}

}  // namespace

FileNames::~FileNames() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (iterator_ != nullptr) bpf_link__destroy(iterator_);
}

source::Status FileNames::Open(bpf_object* object) {
  names_by_file_ = bpf_object__find_map_fd_by_name(object, "names_by_file");
  file_names_ = bpf_object__find_map_fd_by_name(object, "file_names");
  const bpf_program* program = bpf_object__find_program_by_name(object, "names_of_files");
  if (names_by_file_ < 0 || file_names_ < 0 || program == nullptr)
    return absl::InternalError("the programs have no names of files");
  bpf_iter_link_info target{};
  target.task.pid = static_cast<uint32_t>(getpid());
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &target, .link_info_len = sizeof target);
  iterator_ = bpf_program__attach_iter(program, &options);
  if (iterator_ != nullptr) return source::StartThread(thread_, [this] { Run(); });
  return absl::FailedPreconditionError(
      fmt::format("the agent's open files cannot be iterated: {}{}", std::strerror(errno), TakeLibbpfLog()));
}

source::Status FileNames::Add(const std::vector<std::string>& paths) {
  if (paths.empty()) return absl::OkStatus();
  std::unique_lock lock(mutex_);
  std::vector<std::string> fresh, all;
  std::set_difference(paths.begin(), paths.end(), paths_.begin(), paths_.end(), std::back_inserter(fresh));
  const uint32_t one = 1;
  for (const std::string& path : fresh) {
    const sluice_file_name name = NameOf(path);
    if (bpf_map_update_elem(file_names_, &name, &one, BPF_ANY) != 0) return Full("file_names", errno);
  }
  std::set_union(paths_.begin(), paths_.end(), fresh.begin(), fresh.end(), std::back_inserter(all));
  paths_ = std::move(all);
  const uint64_t round = ++wanted_;
  changed_.notify_all();
  looked_.wait_for(lock, kLongestWait, [&] { return done_ >= round; });
  return done_ >= round ? last_ : absl::OkStatus();
}

void FileNames::Keep(std::vector<std::string> paths) {
  const std::lock_guard lock(mutex_);
  for (const std::string& path : paths_) {
    if (std::binary_search(paths.begin(), paths.end(), path)) continue;
    const sluice_file_name name = NameOf(path);
    bpf_map_delete_elem(file_names_, &name);
  }
  paths_ = std::move(paths);
  std::erase_if(crowded_, [&](const std::string& path) {
    return !std::binary_search(paths_.begin(), paths_.end(), path);
  });
}

std::vector<std::string> FileNames::TakeCrowded() {
  const std::lock_guard lock(mutex_);
  return std::exchange(crowded_untold_, {});
}

void FileNames::Run() {
  std::unique_lock lock(mutex_);
  size_t next = 0;
  while (!stopping_) {
    const uint64_t round = wanted_;
    const bool all = round > done_;
    if (next >= paths_.size()) next = 0;
    const size_t count = all ? paths_.size() : std::min(paths_.size() - next, kPathsAPause);
    const auto first = paths_.begin() + static_cast<ptrdiff_t>(all ? 0 : next);
    const std::vector<std::string> some(first, first + static_cast<ptrdiff_t>(count));
    if (!all) next += count;
    lock.unlock();
    source::Status status = LookUp(some);
    lock.lock();
    if (all) {
      last_ = std::move(status);
      done_ = round;
      looked_.notify_all();
    }
    const auto is_asked = [&] { return stopping_ || wanted_ > done_; };
    paths_.empty() ? changed_.wait(lock, is_asked) : void(changed_.wait_for(lock, kPause, is_asked));
  }
}

source::Status FileNames::LookUp(const std::vector<std::string>& paths) {
  source::Status status;
  for (size_t at = 0; at < paths.size() && status.ok(); at += kOpenAtOnce)
    status = LookUpSome(&paths[at], std::min(kOpenAtOnce, paths.size() - at));
  return status;
}

// The kernel says which file is behind each descriptor: what stat(2) says of device and number is not always its own.
source::Status FileNames::LookUpSome(const std::string* paths, size_t count) {
  std::vector<std::pair<int, const std::string*>> open;
  const int root = OpenHostRoot();
  for (size_t i = 0; i < count; ++i) {
    if (const int file = OpenExactly(root, paths[i]); file >= 0) open.emplace_back(file, &paths[i]);
  }
  close(root);
  source::Status status;
  const int iteration = open.empty() ? -1 : bpf_iter_create(bpf_link__fd(iterator_));
  if (!open.empty() && iteration < 0)
    status =
        absl::InternalError(fmt::format("the agent's open files cannot be read: {}", std::strerror(errno)));
  std::vector<char> rows;
  while (iteration >= 0) {
    char buffer[4096];
    const ssize_t bytes = read(iteration, buffer, sizeof buffer);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (bytes <= 0) break;
    rows.insert(rows.end(), buffer, buffer + bytes);
  }
  for (size_t at = 0; at + sizeof(Row) <= rows.size() && status.ok(); at += sizeof(Row)) {
    Row row;
    std::memcpy(&row, &rows[at], sizeof row);
    const auto known = std::find_if(open.begin(), open.end(), [&](const auto& entry) {
      return entry.first == static_cast<int>(row.descriptor);
    });
    if (known != open.end()) status = StoreName(&row.file, *known->second);
  }
  if (iteration >= 0) close(iteration);
  for (const auto& [file, path] : open) close(file);
  return status;
}

source::Status FileNames::StoreName(const void* file, const std::string& path) {
  sluice_file key;
  std::memcpy(&key, file, sizeof key);
  const sluice_file_name name = NameOf(path);
  for (key.number = 0; key.number < SLUICE_FILE_NAMES; ++key.number) {
    sluice_file_name known;
    if (bpf_map_lookup_elem(names_by_file_, &key, &known) == 0) {
      if (std::memcmp(&known, &name, sizeof name) == 0) return absl::OkStatus();
      continue;
    }
    if (bpf_map_update_elem(names_by_file_, &key, &name, BPF_NOEXIST) == 0) return absl::OkStatus();
    if (errno != EEXIST) return Full("names_by_file", errno);
  }
  const std::lock_guard lock(mutex_);
  if (crowded_.insert(path).second) crowded_untold_.push_back(path);
  return absl::OkStatus();
}

}  // namespace sluice::load
