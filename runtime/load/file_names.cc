#include "runtime/load/file_names.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <time.h>
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
constexpr size_t kNamesABatch = 4096;
constexpr size_t kMostNames =
    3u << 16;  // three quarters of names_by_file: the rest is for what happens between two sweeps

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

uint32_t BootSeconds() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint32_t>(now.tv_sec);
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

FileNames::~FileNames() { Close(); }

void FileNames::Close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (iterator_ != nullptr) bpf_link__destroy(std::exchange(iterator_, nullptr));
}

source::Status FileNames::Open(bpf_object* object, const __u64* refused) {
  refused_ = refused;
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
  const uint32_t none = 0;  // files so far
  for (const std::string& path : fresh) {
    const sluice_file_name name = NameOf(path);
    if (bpf_map_update_elem(file_names_, &name, &none, BPF_NOEXIST) != 0 && errno != EEXIST)
      return Full("file_names", errno);
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
  unwanted_ = unwanted_ || paths != paths_;
  paths_ = std::move(paths);
  const auto is_unwanted = [&](const std::string& path) {
    return !std::binary_search(paths_.begin(), paths_.end(), path);
  };
  std::erase_if(crowded_, is_unwanted);
  std::erase_if(flooded_, is_unwanted);
}

NameFaults FileNames::TakeFaults() {
  const std::lock_guard lock(mutex_);
  return std::exchange(untold_, {});
}

void FileNames::Run() {
  std::unique_lock lock(mutex_);
  size_t next = 0;
  uint64_t refused = 0;
  while (!stopping_) {
    const uint64_t round = wanted_, now_refused = __atomic_load_n(refused_, __ATOMIC_ACQUIRE);
    const bool sweeping = unwanted_ || full_ || now_refused != refused;
    unwanted_ = full_ = false;
    refused = now_refused;
    const std::vector<std::string> wanted = sweeping ? paths_ : std::vector<std::string>();
    const bool all = round > done_;
    if (next >= paths_.size()) next = 0;
    const size_t count = all ? paths_.size() : std::min(paths_.size() - next, kPathsAPause);
    const auto first = paths_.begin() + static_cast<ptrdiff_t>(all ? 0 : next);
    const std::vector<std::string> some(first, first + static_cast<ptrdiff_t>(count));
    if (!all) next += count;
    lock.unlock();
    source::Status status = sweeping ? Sweep(wanted) : absl::OkStatus();
    status.Update(LookUp(some));
    lock.lock();
    if (!status.ok() && !failing_ && !all) untold_.failed = status;
    failing_ = !status.ok();
    if (all) {
      last_ = std::move(status);
      done_ = round;
      looked_.notify_all();
    }
    const auto is_asked = [&] { return stopping_ || wanted_ > done_; };
    paths_.empty() ? changed_.wait(lock, is_asked) : void(changed_.wait_for(lock, kPause, is_asked));
  }
}

// What fails of some is no reason to leave out the others.
source::Status FileNames::LookUp(const std::vector<std::string>& paths) {
  source::Status status;
  for (size_t at = 0; at < paths.size(); at += kOpenAtOnce) {
    const auto found = Identify(&paths[at], std::min(kOpenAtOnce, paths.size() - at));
    if (!found.ok()) {
      status.Update(found.status());
      continue;
    }
    for (const Found& one : *found) status.Update(StoreName(one.file, *one.path));
  }
  return status;
}

// The kernel says which file is behind each descriptor: what stat(2) says of device and number is not always its own.
source::Result<std::vector<FileNames::Found>> FileNames::Identify(const std::string* paths, size_t count) {
  std::vector<std::pair<int, const std::string*>> open;
  std::vector<Found> found;
  const int root = OpenHostRoot();
  int lacking = root < 0 ? errno : 0;  // other than a file that is not there
  for (size_t i = 0; i < count && root >= 0; ++i) {
    const int file = OpenExactly(root, paths[i]);
    if (file >= 0) {
      open.emplace_back(file, &paths[i]);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
      lacking = errno;
    }
  }
  if (root >= 0) close(root);
  if (lacking != 0) {
    for (const auto& [file, path] : open) close(file);
    return absl::InternalError(fmt::format("the rules' paths cannot be opened: {}", std::strerror(lacking)));
  }
  if (open.empty()) return found;
  const int iteration = bpf_iter_create(bpf_link__fd(iterator_));
  const int error = errno;
  std::vector<char> rows;
  while (iteration >= 0) {
    char buffer[4096];
    const ssize_t bytes = read(iteration, buffer, sizeof buffer);
    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (bytes <= 0) break;
    rows.insert(rows.end(), buffer, buffer + bytes);
  }
  for (size_t at = 0; at + sizeof(Row) <= rows.size(); at += sizeof(Row)) {
    Row row;
    std::memcpy(&row, &rows[at], sizeof row);
    const auto known = std::find_if(open.begin(), open.end(), [&](const auto& entry) {
      return entry.first == static_cast<int>(row.descriptor);
    });
    if (known != open.end()) found.push_back({row.file, known->second});
  }
  if (iteration >= 0) close(iteration);
  for (const auto& [file, path] : open) close(file);
  if (iteration >= 0) return found;
  return absl::InternalError(fmt::format("the agent's open files cannot be read: {}", std::strerror(error)));
}

// A table without room is no fault of the rule set: the path itself is protected, and the next sweep makes room.
source::Status FileNames::StoreName(const sluice_file& file, const std::string& path) {
  sluice_file key = file;
  const sluice_noted_name noted{.name = NameOf(path), .noted_s = BootSeconds()};
  for (key.number = 0; key.number < SLUICE_FILE_NAMES; ++key.number) {
    sluice_noted_name known;
    if (bpf_map_lookup_elem(names_by_file_, &key, &known) == 0) {
      if (std::memcmp(&known.name, &noted.name, sizeof noted.name) == 0) return absl::OkStatus();
      continue;
    }
    if (bpf_map_update_elem(names_by_file_, &key, &noted, BPF_NOEXIST) == 0) return absl::OkStatus();
    if (errno == EEXIST) continue;
    if (errno != E2BIG && errno != ENOMEM) return Full("names_by_file", errno);
    const std::lock_guard lock(mutex_);
    full_ = true;
    if (flooded_.insert(path).second) untold_.flooded.push_back(path);
    return absl::OkStatus();
  }
  const std::lock_guard lock(mutex_);
  if (crowded_.insert(path).second) untold_.crowded.push_back(path);
  return absl::OkStatus();
}

source::Status FileNames::Sweep(const std::vector<std::string>& paths) {
  source::Result<ByPath> names = ReadNames();
  if (!names.ok()) return names.status();
  size_t total = 0;
  for (auto& [path, files] : *names) {
    if (std::binary_search(paths.begin(), paths.end(), path)) {
      total += files.size();
      continue;
    }
    for (const Noted& one : files) Forget(one.file);
    files.clear();
  }
  size_t most = SLUICE_PATH_FILES;
  for (; total > kMostNames && most > 1; most /= 4) {
    total = 0;
    for (const auto& [path, files] : *names) total += std::min(files.size(), most / 4);
  }
  for (auto& [path, files] : *names) {
    const size_t kept = most - most / 4;
    if (files.size() >= most && files.size() > kept) ForgetOldest(path, files, kept);
  }
  for (const std::string& path : paths) {  // the programs count up alone
    const sluice_file_name name = NameOf(path);
    const auto known = names->find(path);
    const auto count = static_cast<uint32_t>(known == names->end() ? 0 : known->second.size());
    uint32_t counted = 0;
    if (bpf_map_lookup_elem(file_names_, &name, &counted) == 0 && counted != count)
      bpf_map_update_elem(file_names_, &name, &count, BPF_EXIST);
  }
  return absl::OkStatus();
}

// Never the file that the path names now.
void FileNames::ForgetOldest(const std::string& path, std::vector<Noted>& files, size_t kept) {
  const source::Result<std::vector<Found>> found = Identify(&path, 1);
  const auto bears_it = [&](const Noted& one) {
    return found.ok() && !found->empty() && found->front().file.inode == one.file.inode &&
           found->front().file.device == one.file.device &&
           found->front().file.generation == one.file.generation;
  };
  std::sort(files.begin(), files.end(), [&](const Noted& a, const Noted& b) {
    return bears_it(a) != bears_it(b) ? bears_it(a) : a.noted_s > b.noted_s;
  });
  for (size_t i = kept; i < files.size(); ++i) Forget(files[i].file);
  files.resize(std::min(files.size(), kept));
  const std::lock_guard lock(mutex_);
  if (flooded_.insert(path).second) untold_.flooded.push_back(path);
}

// Names of a file have no gap: one that has others behind it stays until they go.
void FileNames::Forget(sluice_file file) {
  sluice_noted_name noted;
  ++file.number;
  if (file.number < SLUICE_FILE_NAMES && bpf_map_lookup_elem(names_by_file_, &file, &noted) == 0) return;
  --file.number;
  bpf_map_delete_elem(names_by_file_, &file);
}

source::Result<FileNames::ByPath> FileNames::ReadNames() {
  ByPath names;
  std::vector<sluice_file> files(kNamesABatch);
  std::vector<sluice_noted_name> noted(kNamesABatch);
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  uint32_t position = 0;
  for (bool first = true, more = true; more; first = false) {
    uint32_t count = kNamesABatch;
    const int error = bpf_map_lookup_batch(names_by_file_, first ? nullptr : &position, &position,
                                           files.data(), noted.data(), &count, &options);
    more = error == 0;
    if (error != 0 && errno != ENOENT) return Full("names_by_file", errno);
    for (uint32_t i = 0; i < count; ++i) {
      const sluice_file_name& name = noted[i].name;
      names[std::string(name.value, std::min<size_t>(name.bytes, sizeof name.value))].push_back(
          {files[i], noted[i].noted_s});
    }
  }
  return names;
}

}  // namespace sluice::load
