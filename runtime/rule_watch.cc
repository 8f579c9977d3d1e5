#include "runtime/rule_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>

#include "compiler/source/thread.h"
#include "runtime/rule_files.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as in the kernel
constexpr uint32_t kOfFile = IN_CLOSE_WRITE | IN_ATTRIB;
constexpr uint32_t kOfFolder =
    kOfFile | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_MOVE_SELF | IN_ONLYDIR;

// Below a folder; where it leads decides (rule_files.h).
bool IsFollowed(const fs::path& entry) {
  struct stat file {};
  return lstat(entry.c_str(), &file) == 0 && S_ISLNK(file.st_mode) &&
         entry.filename().native().front() != '.';
}

// A file is created before it is written: its closing is what counts. A link is complete at once.
bool IsComplete(const fs::path& created) {
  struct stat file {};
  return lstat(created.c_str(), &file) == 0 && (!S_ISREG(file.st_mode) || file.st_nlink > 1);
}

}  // namespace

source::Result<std::unique_ptr<RuleWatch>> RuleWatch::Open(std::vector<std::string> paths,
                                                           std::function<void()> changed,
                                                           std::function<void(const std::string&)> failed,
                                                           Times times) {
  const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0)
    return absl::UnavailableError(
        fmt::format("inotify: {}; see fs.inotify.max_user_instances", std::strerror(errno)));
  std::unique_ptr<RuleWatch> watch(
      new RuleWatch(fd, std::move(paths), std::move(changed), std::move(failed), times));
  if (watch->fault_ != 0)
    return absl::UnavailableError(
        fmt::format("inotify: {}; see fs.inotify.max_user_watches", std::strerror(watch->fault_)));
  RuleWatch& self = *watch;
  source::Status started = source::StartThread(self.thread_, [&self] { self.Run(); });
  if (!started.ok()) return started;
  return watch;
}

RuleWatch::RuleWatch(int inotify, std::vector<std::string> paths, std::function<void()> changed,
                     std::function<void(const std::string&)> failed, Times times)
    : inotify_(inotify),
      paths_(std::move(paths)),
      changed_(std::move(changed)),
      failed_(std::move(failed)),
      times_(times) {
  WatchAll();
}

RuleWatch::~RuleWatch() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  close(inotify_);
}

void RuleWatch::Reopen() { reopen_ = true; }

void RuleWatch::WatchAll() {
  const std::map<int, Watched> before = std::exchange(watched_, {});
  std::set<fs::path> seen;
  fault_ = 0;
  for (const std::string& path : paths_) {
    std::error_code error;
    FollowPath(fs::absolute(path, error));
    if (fs::is_directory(path, error)) WatchBelow(path, seen);
  }
  for (const auto& [watch, folder] : before) {
    if (!watched_.contains(watch)) inotify_rm_watch(inotify_, watch);
  }
}

void RuleWatch::TellFault() {
  if (fault_ != 0 && !told_fault_)
    failed_(fmt::format(
        "not all folders of the rules can be watched, and a change in them may go unseen: {}; raise "
        "fs.inotify.max_user_watches, and SIGHUP reloads all the same",
        std::strerror(fault_)));
  told_fault_ = fault_ != 0;
}

RuleWatch::Watched* RuleWatch::Watch(const fs::path& path, uint32_t events) {
  const int watch = inotify_add_watch(inotify_, path.c_str(), events);
  if (watch < 0 && (errno == ENOSPC || errno == ENOMEM)) fault_ = errno;
  if (watch < 0) return nullptr;
  Watched& watched = watched_[watch];
  watched.path = path;
  return &watched;
}

// As the kernel resolves it: one name after the other, links included. A folder is watched before it is looked into, so
// that what changes in between is told.
void RuleWatch::FollowPath(const fs::path& path) {
  std::deque<fs::path> left(path.begin(), path.end());
  fs::path at = "/";
  for (int links = 0; !left.empty();) {
    const fs::path part = left.front();
    left.pop_front();
    if (part == "..") at = at.parent_path();
    if (part.empty() || part == "/" || part == "." || part == "..") continue;
    if (Watched* folder = Watch(at, kOfFolder); folder != nullptr) folder->names.insert(part.string());
    const fs::path next = at / part;
    struct stat file {};
    if (lstat(next.c_str(), &file) != 0) return;  // its name is watched for
    // Written by another of its names, only the file itself says so.
    if (S_ISREG(file.st_mode) && file.st_nlink > 1) Watch(next, kOfFile);
    if (!S_ISLNK(file.st_mode)) {
      at = next;
      continue;
    }
    std::error_code error;
    const fs::path target = fs::read_symlink(next, error);
    if (error || ++links > kMostLinks) return;
    left.insert(left.begin(), target.begin(), target.end());
    if (target.is_absolute()) at = "/";
  }
}

void RuleWatch::WatchBelow(const fs::path& folder, std::set<fs::path>& seen) {
  std::error_code error;
  if (!seen.insert(fs::canonical(folder, error)).second) return;
  if (Watched* watched = Watch(folder, kOfFolder); watched != nullptr) watched->rules = true;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code unknown;
    const bool followed = IsFollowed(at->path());
    if (at->is_directory(unknown) && (followed || !at->is_symlink(unknown))) WatchBelow(at->path(), seen);
    const bool elsewhere = at->is_symlink(unknown) || at->hard_link_count(unknown) > 1;
    if (followed || (IsRuleFile(at->path().string()) && elsewhere))
      FollowPath(fs::absolute(at->path(), unknown));
  }
}

bool RuleWatch::Matters(const inotify_event& event) const {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
  const auto found = watched_.find(event.wd);
  if (found == watched_.end()) return false;
  if (event.len == 0) return (event.mask & (kOfFile | IN_MOVE_SELF | IN_UNMOUNT)) != 0;
  const Watched& folder = found->second;
  const std::string name = event.name;
  const bool is_folder = (event.mask & IN_ISDIR) != 0;
  if (!folder.names.contains(name) &&
      !(folder.rules && (is_folder || IsRuleFile(name) || IsFollowed(folder.path / name))))
    return false;
  return is_folder || (event.mask & IN_CREATE) == 0 || IsComplete(folder.path / name);
}

bool RuleWatch::TakeEvents() {
  alignas(inotify_event) std::array<char, 16384> bytes{};
  bool matters = false;
  for (ssize_t got = 0; (got = read(inotify_, bytes.data(), bytes.size())) > 0;) {
    for (ssize_t at = 0; at < got;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(bytes.data() + at);
      matters = matters || Matters(event);
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  return matters;
}

void RuleWatch::Run() {
  int quiet_ms = -1;  // since the last change; -1: none
  while (!stopping_) {
    pollfd slot{.fd = inotify_, .events = POLLIN, .revents = 0};
    const bool events = poll(&slot, 1, times_.poll_ms) > 0;
    if (events && TakeEvents()) {
      quiet_ms = 0;
    } else {
      if (events)
        usleep(static_cast<useconds_t>(times_.poll_ms) * 1000);  // a busy folder is no reason to spin
      if (quiet_ms >= 0) quiet_ms += times_.poll_ms;
    }
    if (!reopen_.exchange(false) && quiet_ms < times_.quiet_ms) continue;
    quiet_ms = -1;
    TakeEvents();  // whoever is called back reads the files later
    WatchAll();
    TellFault();
    changed_();
  }
}

}  // namespace sluice
