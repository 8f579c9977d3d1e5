#include "runtime/sink/line_sink.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

namespace sluice::sink {
namespace {

// A pipe that polls as writable takes this much without blocking (PIPE_BUF).
constexpr size_t kPieceBytes = 4096;
constexpr int kPollMs = 100;

// A reader that goes away is an error of write(), not the end of the program. Blocked here only, where it is
// raised.
void BlockSigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

LineSink::LineSink(int fd, Format format, size_t max_waiting)
    : fd_(fd), format_(format), max_waiting_(max_waiting), writer_([this] { Run(); }) {}

LineSink::~LineSink() { Close(); }

void LineSink::Push(const alert::Alert& alert) {
  {
    const std::lock_guard lock(mutex_);
    ++stats_.raised;
    if (closing_ || waiting_.size() >= max_waiting_) {
      ++stats_.lost;
      return;
    }
    waiting_.push_back(alert);
  }
  wake_.notify_one();
}

LineStats LineSink::Close(int patience_ms) {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    patience_ms_ = patience_ms;
  }
  wake_.notify_one();
  if (writer_.joinable()) writer_.join();
  return stats_;
}

void LineSink::Run() {
  BlockSigpipe();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const alert::Alert alert = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const std::string line = format_ == Format::kJson ? alert::ToJson(alert)
                                                      : alert::ToText(alert, format_ == Format::kColourText);
    const bool written = Write(line + "\n");
    lock.lock();
    ++(written ? stats_.delivered : stats_.lost);
  }
}

bool LineSink::Write(std::string_view line) {
  while (!broken_ && !line.empty()) {
    if (!WaitWritable()) break;
    const ssize_t written = write(fd_, line.data(), std::min(line.size(), kPieceBytes));
    if (written >= 0) {
      line.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      broken_ = true;
    }
  }
  return line.empty();
}

// False once the reader is gone, or takes nothing although everyone waits for the end.
bool LineSink::WaitWritable() {
  int waited_ms = 0;
  while (true) {
    pollfd slot{.fd = fd_, .events = POLLOUT, .revents = 0};
    const int ready = poll(&slot, 1, kPollMs);
    if (ready > 0) {
      broken_ = (slot.revents & (POLLERR | POLLNVAL)) != 0;
      return !broken_;
    }
    const std::lock_guard lock(mutex_);
    waited_ms = closing_ ? waited_ms + kPollMs : 0;
    if (closing_ && waited_ms >= patience_ms_) broken_ = true;
    if (broken_) return false;
  }
}

}  // namespace sluice::sink
