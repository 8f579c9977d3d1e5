#include "runtime/reload.h"

#include <fmt/format.h>

#include "runtime/alert/own.h"

namespace sluice {

source::Status Usable(const Compilation& compilation, bool warnings_are_errors) {
  const auto counted = [](size_t count, const char* noun) {
    return absl::InvalidArgumentError(
        fmt::format("{} {}{} in the rules", count, noun, count == 1 ? "" : "s"));
  };
  const size_t warnings = compilation.diagnostics.warnings();
  if (!compilation.ok()) return counted(compilation.diagnostics.errors(), "error");
  if (warnings_are_errors && warnings > 0) return counted(warnings, "warning");
  if (compilation.user.checked.rules.empty()) {
    return absl::InvalidArgumentError("no rule to run: the files given hold no enabled rule");
  }
  return absl::OkStatus();
}

alert::Alert ReloadFailed(const source::Status& status, const alert::Host& host, int64_t now_boot_ns) {
  alert::Alert alert = alert::Own("reload failed", ast::Priority::kError, "reload", host, now_boot_ns);
  alert.output = fmt::format("the rules from before stay active: {}",
                             std::string_view(status.message().data(), status.message().size()));
  return alert;
}

Reloader::Reloader(Compile compile, Report report, bool warnings_are_errors)
    : compile_(std::move(compile)),
      report_(std::move(report)),
      warnings_are_errors_(warnings_are_errors),
      thread_([this] { Run(); }) {}

Reloader::~Reloader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Reloader::Request() {
  {
    const std::lock_guard lock(mutex_);
    requested_ = true;
  }
  wake_.notify_all();
}

std::optional<Fresh> Reloader::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fresh_, std::nullopt);
}

void Reloader::Finish(source::Status status) {
  {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(status);
  }
  wake_.notify_all();
}

void Reloader::Run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return requested_ || stopping_; });
      if (stopping_) return;
      requested_ = false;
    }
    ReloadOnce();
  }
}

void Reloader::ReloadOnce() {
  source::Result<std::unique_ptr<Compilation>> compiled = compile_();
  if (!compiled.ok()) return report_(compiled.status(), nullptr);
  const std::shared_ptr<Compilation> compilation = std::move(*compiled);
  if (source::Status usable = Usable(*compilation, warnings_are_errors_); !usable.ok()) {
    return report_(usable, compilation.get());
  }

  auto names = std::make_shared<const eval::Names>(eval::Names::Read("/etc"));
  std::unique_lock lock(mutex_);
  outcome_.reset();
  fresh_ = Fresh{.compilation = compilation, .names = std::move(names)};
  wake_.wait(lock, [this] { return outcome_.has_value() || stopping_; });
  if (!outcome_.has_value()) return;
  const source::Status status = *outcome_;
  lock.unlock();
  report_(status, compilation.get());
}

}  // namespace sluice
