// container/watch.h - keeps track of the containers of this host.
//
// Reads those that are there, and each new one as soon as its runtime has written its state, which is before its first
// process runs. One that events name and that is not known is looked for.
//
// Threads: one of its own reads; Want() and Take() never wait for it. Memory: kMaxContainers.
// Errors:  Open(), as source/thread.h. Without inotify containers are found when events name them.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "compiler/source/source.h"
#include "runtime/container/container.h"

namespace sluice::container {

struct Change {
  std::string id;
  std::shared_ptr<const Container> container;  // null: gone
};

class Watch {
 public:
  static constexpr size_t kMaxContainers = 10000;

  static source::Result<std::unique_ptr<Watch>> Open(std::string root = "");
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // REQUIRES: IsId(id).
  void Want(std::string_view id);
  // What has become known since the last call, oldest first.
  std::vector<Change> Take();

 private:
  using Clock = std::chrono::steady_clock;
  struct Due {
    int tries = 0;
    bool leaving = false;
  };

  explicit Watch(std::string root);
  void Run();
  void WatchFolders();
  void TakeEvents();
  void Look(const std::string& id, int tries);
  void Later(const std::string& id, Clock::duration delay, Due due);
  void Tell(std::string id, std::shared_ptr<const Container> container);
  int WaitMs() const;

  const std::string root_;
  const int inotify_, wake_;
  std::map<int, std::string> folders_;  // by watch descriptor
  std::multimap<Clock::time_point, std::pair<std::string, Due>> due_;
  std::set<std::string> known_;
  Clock::time_point folders_looked_{};

  std::mutex mutex_;
  std::vector<std::string> wanted_;
  std::vector<Change> changes_;
  std::atomic<bool> has_changes_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice::container
