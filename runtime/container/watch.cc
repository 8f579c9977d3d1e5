#include "runtime/container/watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "compiler/source/thread.h"

namespace sluice::container {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kFolderPeriod{10};  // a runtime may be installed while we run
constexpr seconds kKeptAfter{60};     // records of its last processes may still wait
constexpr milliseconds kFirstTry{2};
constexpr int kTries = 14;  // doubling: half a minute in all
constexpr uint32_t kChanges = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR;

}  // namespace

Watch::Watch(std::string root)
    : root_(std::move(root)),
      inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

source::Result<std::unique_ptr<Watch>> Watch::Open(std::string root) {
  std::unique_ptr<Watch> watch(new Watch(std::move(root)));
  source::Status started = source::StartThread(watch->thread_, [raw = watch.get()] { raw->Run(); });
  if (!started.ok()) return started;
  return watch;
}

Watch::~Watch() {
  stopping_ = true;
  eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  if (inotify_ >= 0) close(inotify_);
  if (wake_ >= 0) close(wake_);
}

void Watch::Want(std::string_view id) {
  {
    const std::lock_guard lock(mutex_);
    if (wanted_.size() >= kMaxContainers) return;
    wanted_.emplace_back(id);
  }
  eventfd_write(wake_, 1);
}

std::vector<Change> Watch::Take() {
  if (!has_changes_) return {};
  const std::lock_guard lock(mutex_);
  has_changes_ = false;
  return std::exchange(changes_, {});
}

void Watch::Tell(std::string id, std::shared_ptr<const Container> container) {
  const std::lock_guard lock(mutex_);
  changes_.push_back({std::move(id), std::move(container)});
  has_changes_ = true;
}

void Watch::Later(const std::string& id, Clock::duration delay, Due due) {
  if (due_.size() < 2 * kMaxContainers) due_.emplace(Clock::now() + delay, std::pair(id, due));
}

// A folder is there before what is in it, and a container before it has started.
void Watch::Look(const std::string& id, int tries) {
  std::optional<Container> container = Read(root_, id);
  const bool whole = container && container->start_ns != 0;
  if (container && (known_.contains(id) || known_.size() < kMaxContainers)) {
    known_.insert(id);
    Tell(id, std::make_shared<const Container>(*std::move(container)));
  }
  if (!whole && tries < kTries) Later(id, kFirstTry * (1 << tries), {.tries = tries + 1});
}

void Watch::WatchFolders() {
  folders_looked_ = Clock::now();
  for (const std::string& folder : StateFolders(root_)) {
    const int watch = inotify_add_watch(inotify_, folder.c_str(), kChanges);
    if (watch < 0 || !folders_.emplace(watch, folder).second) continue;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
      if (const std::string name = at->path().filename(); IsId(name)) Look(name, kTries);
    }
  }
}

void Watch::TakeEvents() {
  alignas(inotify_event) std::array<char, 16384> bytes{};
  for (ssize_t got = 0; (got = read(inotify_, bytes.data(), bytes.size())) > 0;) {
    for (ssize_t at = 0; at < got;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(bytes.data() + at);
      at += static_cast<ssize_t>(sizeof event + event.len);
      if ((event.mask & IN_IGNORED) != 0) folders_.erase(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) folders_.clear();  // read them all again
      const std::string_view name = event.len > 0 ? event.name : "";
      const bool there = (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      if (IsId(name)) {
        if (there) {
          Look(std::string(name), 0);
        } else {
          Later(std::string(name), kKeptAfter, {.leaving = true});
        }
      }
      if (!IsId(name) || folders_.empty()) folders_looked_ = {};
    }
  }
}

int Watch::WaitMs() const {
  Clock::time_point next = folders_looked_ + kFolderPeriod;
  if (!due_.empty()) next = std::min(next, due_.begin()->first);
  const auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 10'000));
}

void Watch::Run() {
  while (!stopping_) {
    if (Clock::now() - folders_looked_ >= kFolderPeriod) WatchFolders();
    std::array<pollfd, 2> slots = {pollfd{.fd = inotify_, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = wake_, .events = POLLIN, .revents = 0}};
    poll(slots.data(), slots.size(), WaitMs());
    eventfd_t count = 0;
    eventfd_read(wake_, &count);
    TakeEvents();
    std::vector<std::string> wanted;
    {
      const std::lock_guard lock(mutex_);
      wanted.swap(wanted_);
    }
    for (const std::string& id : wanted) Look(id, 0);
    while (!due_.empty() && due_.begin()->first <= Clock::now()) {
      const auto [id, due] = due_.extract(due_.begin()).mapped();
      if (!due.leaving) {
        Look(id, due.tries);
      } else if (!Read(root_, id)) {
        known_.erase(id);
        Tell(id, nullptr);
      }
    }
  }
}

}  // namespace sluice::container
