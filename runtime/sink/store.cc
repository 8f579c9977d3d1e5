#include "runtime/sink/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/alert/text.h"
#include "runtime/sink/patience.h"

namespace sluice::sink {
namespace {

constexpr size_t kBatchBytes = 4u << 20;
constexpr std::string_view kSpoiled = "the disk did not keep it";

std::string Text(const source::Status& status) { return {status.message().data(), status.message().size()}; }

// A line of the dead-letter file. The alert is JSON already.
std::string DeadLetterLine(const std::string& name, const std::string& alert, std::string_view reason) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  const nlohmann::json why = alert::ValidUtf8(reason);
  return fmt::format("{{\"time\":\"{}\",\"output\":\"{}\",\"reason\":{},\"alert\":{}}}\n",
                     alert::Rfc3339(static_cast<uint64_t>(unix_ns)), name,
                     why.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), alert);
}

}  // namespace

Store::Store(std::string name, std::string folder, const config::Spool& limits, size_t most_in_memory)
    : name_(std::move(name)), folder_(std::move(folder)), limits_(limits), most_in_memory_(most_in_memory) {
  if (!folder_.empty()) OpenSpool();
}

bool Store::OpenSpool() {
  tried_ = std::chrono::steady_clock::now();
  source::Result<std::unique_ptr<Spool>> opened = Spool::Open(folder_, limits_.max_bytes);
  if (!opened.ok()) {
    fault_ =
        fmt::format("its spool cannot be used, and alerts wait in memory only: {}", Text(opened.status()));
    return false;
  }
  spool_ = std::move(*opened);
  has_spool_ = true;
  counts_.recovered = spool_->waiting() + spool_->missing();
  if (spool_->missing() > 0) Lost(spool_->missing(), kSpoiled);
  Counted();
  return true;
}

// Behind what waits in memory already, so that the order stays.
void Store::Append(std::string alert) {
  const std::lock_guard lock(mutex_);
  if (!memory_.empty() || !ToDisk(alert)) ToMemory(std::move(alert));
  Counted();
}

// False when the disk refuses for now; at the spool's bound the alert is dealt with.
bool Store::ToDisk(const std::string& alert) {
  if (spool_ == nullptr) return false;
  const source::Status status = spool_->Append(alert);
  if (status.ok()) return true;
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    Overflow(alert, Text(status));
    return true;
  }
  fault_ = "its spool cannot be written: " + Text(status);
  return false;
}

void Store::ToMemory(std::string alert) {
  if (memory_.size() < most_in_memory_) {
    memory_.push_back(std::move(alert));
  } else {
    Overflow(alert, folder_.empty()     ? "the queue in memory is full"
                    : spool_ == nullptr ? "its spool cannot be used and memory is full"
                                        : "the disk refuses and memory is full");
  }
}

source::Result<Batch> Store::Next(size_t most) {
  const std::lock_guard lock(mutex_);
  Batch batch;
  if (spool_ != nullptr) {
    source::Result<std::vector<std::string>> read = spool_->Read(most, kBatchBytes);
    Counted();
    if (!read.ok()) return absl::UnavailableError("its spool cannot be read: " + Text(read.status()));
    batch = std::move(*read);
  }
  memory_handed_out_ = batch.empty() && (spool_ == nullptr || spool_->waiting() == 0);
  if (!memory_handed_out_) return batch;
  size_t bytes = 0;
  for (const std::string& alert : memory_) {
    bytes += alert.size();
    if (batch.size() == most || (!batch.empty() && bytes > kBatchBytes)) break;
    batch.push_back(alert);
  }
  return batch;
}

void Store::Done(size_t delivered) {
  const std::lock_guard lock(mutex_);
  if (memory_handed_out_) {
    memory_.erase(memory_.begin(), memory_.begin() + static_cast<std::ptrdiff_t>(delivered));
  } else if (spool_ != nullptr) {
    spool_->Acknowledge(delivered);
  }
  memory_handed_out_ = false;
  Counted();
}

bool Store::Refused(const std::string& alert, std::string_view reason) {
  bool kept = false;
  {
    const std::lock_guard lock(mutex_);
    kept = DeadLetter(alert, reason);
  }
  Done(1);
  return kept;
}

void Store::Tend() {
  const std::lock_guard lock(mutex_);
  if (folder_.empty()) return;
  const bool due = spool_ == nullptr && std::chrono::steady_clock::now() >= tried_ + kTryAgain;
  if (due && !OpenSpool()) return;
  if (spool_ == nullptr) return;
  while (!memory_.empty() && !memory_handed_out_ && ToDisk(memory_.front())) memory_.pop_front();
  Counted();
  spool_->Sync();
}

void Store::Close() {
  if (const std::lock_guard lock(mutex_); spool_ == nullptr && !folder_.empty()) OpenSpool();
  Tend();
  const std::lock_guard lock(mutex_);
  for (const std::string& alert : memory_) Overflow(alert, "it was not delivered before the end");
  memory_.clear();
  Counted();
}

void Store::Lost(uint64_t alerts, std::string_view reason) {
  counts_.lost += alerts, losses_.lost += alerts;
  losses_.reason = reason;
}

void Store::Overflow(const std::string& alert, std::string_view reason) {
  ++(DeadLetter(alert, reason) ? losses_.dead_lettered : losses_.lost);
  losses_.reason = reason;
}

bool Store::DeadLetter(const std::string& alert, std::string_view reason) {
  const bool kept = WriteDeadLetter(alert, reason);
  ++(kept ? counts_.dead_lettered : counts_.lost);
  return kept;
}

// A whole line or nothing.
bool Store::WriteDeadLetter(const std::string& alert, std::string_view reason) {
  if (folder_.empty()) return false;
  const std::string path = folder_ + "/dead-letter.jsonl";
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    fault_ = fmt::format("its dead-letter file cannot be written: {}: {}", path, std::strerror(errno));
    return false;
  }
  const std::string line = DeadLetterLine(name_, alert, reason);
  flock(fd, LOCK_EX);  // whoever has the spool writes here, too
  struct stat file {};
  bool written =
      fstat(fd, &file) == 0 && static_cast<uint64_t>(file.st_size) + line.size() <= limits_.dead_letter_bytes;
  if (!written) fault_ = fmt::format("its dead-letter file is as large as it may become: {}", path);
  if (written && write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    fault_ = fmt::format("its dead-letter file cannot be written: {}: {}", path, std::strerror(errno));
    written = false;
    if (ftruncate(fd, file.st_size) != 0) fault_ += "; its last line is torn";
  }
  close(fd);
  return written;
}

void Store::Counted() {
  waiting_ = memory_.size() + (spool_ != nullptr ? spool_->waiting() : 0);
  if (spool_ == nullptr) return;
  const uint64_t spoiled = spool_->damaged() - damaged_;  // they no longer wait
  if (spoiled > 0) Lost(spoiled, kSpoiled);
  damaged_ = spool_->damaged();
}

std::optional<StoreCounts> Store::counts(std::chrono::milliseconds patience) const {
  const std::unique_lock<std::mutex> lock = LockWithin(mutex_, patience);
  if (!lock.owns_lock()) return std::nullopt;
  StoreCounts counts = counts_;
  counts.waiting = waiting_;
  counts.spool_bytes = spool_ != nullptr ? spool_->bytes() : 0;
  return counts;
}

std::string Store::TakeFault() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fault_, {});
}

Losses Store::TakeLosses() {
  const std::lock_guard lock(mutex_);
  return std::exchange(losses_, {});
}

}  // namespace sluice::sink
