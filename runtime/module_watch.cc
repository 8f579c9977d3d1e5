#include "runtime/module_watch.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "compiler/source/thread.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A line begins with the name. Empty: it cannot be read.
std::optional<std::set<std::string>> Listed(const std::string& root) {
  std::ifstream file(root + "/proc/modules");
  if (!file) return std::nullopt;
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);) names.insert(line.substr(0, line.find(' ')));
  if (file.bad()) return std::nullopt;
  return names;
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

ModuleWatch::ModuleWatch(LoadedNs loaded_ns, std::string root)
    : loaded_ns_(std::move(loaded_ns)), root_(std::move(root)) {}

source::Result<std::unique_ptr<ModuleWatch>> ModuleWatch::Open(LoadedNs loaded_ns, std::string root) {
  std::unique_ptr<ModuleWatch> watch(new ModuleWatch(std::move(loaded_ns), std::move(root)));
  source::Status started = source::StartThread(watch->thread_, [raw = watch.get()] { raw->Run(); });
  if (!started.ok()) return started;
  return watch;
}

ModuleWatch::~ModuleWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ModuleWatch::Add(ModuleLoad load) {
  const std::lock_guard lock(mutex_);
  if (loads_.size() >= kMostLoads) {
    ++dropped_;
    return;
  }
  loads_.push_back(std::move(load));
  last_load_ = Clock::now();
  changed_.notify_all();
}

uint64_t ModuleWatch::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::vector<ModuleLoad> ModuleWatch::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(hidden_, {});
}

ModuleWatch::Clock::duration ModuleWatch::Pause() const {
  const Clock::duration age = Clock::now() - last_load_;
  if (age < seconds(1)) return milliseconds(200);
  return age < seconds(60) ? seconds(1) : seconds(10);
}

void ModuleWatch::Run() {
  std::unique_lock lock(mutex_);
  Clock::time_point next = Clock::time_point::max();
  while (!stopping_) {
    if (loads_.empty()) {
      changed_.wait(lock);
      next = Clock::time_point::max();
      continue;
    }
    next = std::min(next, Clock::now() + Pause());  // a further load never puts a look off
    if (changed_.wait_until(lock, next) == std::cv_status::no_timeout) continue;
    lock.unlock();
    Look();
    lock.lock();
    next = Clock::time_point::max();
  }
}

// The lists first: what is freed in between has gone from the kernel's map before it goes from the lists.
void ModuleWatch::Look() {
  std::vector<ModuleLoad> loads;
  {
    const std::lock_guard lock(mutex_);
    loads = std::exchange(loads_, {});
  }
  std::vector<ModuleLoad> kept, found;
  const std::optional<std::set<std::string>> listed = Listed(root_);
  const bool has_folders = Exists(root_ + "/sys/module");
  std::vector<bool> gone(loads.size());
  for (size_t i = 0; listed && i < loads.size(); ++i) {
    gone[i] =
        listed->count(loads[i].name) == 0 || (has_folders && !Exists(root_ + "/sys/module/" + loads[i].name));
  }
  for (size_t i = 0; i < loads.size(); ++i) {
    ModuleLoad& load = loads[i];
    if (loaded_ns_(load.address) != load.loaded_ns) continue;  // freed
    const bool namesake = std::any_of(loads.begin() + static_cast<ptrdiff_t>(i) + 1, loads.end(),
                                      [&](const ModuleLoad& later) { return later.name == load.name; });
    (gone[i] || namesake ? found : kept).push_back(std::move(load));
  }
  const std::lock_guard lock(mutex_);
  std::move(found.begin(), found.end(), std::back_inserter(hidden_));
  kept.insert(kept.end(), std::make_move_iterator(loads_.begin()), std::make_move_iterator(loads_.end()));
  loads_ = std::move(kept);
}

}  // namespace sluice
