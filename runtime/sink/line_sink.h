// sink/line_sink.h - alerts as lines on a file descriptor: text for people, JSON for machines.
//
// Push() never blocks: it queues, and a thread of its own formats and writes, one whole line at a time. When
// the reader is so slow that the queue is full, further alerts are counted as lost. Close() writes what
// waits.
//
// Threads: Push() from one or more threads; Close() once, from any.
// Memory:  at most max_waiting alerts.
// Errors:  a reader that went away loses the rest, which is counted; nothing is thrown or logged here.
// Counted: raised = delivered + lost + what still waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "runtime/alert/alert.h"

namespace sluice::sink {

enum class Format : uint8_t { kText, kColourText, kJson };

struct LineStats {
  uint64_t raised = 0, delivered = 0, lost = 0;
};

class LineSink {
 public:
  // Writes to `fd`, which stays the caller's.
  LineSink(int fd, Format format, size_t max_waiting = 100'000);
  ~LineSink();
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;

  void Push(const alert::Alert& alert);

  // Writes everything that waits; gives up on a reader that takes nothing for `patience_ms`.
  LineStats Close(int patience_ms = 5000);

 private:
  void Run();
  bool Write(std::string_view line);
  bool WaitWritable();

  const int fd_;
  const Format format_;
  const size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<alert::Alert> waiting_;
  LineStats stats_;
  bool closing_ = false;
  int patience_ms_ = 0;
  bool broken_ = false;  // writer's thread only: the reader went away
  std::thread writer_;
};

}  // namespace sluice::sink
