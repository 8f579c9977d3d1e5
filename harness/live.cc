#include "harness/live.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <future>
#include <mutex>
#include <thread>

#include "compiler/source/thread.h"
#include "harness/alert_check.h"
#include "harness/trigger_shell.h"
#include "runtime/alert/text.h"
#include "runtime/engine.h"
#include "runtime/load/lsm_hooks.h"

namespace sluice::harness {
namespace {

using alert::Alert;
using ast::Expected;
using diag::Code;
using diag::Diagnostic;

constexpr auto kTick = std::chrono::milliseconds(2);

int64_t BootNs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

bool IsOf(const Alert& alert, pid_t shell) {
  const auto pid = static_cast<uint32_t>(shell);
  return alert.pid == pid ||
         std::any_of(alert.ancestors.begin(), alert.ancestors.end(),
                     [pid](const alert::Ancestor& ancestor) { return ancestor.pid == pid; });
}

// A running engine and the alerts that it has raised since they were last taken.
class LiveEngine {
 public:
  ~LiveEngine() { Stop().IgnoreError(); }

  source::Status Start(std::unique_ptr<Compilation> rules) {
    EngineOptions options;
    options.throttled = false;
    engine_ = std::make_unique<Engine>(options, [this](const Alert& alert) {
      const std::lock_guard lock(mutex_);
      alerts_.push_back(alert);
    });
    auto ready = std::make_shared<std::promise<void>>();
    std::future<void> is_ready = ready->get_future();
    auto compiled = std::make_shared<std::unique_ptr<Compilation>>(std::move(rules));
    source::Status started = source::StartThread(thread_, [this, ready, compiled] {
      status_ = engine_->Run(
          std::move(*compiled), [&ready] { ready->set_value(); },
          [](const source::Status&, const Compilation*) {});
      ended_ = true;
    });
    if (!started.ok()) return started;
    while (!ended_) {
      if (is_ready.wait_for(kTick) == std::future_status::ready) return absl::OkStatus();
    }
    return Stop();
  }

  // Waits until the alerts of all that has happened so far are there, and takes them.
  source::Result<std::vector<Alert>> Take() {
    const int64_t now_ns = BootNs();
    while (engine_->JudgedUntilNs() < now_ns) {
      if (ended_) return status_.ok() ? absl::InternalError("the engine ended") : status_;
      std::this_thread::sleep_for(kTick);
    }
    const std::lock_guard lock(mutex_);
    return std::exchange(alerts_, {});
  }

  source::Status Stop() {
    if (engine_ == nullptr || !thread_.joinable()) return status_;
    engine_->Stop();
    thread_.join();
    return status_;
  }

  // REQUIRES: stopped.
  uint64_t Lost() const {
    const EngineSnapshot snapshot = engine_->Snapshot();
    uint64_t lost = snapshot.stats.tree_records_lost;
    for (const load::HookCounters& hook : snapshot.hooks) lost += hook.stats.lost;
    return lost;
  }

 private:
  std::unique_ptr<Engine> engine_;
  std::thread thread_;
  std::mutex mutex_;
  std::vector<Alert> alerts_;
  std::atomic<bool> ended_ = false;
  source::Status status_;  // once `ended_`
};

// One test's alerts against what it expects.
class LiveCheck {
 public:
  LiveCheck(const Suite& suite, const Case& test, const std::vector<Alert>& alerts, const TriggerEnd& end,
            Result& result)
      : suite_(suite), test_(test), alerts_(alerts), end_(end), result_(result) {}

  void Check() {
    if (end_.timed_out) {
      Fail(test_.test->trigger->span, "The trigger did not end in time").others.clear();
    } else if (!end_.succeeded() && !MayBeRefused()) {
      Fail(test_.test->trigger->span, fmt::format("The trigger failed: {}", end_.Told())).others.clear();
    }
    AlertCheck(
        test_, alerts_, "when the trigger runs", test_.events.empty() && !test_.test->capture,
        [this](const ast::Expectation& expectation, std::optional<check::RuleId> rule, const Alert* alert,
               std::string message) { Tell(expectation, rule, alert, std::move(message)); })
        .Check();
  }

 private:
  void Tell(const ast::Expectation& expectation, std::optional<check::RuleId> rule, const Alert* alert,
            std::string message) {
    if (const std::string hook = rule && alert == nullptr ? MissingHookOf(*rule) : ""; !hook.empty()) {
      result_.skipped =
          fmt::format("this kernel has no hook {}, which `{}` needs", hook, expectation.rule.text);
      return;
    }
    Fail(expectation.span, std::move(message));
  }

  // A trigger that fails for another reason shows nothing, of a rule that must stay silent above all.
  bool MayBeRefused() const {
    return std::any_of(test_.test->expectations.begin(), test_.test->expectations.end(),
                       [](const auto& expectation) {
                         return expectation.what == Expected::kDeny || expectation.what == Expected::kKill ||
                                expectation.what == Expected::kUndecided;
                       });
  }

  std::string MissingHookOf(check::RuleId rule) const {
    const check::HookMask missing = load::MissingHooks();
    for (const split::HookPartition& hook : suite_.live->partition.hooks) {
      if ((missing >> hook.hook & 1) == 0) continue;
      for (const auto& [id, condition] : hook.whole) {
        if (id == rule) return std::string(check::FindHook(hook.hook)->name);
      }
    }
    return "";
  }

  Diagnostic& Fail(source::Span where, std::string message) {
    Diagnostic& failure = result_.Fail(Code::E504, where, std::move(message));
    failure.primary.text = "expected";
    failure.others.push_back({test_.test->trigger->span, end_.Told()});
    if (!end_.output.empty()) failure.note = "the trigger wrote" + Lines(end_.output) + "\n";
    failure.note += alerts_.empty() ? "no rule fired for it" : "what fired for it";
    for (const Alert& alert : alerts_)
      failure.note +=
          fmt::format("\n  {} \"{}\": {}", alert::DecisionName(alert.decision), alert.rule, alert.output);
    return failure;
  }

  static std::string Lines(const std::string& text) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      out += "\n  " + alert::Printable(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }

  const Suite& suite_;
  const Case& test_;
  const std::vector<Alert>& alerts_;
  const TriggerEnd& end_;
  Result& result_;
};

source::Result<Result> RunOne(const Suite& suite, size_t index, LiveEngine& engine,
                              const LiveOptions& options, const std::atomic<bool>& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const Case& test = suite.cases[index];
  Result result;
  result.index = index;
  source::Result<std::unique_ptr<TriggerShell>> shell = TriggerShell::Start(options.limit, stop);
  if (!shell.ok()) return shell.status();
  const pid_t pid = (*shell)->pid();
  if (auto before = engine.Take(); !before.ok()) return before.status();
  const TriggerEnd end = (*shell)->Run(test.test->trigger->text);
  source::Result<std::vector<Alert>> alerts = engine.Take();
  if (!alerts.ok()) return alerts.status();
  alerts->erase(
      std::remove_if(alerts->begin(), alerts->end(), [pid](const Alert& alert) { return !IsOf(alert, pid); }),
      alerts->end());
  if (end.SkipsItself()) {
    result.skipped = "its trigger says so: " + alert::Printable(end.output.substr(0, end.output.find('\n')));
  } else {
    LiveCheck(suite, test, *alerts, end, result).Check();
    if (!result.failures.empty()) result.skipped.clear();
  }
  result.time_ns =
      static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count());
  return result;
}

}  // namespace

source::Result<LiveRun> RunLive(const Suite& suite, std::unique_ptr<Compilation> rules,
                                const std::vector<size_t>& order, const LiveOptions& options) {
  static const std::atomic<bool> kNever = false;
  const std::atomic<bool>& stop = options.stop != nullptr ? *options.stop : kNever;
  LiveEngine engine;
  if (source::Status started = engine.Start(std::move(rules)); !started.ok()) return started;
  LiveRun run;
  for (const size_t index : order) {
    if (stop) break;
    if (!suite.cases[index].test->trigger) continue;
    source::Result<Result> result = RunOne(suite, index, engine, options, stop);
    if (!result.ok()) return result.status();
    run.results.push_back(std::move(*result));
  }
  if (source::Status stopped = engine.Stop(); !stopped.ok()) return stopped;
  run.lost = engine.Lost();
  return run;
}

}  // namespace sluice::harness
