// sink/stream.h - one TCP or TLS connection, made by libcurl.
//
// Threads: one owner. Errors: Status with libcurl's or the system's sentence. Private to sink/.
// Time:    no call lasts longer than the time limit; each returns soon after `cancel`.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime/sink/delivery.h"

namespace sluice::sink {

class Stream {
 public:
  Stream();
  ~Stream();

  // `tls` null: plain TCP. A server's name and certificate are always verified.
  source::Status Connect(const std::string& host_and_port, const config::Tls* tls, int64_t timeout_ns,
                         const Cancel& cancel);
  source::Status Send(std::string_view bytes, int64_t timeout_ns, const Cancel& cancel);

  // Waits until the peer's kernel has confirmed every byte and then `settle_ns` more. An error when the peer closed
  // the connection meanwhile: what was sent may be lost.
  source::Status Settle(int64_t settle_ns, int64_t timeout_ns, const Cancel& cancel);

  bool open() const;
  bool ClosedByPeer();  // what the peer sends is read and dropped
  void Close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::sink
