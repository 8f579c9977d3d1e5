// reload.h - compiles the rule files again while the engine goes on.
//
// A thread of its own reads, compiles and reports, so that neither disk nor terminal ever holds up the
// engine. The engine takes what was compiled, swaps it in and says how that went. Requests that arrive
// meanwhile become one.
//
// Threads: Request(), Take() and Finish() on the engine thread; `compile` and `report` run on the reloader's.
// Errors:  Open(), as source/thread.h; a failed compilation or swap is reported and changes nothing; so is one that gets
//          no memory: kResourceExhausted.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "compiler/compile.h"
#include "runtime/alert/alert.h"
#include "runtime/eval/extract.h"

namespace sluice {

// A rule set, ready to be swapped in. The compilation is never null; it has no error and at least one rule.
struct Fresh {
  std::shared_ptr<Compilation> compilation;
  std::shared_ptr<const eval::Names> names;
};

class Reloader {
 public:
  using Compile = std::function<source::Result<std::unique_ptr<Compilation>>()>;
  using Report = std::function<void(const source::Status&, const Compilation*)>;

  static source::Result<std::unique_ptr<Reloader>> Open(Compile compile, Report report,
                                                        bool warnings_are_errors = false);
  ~Reloader();  // waits for a compilation under way
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  void Request();
  // What was compiled since; the engine then owes one Finish(). Never waits for the compilation.
  std::optional<Fresh> Take();
  void Finish(source::Status status);

 private:
  Reloader(Compile compile, Report report, bool warnings_are_errors);
  void Run();
  void ReloadOnce();
  void Reserve() noexcept;
  void TellNoMemory() noexcept;

  const Compile compile_;
  const Report report_;
  const bool warnings_are_errors_;
  const source::Status no_memory_;  // made beforehand, as is room to tell it
  std::vector<char> reserve_;       // the thread's
  std::mutex mutex_;
  std::condition_variable wake_;
  bool requested_ = false, stopping_ = false;
  std::optional<Fresh> fresh_;
  std::optional<source::Status> outcome_;
  std::thread thread_;
};

// The first fault that keeps a compilation from becoming the active rule set, in texts of one line that are cut when long.
struct RuleFault {
  std::string file;  // empty: about the whole
  uint32_t line = 0;
  std::string message;
};
std::optional<RuleFault> FirstFault(const Compilation& compilation, bool warnings_are_errors = false);

struct ReloadFailure {
  source::Status status;
  std::optional<RuleFault> fault;
};
// The agent's own alert "Sluice internal: reload failed".
alert::Alert ReloadFailed(const ReloadFailure& failure, const alert::Host& host, int64_t now_boot_ns);

// Why a compilation cannot become the active rule set: it has errors, of which the first is named, or no rule.
source::Status Usable(const Compilation& compilation, bool warnings_are_errors = false);

}  // namespace sluice
