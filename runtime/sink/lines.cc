#include "runtime/sink/lines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/alert/alert.h"

namespace sluice::sink {
namespace {

// A pipe that polls as writable takes this much without blocking (PIPE_BUF).
constexpr size_t kPieceBytes = 4096;

std::string Line(const std::string& alert, LineForm form) {
  return (form == LineForm::kJson ? alert : alert::ToText(alert, form == LineForm::kColourText)) + "\n";
}

// To who reads at a speed of its own. 0, or an errno: EPIPE when nobody will ever read, ECANCELED.
int WriteAsRead(int fd, std::string_view line, const Cancel& cancel) {
  while (!line.empty()) {
    if (cancel) return ECANCELED;
    pollfd slot{.fd = fd, .events = POLLOUT, .revents = 0};
    if (poll(&slot, 1, kCancelPollMs) <= 0) continue;
    if ((slot.revents & (POLLERR | POLLNVAL)) != 0) return EPIPE;
    const ssize_t written = write(fd, line.data(), std::min(line.size(), kPieceBytes));
    if (written >= 0) {
      line.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

Outcome StdoutLines::Deliver(const Batch& batch, const Cancel& cancel) {
  for (size_t i = 0; i < batch.size(); ++i) {
    const int fault = WriteAsRead(fd_, Line(batch[i], form_), cancel);
    if (fault == EPIPE) return Outcome::Refused("the reader went away", i);
    if (fault != 0) return Outcome::Failed(std::strerror(fault), i);
  }
  return Outcome::Delivered(batch.size());
}

FileLines::~FileLines() {
  if (fd_ >= 0) close(fd_);
}

std::string FileLines::Fault() const { return fmt::format("{}: {}", path_, std::strerror(errno)); }

// A line that an earlier process did not finish is ended, so that it spoils no other; its alert comes again.
bool FileLines::Open() {
  if (reopen_.exchange(false) && fd_ >= 0) close(std::exchange(fd_, -1));
  if (fd_ >= 0) return true;
  fd_ = open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
  if (fd_ < 0) return false;
  struct stat file {};
  char last = '\n';
  if (fstat(fd_, &file) == 0 && S_ISREG(file.st_mode) && file.st_size > 0 &&
      pread(fd_, &last, 1, file.st_size - 1) == 1 && last != '\n') {
    return write(fd_, "\n", 1) == 1;
  }
  return true;
}

// A FIFO or a terminal: its reader may be slow, or hang.
Outcome FileLines::DeliverToReader(const Batch& batch, const Cancel& cancel) {
  for (size_t i = 0; i < batch.size(); ++i) {
    const int fault = WriteAsRead(fd_, Line(batch[i], form_), cancel);
    if (fault == 0) continue;
    close(std::exchange(fd_, -1));
    return Outcome::Failed(fmt::format("{}: {}", path_, std::strerror(fault)), i);
  }
  return Outcome::Delivered(batch.size());
}

Outcome FileLines::Deliver(const Batch& batch, const Cancel& cancel) {
  struct stat file {};
  if (fd_ >= 0 && fstat(fd_, &file) == 0 && file.st_nlink == 0) reopen_ = true;  // it was removed
  if (!Open() || fstat(fd_, &file) != 0) return Outcome::Failed(Fault());
  if (!S_ISREG(file.st_mode)) return DeliverToReader(batch, cancel);
  size_t delivered = 0;
  for (; delivered < batch.size(); ++delivered) {
    const std::string line = Line(batch[delivered], form_);
    ssize_t written = 0;
    do {
      written = write(fd_, line.data(), line.size());
    } while (written < 0 && errno == EINTR);
    if (written == static_cast<ssize_t>(line.size())) {
      file.st_size += written;
      continue;
    }
    if (written >= 0) errno = ENOSPC;
    Outcome outcome = Outcome::Failed(Fault());
    if (ftruncate(fd_, file.st_size) != 0) outcome.reason += "; its last line is torn";
    if (fdatasync(fd_) == 0) outcome.delivered = delivered;
    close(std::exchange(fd_, -1));
    return outcome;
  }
  if (fdatasync(fd_) != 0) return Outcome::Failed(Fault());
  return Outcome::Delivered(batch.size());
}

}  // namespace sluice::sink
