#include "runtime/sink/syslog.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/sink/lookup.h"
#include "runtime/sink/stream.h"
#include "runtime/sink/syslog_message.h"

namespace sluice::sink {
namespace {

using config::Syslog;

constexpr int kDatagramWaitMs = 1000;
constexpr int kRefusalWaitMs = 20;  // for the ICMP message that nobody listens
constexpr int64_t kLookupWaitNs = 10 * config::kSecondNs;
constexpr int kReadWaitMs = 5000;   // a local receiver reads what it has got, or it hangs
constexpr size_t kReadEvery = 100;  // messages, after which a local receiver has to have read them

std::string Text(const source::Status& status) { return {status.message().data(), status.message().size()}; }

class StreamSyslog final : public Destination {
 public:
  StreamSyslog(const Syslog& options, bool text) : options_(options), text_(text) {}

  Outcome Deliver(const Batch& batch, const Cancel& cancel) override {
    const source::Status status = Send(batch, cancel);
    if (status.ok()) return Outcome::Delivered(batch.size());
    stream_.Close();
    return Outcome::Failed(fmt::format("{}: {}", options_.address, Text(status)));
  }

 private:
  source::Status Send(const Batch& batch, const Cancel& cancel) {
    if (stream_.open() && stream_.ClosedByPeer()) stream_.Close();
    source::Status status;
    if (!stream_.open()) {
      const bool tls = options_.transport == Syslog::Transport::kTls;
      status = stream_.Connect(options_.address, tls ? &options_.tls : nullptr, options_.timeout_ns, cancel);
    }
    std::string bytes;
    for (const std::string& alert : batch) {
      bytes += Framed(SyslogMessage(options_, text_, alert, getpid()), options_.framing);
    }
    if (status.ok()) status = stream_.Send(bytes, options_.timeout_ns, cancel);
    if (status.ok()) status = stream_.Settle(options_.settle_ns, options_.timeout_ns, cancel);
    return status;
  }

  const Syslog options_;
  const bool text_;
  Stream stream_;
};

// Which socket lies at a path. A receiver that is started again makes a new one; one that systemd holds stays.
struct SocketFile {
  dev_t device = 0;
  ino_t inode = 0;
  int64_t changed_s = 0, changed_ns = 0;
  bool operator==(const SocketFile&) const = default;

  static SocketFile At(const std::string& path) {
    struct stat found {};
    if (stat(path.c_str(), &found) != 0) return {};
    return {found.st_dev, found.st_ino, found.st_ctim.tv_sec, found.st_ctim.tv_nsec};
  }
};

class DatagramSyslog final : public Destination {
 public:
  DatagramSyslog(const Syslog& options, bool text) : options_(options), text_(text) {}
  ~DatagramSyslog() override { Close(); }

  Outcome Deliver(const Batch& batch, const Cancel& cancel) override {
    if (socket_ < 0 && !Connect(cancel)) return Fault(0);
    size_t read = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      const std::string message = SyslogMessage(options_, text_, batch[i], getpid());
      const bool sent = Send(message, cancel), too_long = !sent && errno == EMSGSIZE;
      if (!sent && !too_long) return Fault(local() ? read : 0);
      const bool due = too_long || i + 1 == batch.size() || i + 1 - read >= kReadEvery;
      if (local() && due && !IsRead(cancel)) return Fault(read);
      if (too_long) return Outcome::Refused("the message is too long for a datagram; see max_message", i);
      if (due) read = i + 1;
    }
    if (local()) return Outcome::Delivered(batch.size());
    pollfd slot{.fd = socket_, .events = 0, .revents = 0};
    if (poll(&slot, 1, kRefusalWaitMs) <= 0) return Outcome::Delivered(batch.size());
    socklen_t size = sizeof errno;
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &errno, &size);
    return Fault(0);
  }

 private:
  bool local() const { return options_.transport == Syslog::Transport::kLocal; }

  // What a receiver has not read when it ends is gone. So wait until nothing is left in its queue, and see that the queue
  // did not empty by the receiver's end: then its socket cannot be connected to, or is another one. False: errno says why.
  bool IsRead(const Cancel& cancel) {
    int unread = 0;
    for (int waited_ms = 0; ioctl(socket_, SIOCOUTQ, &unread) == 0 && unread > 0; ++waited_ms) {
      if (cancel || waited_ms >= kReadWaitMs) {
        errno = ETIMEDOUT;
        return false;
      }
      poll(nullptr, 0, 1);
    }
    DatagramSyslog probe(options_, text_);
    if (!probe.Connect(cancel)) return false;
    if (probe.file_ == file_) return true;
    errno = ECONNRESET;
    return false;
  }

  Outcome Fault(size_t delivered) {
    const std::string why = std::exchange(name_fault_, {});
    std::string reason = fmt::format("{}: {}", options_.address, why.empty() ? std::strerror(errno) : why);
    Close();
    return Outcome::Failed(std::move(reason), delivered);
  }

  void Close() {
    if (socket_ >= 0) close(socket_);
    socket_ = -1;
  }

  bool Connect(const Cancel& cancel) { return local() ? ConnectLocal() : ConnectUdp(cancel); }

  bool ConnectLocal() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (options_.address.size() >= sizeof address.sun_path) {
      errno = ENAMETOOLONG;
      return false;
    }
    options_.address.copy(address.sun_path, sizeof address.sun_path - 1);
    file_ = SocketFile::At(options_.address);
    return Open(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  bool ConnectUdp(const Cancel& cancel) {
    const size_t colon = options_.address.rfind(':');
    std::string host = options_.address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const auto found = lookup_.Take(host, options_.address.substr(colon + 1), kLookupWaitNs, cancel);
    if (!found.ok()) {
      name_fault_ = Text(found.status());
      return false;
    }
    return std::any_of(found->begin(), found->end(), [this](const Lookup::Address& address) {
      return Open(address.socket.ss_family, reinterpret_cast<const sockaddr*>(&address.socket), address.size);
    });
  }

  bool Open(int family, const sockaddr* address, socklen_t size) {
    socket_ = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_ < 0) return false;
    if (connect(socket_, address, size) == 0) return true;
    const int error = errno;
    Close();
    errno = error;
    return false;
  }

  // False: errno says why.
  bool Send(const std::string& message, const Cancel& cancel) {
    for (int waited_ms = 0;; waited_ms += kCancelPollMs) {
      if (send(socket_, message.data(), message.size(), MSG_NOSIGNAL) >= 0) return true;
      if (errno == EINTR) continue;
      if ((errno != EAGAIN && errno != ENOBUFS) || cancel || waited_ms >= kDatagramWaitMs) return false;
      pollfd slot{.fd = socket_, .events = POLLOUT, .revents = 0};
      poll(&slot, 1, kCancelPollMs);
    }
  }

  const Syslog options_;
  const bool text_;
  int socket_ = -1;
  SocketFile file_;  // of a local socket
  Lookup lookup_;
  std::string name_fault_;  // of the lookup
};

}  // namespace

std::unique_ptr<Destination> MakeSyslog(const Syslog& options, bool text) {
  const bool stream =
      options.transport == Syslog::Transport::kTcp || options.transport == Syslog::Transport::kTls;
  if (stream) return std::make_unique<StreamSyslog>(options, text);
  return std::make_unique<DatagramSyslog>(options, text);
}

}  // namespace sluice::sink
