// rule_watch.h - says that rule files have changed.
//
// Watches the folders given, those below them, and the folders of the files given. After a change it waits until
// nothing has changed for kQuietMs, so that a copy of many files is one change, and calls back.
//
// Threads: one of its own, on which `changed` is called. Memory: a watch a folder.
// Errors:  Open(): inotify is not to be had. A folder that cannot be watched is left out: SIGHUP still reloads.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "compiler/source/source.h"

namespace sluice {

class RuleWatch {
 public:
  static constexpr int kQuietMs = 500;

  static source::Result<std::unique_ptr<RuleWatch>> Open(std::vector<std::string> paths,
                                                         std::function<void()> changed);
  ~RuleWatch();
  RuleWatch(const RuleWatch&) = delete;
  RuleWatch& operator=(const RuleWatch&) = delete;

 private:
  RuleWatch(int inotify, std::vector<std::string> paths, std::function<void()> changed);
  void WatchAll();
  void Run();
  bool TakeEvents();

  const int inotify_;
  const std::vector<std::string> paths_;
  const std::function<void()> changed_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice
