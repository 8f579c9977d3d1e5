#include "runtime/hosts/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "compiler/source/thread.h"

namespace sluice::hosts {

std::vector<Address> Resolve(const std::string& name) {
  std::vector<Address> addresses;
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;  // each address once
  if (getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    Address address{};
    if (at->ai_family == AF_INET) {
      address[10] = address[11] = 0xff;
      std::memcpy(address.data() + 12, &reinterpret_cast<const sockaddr_in*>(at->ai_addr)->sin_addr, 4);
    } else if (at->ai_family == AF_INET6) {
      std::memcpy(address.data(), &reinterpret_cast<const sockaddr_in6*>(at->ai_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return addresses;
}

// Outlives the resolver while a lookup is under way.
struct Resolver::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> names;
  std::shared_ptr<const Table> fresh;
  bool asked = false, stopping = false;
};

Resolver::Resolver() : shared_(std::make_shared<Shared>()) {}

source::Result<std::unique_ptr<Resolver>> Resolver::Open() {
  std::unique_ptr<Resolver> resolver(new Resolver);
  std::thread thread;
  source::Status started = source::StartThread(thread, [shared = resolver->shared_] { Run(shared); });
  if (!started.ok()) return started;
  thread.detach();
  return resolver;
}

Resolver::~Resolver() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stopping = true;
  shared_->changed.notify_all();
}

void Resolver::Ask(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const std::lock_guard lock(shared_->mutex);
  if (shared_->names == names) return;
  shared_->names = std::move(names);
  shared_->asked = true;
  shared_->changed.notify_all();
}

std::shared_ptr<const Table> Resolver::Take() {
  const std::lock_guard lock(shared_->mutex);
  return std::exchange(shared_->fresh, nullptr);
}

void Resolver::Run(const std::shared_ptr<Shared>& shared) {
  std::map<std::string, std::vector<Address>> known;
  Table told;
  std::unique_lock lock(shared->mutex);
  while (!shared->stopping) {
    shared->asked = false;
    const std::vector<std::string> names = shared->names;
    lock.unlock();
    Table table;
    bool left = false;  // another list was asked for meanwhile
    for (const std::string& name : names) {
      {
        const std::lock_guard look(shared->mutex);
        left = shared->stopping || shared->asked;
      }
      if (left) break;
      std::vector<Address> addresses = Resolve(name);
      std::vector<Address>& kept = known[name];
      if (!addresses.empty()) kept = std::move(addresses);
      for (const Address& address : kept) table[address].push_back(name);
    }
    lock.lock();
    if (left) continue;
    std::erase_if(
        known, [&](const auto& row) { return !std::binary_search(names.begin(), names.end(), row.first); });
    if (table != told) {
      told = table;
      shared->fresh = std::make_shared<const Table>(std::move(table));
    }
    const auto woken = [&] { return shared->stopping || shared->asked; };
    if (shared->names.empty()) {
      shared->changed.wait(lock, woken);
    } else {
      shared->changed.wait_for(lock, kEvery, woken);
    }
  }
}

}  // namespace sluice::hosts
