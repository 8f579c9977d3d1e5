#include "runtime/status/service.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <ctime>

#include "compiler/source/thread.h"

namespace sluice::status {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

int64_t MonotonicUs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

Service::Service(Source source) : source_(std::move(source)), socket_(Variable("NOTIFY_SOCKET")) {}

source::Result<std::unique_ptr<Service>> Service::Open(Source source) {
  std::unique_ptr<Service> service(new Service(std::move(source)));
  const std::string interval = Variable("WATCHDOG_USEC"), process = Variable("WATCHDOG_PID");
  int64_t us = 0;
  std::from_chars(interval.data(), interval.data() + interval.size(), us);
  const bool ours = process.empty() || process == std::to_string(getpid());
  if (service->socket_.empty() || us <= 0 || !ours) return service;
  source::Status started = source::StartThread(
      service->watchdog_, [raw = service.get(), us] { raw->Watch(std::chrono::microseconds(us / 2)); });
  if (!started.ok()) return started;
  return service;
}

Service::~Service() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  if (watchdog_.joinable()) watchdog_.join();
}

void Service::Ready(const std::string& what) { Send("READY=1\nSTATUS=" + what); }
void Service::Reloading() { Send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", MonotonicUs())); }
void Service::Stopping() { Send("STOPPING=1"); }

void Service::Send(const std::string& message) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof address.sun_path - 1);
  if (socket_[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return;
  sendto(fd, message.data(), message.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  close(fd);
}

void Service::Watch(std::chrono::microseconds interval) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, interval, [this] { return ending_; })) {
    if (Health(source_()).empty()) Send("WATCHDOG=1");
  }
}

}  // namespace sluice::status
