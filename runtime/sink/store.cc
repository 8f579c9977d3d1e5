#include "runtime/sink/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "runtime/alert/text.h"

namespace sluice::sink {
namespace {

constexpr size_t kBatchBytes = 4u << 20;

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
    : name_(std::move(name)), folder_(std::move(folder)), limits_(limits), most_in_memory_(most_in_memory) {}

source::Result<std::unique_ptr<Store>> Store::Open(const std::string& name, const std::string& folder,
                                                   const config::Spool& spool, size_t most_in_memory) {
  std::unique_ptr<Store> store(new Store(name, folder, spool, most_in_memory));
  if (folder.empty()) return store;
  source::Result<std::unique_ptr<Spool>> opened = Spool::Open(folder, spool.max_bytes);
  if (!opened.ok()) return opened.status();
  store->spool_ = std::move(*opened);
  store->counts_.recovered = store->spool_->waiting() + store->spool_->missing();
  store->counts_.lost = store->spool_->missing();
  store->Counted();
  return store;
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
    DeadLetter(alert, Text(status));
    return true;
  }
  fault_ = Text(status);
  return false;
}

void Store::ToMemory(std::string alert) {
  if (memory_.size() < most_in_memory_) {
    memory_.push_back(std::move(alert));
  } else if (spool_ != nullptr) {
    DeadLetter(alert, "the disk refuses and memory is full");
  } else {
    ++counts_.lost;
  }
}

Batch Store::Next(size_t most) {
  const std::lock_guard lock(mutex_);
  Batch batch;
  if (spool_ != nullptr) batch = spool_->Read(most, kBatchBytes);
  Counted();
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
  if (spool_ == nullptr) return;
  while (!memory_.empty() && !memory_handed_out_ && ToDisk(memory_.front())) memory_.pop_front();
  Counted();
  spool_->Sync();
}

void Store::Close() {
  Tend();
  const std::lock_guard lock(mutex_);
  for (const std::string& alert : memory_) DeadLetter(alert, "not delivered before the end");
  memory_.clear();
  Counted();
}

bool Store::DeadLetter(const std::string& alert, std::string_view reason) {
  const bool kept = WriteDeadLetter(alert, reason);
  ++(kept ? counts_.dead_lettered : counts_.lost);
  return kept;
}

// A whole line or nothing.
bool Store::WriteDeadLetter(const std::string& alert, std::string_view reason) {
  if (spool_ == nullptr) return false;
  const std::string path = folder_ + "/dead-letter.jsonl";
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    fault_ = fmt::format("{}: {}", path, std::strerror(errno));
    return false;
  }
  const std::string line = DeadLetterLine(name_, alert, reason);
  struct stat file {};
  bool written =
      fstat(fd, &file) == 0 && static_cast<uint64_t>(file.st_size) + line.size() <= limits_.dead_letter_bytes;
  if (!written) fault_ = path + ": is as large as it may become";
  if (written && write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    fault_ = fmt::format("{}: {}", path, std::strerror(errno));
    written = false;
    if (ftruncate(fd, file.st_size) != 0) fault_ += "; its last line is torn";
  }
  close(fd);
  return written;
}

void Store::Counted() {
  waiting_ = memory_.size() + (spool_ != nullptr ? spool_->waiting() : 0);
  if (spool_ == nullptr) return;
  counts_.lost += spool_->damaged() - damaged_;  // a record that the disk spoiled no longer waits
  damaged_ = spool_->damaged();
}

std::optional<StoreCounts> Store::counts(std::chrono::milliseconds patience) const {
  const std::unique_lock lock(mutex_, patience);
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

}  // namespace sluice::sink
