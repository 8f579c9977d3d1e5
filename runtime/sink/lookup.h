// sink/lookup.h - where a host name leads, without a wait for a name server that is silent. Private to sink/.
//
// Threads: one owner; a lookup runs in a thread of its own, which the owner leaves behind when its time is up and which
//          outlives it. Memory: one lookup at a time.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "runtime/sink/delivery.h"

namespace sluice::sink {

class Lookup {
 public:
  struct Address {
    sockaddr_storage socket{};
    socklen_t size = 0;
  };

  // The addresses of datagram sockets there. An error: the resolver's, or no answer within the time limit; then the next
  // call goes on with the same lookup. REQUIRES: the same `host` and `port` each time.
  source::Result<std::vector<Address>> Take(const std::string& host, const std::string& port,
                                            int64_t timeout_ns, const Cancel& cancel);

 private:
  struct Shared;
  std::shared_ptr<Shared> under_way_;
};

}  // namespace sluice::sink
