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

SetRefill::SetRefill(Options compile)
    : options_(std::move(compile)), in_force_(std::make_shared<const check::SetMembers>()) {}

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
  auto sources = fills ? std::make_shared<const Sources>(SourcesOf(compilation)) : nullptr;
  auto members = std::make_shared<const check::SetMembers>(compilation.members);
  if (sets_.Take() != *members) sets_.MarkChanged();  // while these were compiled
  next_ns_ = 0;                                       // what the rules before refused passes until then
  const std::lock_guard lock(mutex_);
  active_ = std::move(sources);
  in_force_ = std::move(members);
  failed_ = false;
  if (std::exchange(fault_, {})) told_ = false;
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
  members_ = std::make_shared<const check::SetMembers>(sets_.Take());
  compiled_ = active_;
  busy_ = true;
  ++begun_;
  began_ns_ = now_ns;
  reloader_->Request();
}

void SetRefill::Finish(const Fresh& fresh, int64_t now_ns, const Activate& activate) {
  if (compiled_ != active_) return reloader_->Finish(absl::OkStatus());
  const int64_t begin_ns = SteadyNs();
  source::Status status = activate(*fresh.compilation);
  if (status.ok()) {
    const std::lock_guard lock(mutex_);
    in_force_ = members_;
  }
  reloader_->Finish(std::move(status));
  const int64_t end_ns = now_ns + SteadyNs() - begin_ns;
  next_ns_ = end_ns + std::max(kGapNs, kShare * (end_ns - began_ns_));
}

source::Result<std::unique_ptr<Compilation>> SetRefill::Compile() {
  std::shared_ptr<const Sources> texts;
  std::shared_ptr<const check::SetMembers> members;
  {
    const std::lock_guard lock(mutex_);
    texts = compiled_;
    members = members_;
  }
  Options options = options_;
  options.members = *members;
  return CompileTexts(*texts, options);
}

void SetRefill::Report(const source::Status& status) {
  const std::lock_guard lock(mutex_);
  busy_ = false;
  if (compiled_ != active_) return;
  failed_ = !status.ok();
  if (std::exchange(told_, failed_) || !failed_) return;
  fault_ = status;
}

std::optional<source::Status> SetRefill::TakeFault() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fault_, {});
}

std::shared_ptr<const check::SetMembers> SetRefill::MembersInForce() const {
  const std::lock_guard lock(mutex_);
  return in_force_;
}

}  // namespace sluice
