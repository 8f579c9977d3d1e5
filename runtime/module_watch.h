// module_watch.h - modules that were loaded and then hid.
//
// A module that is loaded is in /proc/modules and, as a folder, in /sys/module until it is unloaded; what hides itself goes
// from there and stays in the kernel. So each load that a rule asks about is kept here, and looked for again: five times in the
// first second after a load, each second for a minute, then every ten seconds, as long as the kernel has not freed the
// module. A second module of a name whose first one was never freed says as much.
//
// Threads: one of its own looks; Add() and Take() never wait for it. Memory: kMostLoads loads, a record each; further ones are counted.
// Errors:  Open(), as source/thread.h. While /proc/modules cannot be read nothing is hidden. What the kernel itself was made to forget (the tracepoints
//          or maps of the agent changed by the module) is not found.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/lineage/tree.h"

namespace sluice {

struct ModuleLoad {
  std::string name;
  uint64_t address = 0, loaded_ns = 0;  // as Kernel::ModuleLoadedNs() has them
  std::string record;                   // the kernel's, whole
  std::shared_ptr<const lineage::Link> process;
};

class ModuleWatch {
 public:
  static constexpr size_t kMostLoads = 4096;
  using LoadedNs = std::function<uint64_t(uint64_t address)>;

  // `loaded_ns` is asked on the watch's thread. `root`: whose proc/ and sys/ are read.
  static source::Result<std::unique_ptr<ModuleWatch>> Open(LoadedNs loaded_ns, std::string root = "");
  ~ModuleWatch();
  ModuleWatch(const ModuleWatch&) = delete;
  ModuleWatch& operator=(const ModuleWatch&) = delete;

  void Add(ModuleLoad load);
  // Those that have hidden since the last call; each once.
  std::vector<ModuleLoad> Take();
  uint64_t dropped() const;  // loads for which there was no room: nobody looks for these

  // Looks now. For tests.
  void Look();

 private:
  using Clock = std::chrono::steady_clock;
  ModuleWatch(LoadedNs loaded_ns, std::string root);
  void Run();
  Clock::duration Pause() const;

  const LoadedNs loaded_ns_;
  const std::string root_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ModuleLoad> loads_, hidden_;
  uint64_t dropped_ = 0;
  Clock::time_point last_load_{};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sluice
