#include "compiler/source/thread.h"

#include <fmt/format.h>

#include <system_error>
#include <utility>

namespace sluice::source {

Status StartThread(std::thread& thread, std::function<void()> body) {
  try {
    thread = std::thread(std::move(body));
    return absl::OkStatus();
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(fmt::format(
        "a thread cannot be started: {} (limits: `TasksMax=` of the unit, which is pids.max of its cgroup; "
        "kernel.threads-max; kernel.pid_max; memory)",
        error.code().message()));
  }
}

}  // namespace sluice::source
