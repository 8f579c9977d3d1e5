// rule_watch.h - says that rule files have changed.
//
// Watches every folder that decides what the paths given mean: those below a folder given, and every folder on the way to
// a path, where it is named and where links lead. So it sees a file written, linked, renamed, removed or given other
// rights, the target of a link changed, and a folder or a link on the way replaced. After a change it waits until nothing
// has changed for `quiet_ms`, so that a copy of many files is one change, looks anew where the paths lead, and calls back.
//
// What has changed before Open() returns is not told: whoever reads the files after it misses nothing.
// Not seen: a mount over a folder on the way, a file that another host writes (NFS): Reopen() is for these.
//
// Threads: one of its own, on which what it calls back is called; Reopen() from any. Memory: a watch a folder.
// Errors:  Open(): inotify, or a watch of it, is not to be had. When watches run out later, `failed` is told what to do
//          about it, once until there are enough again. A folder that cannot be read is left out.
#pragma once

#include <sys/inotify.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "compiler/source/source.h"

namespace sluice {

class RuleWatch {
 public:
  struct Times {
    int quiet_ms, poll_ms;
  };

  static source::Result<std::unique_ptr<RuleWatch>> Open(std::vector<std::string> paths,
                                                         std::function<void()> changed,
                                                         std::function<void(const std::string&)> failed,
                                                         Times times = {.quiet_ms = 500, .poll_ms = 100});
  ~RuleWatch();
  RuleWatch(const RuleWatch&) = delete;
  RuleWatch& operator=(const RuleWatch&) = delete;

  void Reopen();  // looks anew where the paths lead, then calls back, within `poll_ms`. Async-signal-safe

 private:
  struct Watched {
    std::filesystem::path path;
    std::set<std::string> names;  // what matters in this folder
    bool rules = false;           // so do rule files and folders
  };

  RuleWatch(int inotify, std::vector<std::string> paths, std::function<void()> changed,
            std::function<void(const std::string&)> failed, Times times);
  void WatchAll();
  void TellFault();
  Watched* Watch(const std::filesystem::path& path, uint32_t events);
  void FollowPath(const std::filesystem::path& path);
  void WatchBelow(const std::filesystem::path& folder, std::set<std::filesystem::path>& seen);
  bool Matters(const inotify_event& event) const;
  bool TakeEvents();
  void Run();

  const int inotify_;
  const std::vector<std::string> paths_;
  const std::function<void()> changed_;
  const std::function<void(const std::string&)> failed_;
  const Times times_;
  std::map<int, Watched> watched_;  // by watch descriptor
  int fault_ = 0;  // errno of a watch that the kernel had no room for, the last time all were set
  bool told_fault_ = false;
  std::atomic<bool> reopen_ = false, stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice
