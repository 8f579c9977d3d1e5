#include "runtime/reload.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "compiler/source/thread.h"
#include "runtime/alert/own.h"
#include "runtime/alert/text.h"

namespace sluice {
namespace {

constexpr size_t kMostShown = 300;  // code points
constexpr size_t kReserveBytes = 32 << 10;

std::string Line(std::string_view text) {
  const std::string line = alert::Printable(text);
  std::string cut = alert::Fitted(line, kMostShown);
  if (cut.size() < line.size()) return cut + "...";
  return line;
}

}  // namespace

std::optional<RuleFault> FirstFault(const Compilation& compilation, bool warnings_are_errors) {
  const diag::Severity wanted = compilation.ok() ? diag::Severity::kWarning : diag::Severity::kError;
  if (compilation.ok() && !warnings_are_errors) return std::nullopt;
  const std::vector<diag::Diagnostic>& all = compilation.diagnostics.all();
  const auto first = std::find_if(all.begin(), all.end(), [wanted](const diag::Diagnostic& one) {
    return diag::RowOf(one.code).severity == wanted;
  });
  if (first == all.end()) return std::nullopt;
  RuleFault fault{.file = {}, .line = 0, .message = Line(first->message)};
  if (const source::Span span = compilation.files.Resolve(first->primary.span); span.valid()) {
    fault.file = Line(compilation.files.name(span.file));
    fault.line = compilation.files.PositionOf(span.file, span.begin).line;
  }
  return fault;
}

source::Status Usable(const Compilation& compilation, bool warnings_are_errors) {
  const auto counted = [&](size_t count, const char* noun) {
    std::string text = fmt::format("{} {}{} in the rules", count, noun, count == 1 ? "" : "s");
    if (const std::optional<RuleFault> fault = FirstFault(compilation, warnings_are_errors)) {
      text += count == 1 ? ": " : ", first ";
      if (!fault->file.empty()) text += fmt::format("{}:{}: ", fault->file, fault->line);
      text += fault->message;
    }
    return absl::InvalidArgumentError(text);
  };
  const size_t warnings = compilation.diagnostics.warnings();
  if (!compilation.ok()) return counted(compilation.diagnostics.errors(), "error");
  if (warnings_are_errors && warnings > 0) return counted(warnings, "warning");
  if (compilation.user.checked.rules.empty()) {
    return absl::InvalidArgumentError("no rule to run: the files given hold no enabled rule");
  }
  return absl::OkStatus();
}

alert::Alert ReloadFailed(const ReloadFailure& failure, const alert::Host& host, int64_t now_boot_ns) {
  alert::Alert alert = alert::Own("reload failed", ast::Priority::kError, "reload", host, now_boot_ns);
  const std::string_view text(failure.status.message().data(), failure.status.message().size());
  alert.output = fmt::format("the rules from before stay active: {}", text);
  if (failure.fault && !failure.fault->file.empty()) {
    alert.fields.push_back(alert::TextField("reload.file", failure.fault->file));
    alert.fields.push_back(alert::NumberField("reload.line", failure.fault->line));
  }
  alert.fields.push_back(
      alert::TextField("reload.error", failure.fault ? failure.fault->message : std::string(text)));
  return alert;
}

Reloader::Reloader(Compile compile, Report report, bool warnings_are_errors)
    : compile_(std::move(compile)),
      report_(std::move(report)),
      warnings_are_errors_(warnings_are_errors),
      no_memory_(absl::ResourceExhaustedError("the host gave the agent no memory to compile the rules")) {}

source::Result<std::unique_ptr<Reloader>> Reloader::Open(Compile compile, Report report,
                                                         bool warnings_are_errors) {
  std::unique_ptr<Reloader> reloader(
      new Reloader(std::move(compile), std::move(report), warnings_are_errors));
  source::Status started = source::StartThread(reloader->thread_, [raw = reloader.get()] { raw->Run(); });
  if (!started.ok()) return started;
  return reloader;
}

Reloader::~Reloader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
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
    Reserve();  // now, too: a thread that first asks for memory when there is none never gets any
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return requested_ || stopping_; });
      if (stopping_) return;
      requested_ = false;
    }
    try {
      ReloadOnce();
    } catch (const std::bad_alloc&) {
      TellNoMemory();
    }
  }
}

void Reloader::Reserve() noexcept {
  try {
    reserve_.resize(kReserveBytes);
  } catch (const std::bad_alloc&) {
  }
}

// What the compilation had taken is free again by now. If not even the report has room, the next one tells.
void Reloader::TellNoMemory() noexcept {
  std::vector<char>().swap(reserve_);
  try {
    report_(no_memory_, nullptr);
  } catch (const std::bad_alloc&) {
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
