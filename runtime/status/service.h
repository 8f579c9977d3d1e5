// status/service.h - what systemd is told: ready, reloading, alive, stopping (sd_notify's protocol).
//
// Without NOTIFY_SOCKET in the environment nothing is sent. With WATCHDOG_USEC a thread says twice in each interval that
// the agent is alive, as long as Health() has no complaint: an engine that hangs is restarted.
//
// Threads: any; one of its own. Errors: Open(), as source/thread.h; a service manager that does not listen is not waited for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/status/status.h"

namespace sluice::status {

class Service {
 public:
  static source::Result<std::unique_ptr<Service>> Open(Source source);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void Ready(const std::string& what);  // also after a reload
  void Reloading();
  void Stopping();

 private:
  explicit Service(Source source);
  void Send(const std::string& message) const;
  void Watch(std::chrono::microseconds interval);

  const Source source_;
  std::string socket_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread watchdog_;
};

}  // namespace sluice::status
