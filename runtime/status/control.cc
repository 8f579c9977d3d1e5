#include "runtime/status/control.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::status {
namespace {

constexpr int kPollMs = 100;
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};

source::Status Fault(const std::string& path) {
  return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
}

bool AddressOf(const std::string& path, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return true;
}

int Socket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

bool Connect(int fd, const sockaddr_un& address) {
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// What an agent that was killed left behind is in the way.
bool RemoveStale(const std::string& path, const sockaddr_un& address) {
  const int probe = Socket();
  const bool alive = Connect(probe, address);
  const bool stale = !alive && errno == ECONNREFUSED;
  close(probe);
  if (stale) unlink(path.c_str());
  if (alive) errno = EADDRINUSE;
  return !alive;
}

}  // namespace

source::Result<std::unique_ptr<ControlSocket>> ControlSocket::Open(const std::string& path, Source source) {
  sockaddr_un address{};
  if (!AddressOf(path, address)) return Fault(path);
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty() && folder != path) mkdir(folder.c_str(), 0700);
  if (!RemoveStale(path, address)) return Fault(path);
  const int fd = Socket();
  if (fd < 0) return Fault(path);
  const mode_t mask = umask(0177);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  umask(mask);
  if (!bound || listen(fd, 4) != 0) {
    source::Status status = Fault(path);
    close(fd);
    return status;
  }
  return std::unique_ptr<ControlSocket>(new ControlSocket(path, fd, std::move(source)));
}

ControlSocket::ControlSocket(std::string path, int socket, Source source)
    : path_(std::move(path)), socket_(socket), source_(std::move(source)), thread_([this] { Serve(); }) {}

ControlSocket::~ControlSocket() {
  stopping_ = true;
  thread_.join();
  close(socket_);
  unlink(path_.c_str());
}

void ControlSocket::Serve() {
  while (!stopping_) {
    pollfd slot{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&slot, 1, kPollMs) <= 0) continue;
    const int client = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    const std::string json = StatusJson(source_());
    for (size_t at = 0; at < json.size();) {
      const ssize_t sent = send(client, json.data() + at, json.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) break;
      at += static_cast<size_t>(sent);
    }
    close(client);
  }
}

source::Result<std::string> ReadStatus(const std::string& path) {
  sockaddr_un address{};
  if (!AddressOf(path, address)) return Fault(path);
  const int fd = Socket();
  if (fd < 0 || !Connect(fd, address)) {
    source::Status status = Fault(path);
    if (fd >= 0) close(fd);
    return status;
  }
  std::string json;
  std::array<char, 65536> bytes{};
  ssize_t got = 0;
  while ((got = read(fd, bytes.data(), bytes.size())) > 0)
    json.append(bytes.data(), static_cast<size_t>(got));
  source::Status status = got < 0 ? Fault(path) : absl::OkStatus();
  close(fd);
  if (!status.ok()) return status;
  return json;
}

}  // namespace sluice::status
