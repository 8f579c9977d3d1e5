#include "runtime/sink/lookup.h"

#include <netdb.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "compiler/source/thread.h"

namespace sluice::sink {
namespace {

using Clock = std::chrono::steady_clock;

source::Result<std::vector<Lookup::Address>> Resolve(const std::string& host, const std::string& port) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) return absl::UnavailableError(gai_strerror(code));
  std::vector<Lookup::Address> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Lookup::Address& address = addresses.emplace_back();
    address.size = std::min<socklen_t>(at->ai_addrlen, sizeof address.socket);
    std::memcpy(&address.socket, at->ai_addr, address.size);
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace

struct Lookup::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<source::Result<std::vector<Address>>> answer;
};

source::Result<std::vector<Lookup::Address>> Lookup::Take(const std::string& host, const std::string& port,
                                                          int64_t timeout_ns, const Cancel& cancel) {
  if (under_way_ == nullptr) {
    auto shared = std::make_shared<Shared>();
    std::thread thread;
    source::Status started = source::StartThread(thread, [shared, host, port] {
      auto answer = Resolve(host, port);
      const std::lock_guard lock(shared->mutex);
      shared->answer = std::move(answer);
      shared->changed.notify_all();
    });
    if (!started.ok()) return started;
    thread.detach();
    under_way_ = std::move(shared);
  }
  const auto deadline = Clock::now() + std::chrono::nanoseconds(timeout_ns);
  std::unique_lock lock(under_way_->mutex);
  while (!under_way_->answer) {
    if (cancel) return absl::CancelledError("the end of the run");
    if (Clock::now() >= deadline) return absl::UnavailableError("no name server answers");
    under_way_->changed.wait_for(lock, std::chrono::milliseconds(kCancelPollMs));
  }
  lock.unlock();
  const std::shared_ptr<Shared> done = std::exchange(under_way_, nullptr);
  return std::move(*done->answer);
}

}  // namespace sluice::sink
