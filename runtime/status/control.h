// status/control.h - a Unix socket on which the agent says how it is doing, and is told to audit or to enforce.
//
// A request is one JSON object and the end of what the client writes; the answer is one object and the end of the stream:
//   nothing, or {}                         StatusJson()
//   {"audit": true, "rule": "Name"}        {"message": "..."} or {"error": "..."}; without "rule": all mitigations
//   {"stop": true}                         likewise; the agent ends
// The socket belongs to the agent's user alone (0600).
//
// Threads: ControlSocket has one of its own, which calls `source` and the commands. Ask() blocks, a few seconds at most.
// Errors:  Status: the path cannot be bound, another agent listens there; nobody listens.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "runtime/status/status.h"

namespace sluice::status {

inline constexpr const char* kDefaultSocket = "/run/sluice/control.socket";

// Null: this process cannot be told so. An asker is described for people: program, process, user, and who started it.
struct Commands {
  std::function<source::Result<std::string>(const AuditRequest&)> audit;
  std::function<void(const std::string& asker)> stop;
};

class ControlSocket {
 public:
  // Makes the socket's folder when it is missing.
  static source::Result<std::unique_ptr<ControlSocket>> Open(const std::string& path, Source source,
                                                             Commands commands);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

 private:
  ControlSocket(std::string path, int socket, Source source, Commands commands);
  void Serve();
  std::string Answer(const std::string& request, int client) const;

  const std::string path_;
  const int socket_;
  const Source source_;
  const Commands commands_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// The answer to a request. Errors: nobody listens there.
source::Result<std::string> Ask(const std::string& path, const std::string& request);

std::string RequestOf(const AuditRequest& request);
inline constexpr const char* kStopRequest = R"({"stop": true})";

}  // namespace sluice::status
