// status/control.h - a Unix socket on which the agent says how it is doing.
//
// Who connects gets StatusJson() and the end of the stream. The socket belongs to the agent's user alone (0600).
//
// Threads: ControlSocket has one of its own, which calls `source`. ReadStatus() blocks, a few seconds at most.
// Errors:  Status: the path cannot be bound, another agent listens there; nobody listens.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "runtime/status/status.h"

namespace sluice::status {

inline constexpr const char* kDefaultSocket = "/run/sluice/control.socket";

class ControlSocket {
 public:
  // Makes the socket's folder when it is missing.
  static source::Result<std::unique_ptr<ControlSocket>> Open(const std::string& path, Source source);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

 private:
  ControlSocket(std::string path, int socket, Source source);
  void Serve();

  const std::string path_;
  const int socket_;
  const Source source_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

source::Result<std::string> ReadStatus(const std::string& path);

}  // namespace sluice::status
