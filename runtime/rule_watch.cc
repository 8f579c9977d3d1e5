#include "runtime/rule_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr int kPollMs = 100;
constexpr uint32_t kChanges =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR;

bool IsRuleFile(std::string_view name) {
  return name.ends_with(".rule") || name.ends_with(".yaml") || name.ends_with(".yml");
}

// A file is created before it is written: its closing is what counts.
bool Matters(const inotify_event& event) {
  if ((event.mask & (IN_Q_OVERFLOW | IN_ISDIR)) != 0) return true;
  return event.len > 0 && (event.mask & IN_CREATE) == 0 && IsRuleFile(event.name);
}

}  // namespace

source::Result<std::unique_ptr<RuleWatch>> RuleWatch::Open(std::vector<std::string> paths,
                                                           std::function<void()> changed) {
  const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0) return absl::UnavailableError(fmt::format("inotify: {}", std::strerror(errno)));
  return std::unique_ptr<RuleWatch>(new RuleWatch(fd, std::move(paths), std::move(changed)));
}

RuleWatch::RuleWatch(int inotify, std::vector<std::string> paths, std::function<void()> changed)
    : inotify_(inotify), paths_(std::move(paths)), changed_(std::move(changed)) {
  WatchAll();
  thread_ = std::thread([this] { Run(); });
}

RuleWatch::~RuleWatch() {
  stopping_ = true;
  thread_.join();
  close(inotify_);
}

// A folder that is watched already stays so.
void RuleWatch::WatchAll() {
  const auto watch = [this](const fs::path& folder) {
    inotify_add_watch(inotify_, folder.c_str(), kChanges);
  };
  for (const std::string& path : paths_) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      const fs::path parent = fs::path(path).parent_path();
      watch(parent.empty() ? fs::path(".") : parent);
      continue;
    }
    watch(path);
    for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      std::error_code no_folder;
      if (at->is_directory(no_folder)) watch(at->path());
    }
  }
}

void RuleWatch::Run() {
  int quiet_ms = -1;  // since the last change; -1: none
  while (!stopping_) {
    pollfd slot{.fd = inotify_, .events = POLLIN, .revents = 0};
    if (poll(&slot, 1, kPollMs) > 0 && TakeEvents()) {
      quiet_ms = 0;
    } else if (quiet_ms >= 0 && (quiet_ms += kPollMs) >= kQuietMs) {
      quiet_ms = -1;
      WatchAll();
      changed_();
    }
  }
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
  if (!matters) usleep(kPollMs * 1000);  // a busy folder is no reason to spin
  return matters;
}

}  // namespace sluice
