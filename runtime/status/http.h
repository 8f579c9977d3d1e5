// status/http.h - /metrics and /healthz over HTTP.
//
// The only user of civetweb. GET only; one connection at a time is enough for a scraper and a probe.
//
// An address that cannot be listened on, since another program does, or it is not there yet, is tried again every kTryAgain:
// nobody who takes a port keeps the agent from running.
//
// Threads: some of its own, which call `source`, and `tell` when it cannot listen, first in Open(), and when it can at
//          last. Errors: Open(), as source/thread.h.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "runtime/status/status.h"

namespace sluice::status {

class HttpServer {
 public:
  static constexpr std::chrono::seconds kTryAgain{10};
  using Tell = std::function<void(const std::string&)>;

  // `address` as HOST:PORT, numeric.
  static source::Result<std::unique_ptr<HttpServer>> Open(const std::string& address, Source source,
                                                          Tell tell);
  ~HttpServer();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::status
