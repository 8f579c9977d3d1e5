// status/http.h - /metrics and /healthz over HTTP.
//
// The only user of civetweb. GET only; one connection at a time is enough for a scraper and a probe.
//
// Threads: two of its own, which call `source`. Errors: Open(): the address cannot be listened on.
#pragma once

#include <memory>
#include <string>

#include "runtime/status/status.h"

namespace sluice::status {

class HttpServer {
 public:
  // `address` as HOST:PORT, numeric.
  static source::Result<std::unique_ptr<HttpServer>> Open(const std::string& address, Source source);
  ~HttpServer();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::status
