// sink/patience.h - a lock that is waited for no longer than so long. Private to sink/.
//
// Threads: any. Errors: none; the lock that is returned may not be held. Cost: a look each millisecond while another
//          thread holds it. std::timed_mutex waits in a call (pthread_mutex_clocklock) that ThreadSanitizer does not know
//          before GCC 13, and reports as a fault.
#pragma once

#include <chrono>
#include <mutex>
#include <thread>

namespace sluice::sink {

inline std::unique_lock<std::mutex> LockWithin(std::mutex& mutex, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(mutex, std::try_to_lock);
  while (!lock.owns_lock() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    static_cast<void>(lock.try_lock());
  }
  return lock;
}

}  // namespace sluice::sink
