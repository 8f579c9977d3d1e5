#include "runtime/set_refill.h"

#include <algorithm>
#include <chrono>

namespace sluice {
namespace {

constexpr int64_t kShare = 4;  // so many times as long as a compilation took, there is none

int64_t SteadyNs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace

SetRefill::SetRefill(Options compile) : options_(std::move(compile)) {}

source::Status SetRefill::Start() {
  source::Result<std::unique_ptr<Reloader>> opened =
      Reloader::Open([this] { return Compile(); },
                     [this](const source::Status& status, const Compilation*) { Report(status); });
  if (!opened.ok()) return opened.status();
  reloader_ = std::move(*opened);
  return absl::OkStatus();
}

void SetRefill::Stop() { reloader_.reset(); }

void SetRefill::Active(const Compilation& compilation) {
  const auto& rules = compilation.user.checked.rules;
  const bool fills = std::any_of(rules.begin(), rules.end(), [](const check::CheckedRule& rule) {
    return static_cast<bool>(rule.then_field);
  });
  active_ = fills ? std::make_shared<const Sources>(SourcesOf(compilation)) : nullptr;
  sets_.MarkChanged();  // what was added while these were compiled
}

void SetRefill::Look(int64_t now_ns, const Activate& activate) {
  sets_.Expire(static_cast<uint64_t>(now_ns));
  if (const std::optional<Fresh> fresh = reloader_->Take()) Finish(*fresh, now_ns, activate);
  const std::lock_guard lock(mutex_);
  if (std::exchange(failed_, false)) {
    sets_.MarkChanged();
    next_ns_ = now_ns + kRetryNs;
  }
  if (!sets_.changed() || active_ == nullptr || busy_ || now_ns < next_ns_) return;
  members_ = sets_.Take();
  compiled_ = active_;
  busy_ = true;
  began_ns_ = now_ns;
  reloader_->Request();
}

void SetRefill::Finish(const Fresh& fresh, int64_t now_ns, const Activate& activate) {
  bool current = false;
  {
    const std::lock_guard lock(mutex_);
    current = compiled_ == active_;
  }
  const int64_t begin_ns = SteadyNs();
  reloader_->Finish(current ? activate(*fresh.compilation) : absl::OkStatus());
  const int64_t end_ns = now_ns + SteadyNs() - begin_ns;
  next_ns_ = end_ns + std::max(kGapNs, kShare * (end_ns - began_ns_));
}

source::Result<std::unique_ptr<Compilation>> SetRefill::Compile() {
  Options options = options_;
  std::shared_ptr<const Sources> texts;
  {
    const std::lock_guard lock(mutex_);
    options.members = members_;
    texts = compiled_;
  }
  return CompileTexts(*texts, options);
}

void SetRefill::Report(const source::Status& status) {
  const std::lock_guard lock(mutex_);
  busy_ = false;
  failed_ = !status.ok();
  if (std::exchange(told_, failed_) || !failed_) return;
  fault_ = status;
}

std::optional<source::Status> SetRefill::TakeFault() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fault_, {});
}

check::SetMembers SetRefill::CompiledMembers() const {
  const std::lock_guard lock(mutex_);
  return members_;
}

}  // namespace sluice
