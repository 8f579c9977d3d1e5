// sink/lines.h - alerts as lines: on stdout, or at the end of a file.
//
// Threads: as Destination; Reopen() from a signal handler, too.
// Errors:  stdout whose reader went away refuses; a file that cannot be written fails, and keeps no torn line.
//          A file's lines are on disk when Deliver() says so; one that was removed is made anew. What is no regular file
//          is written as it is read.
#pragma once

#include "runtime/sink/delivery.h"

namespace sluice::sink {

enum class LineForm : uint8_t { kJson, kText, kColourText };

class StdoutLines final : public Destination {
 public:
  StdoutLines(int fd, LineForm form) : fd_(fd), form_(form) {}
  Outcome Deliver(const Batch& batch, const Cancel& cancel) override;

 private:
  const int fd_;  // the caller's
  const LineForm form_;
};

class FileLines final : public Destination {
 public:
  FileLines(std::string path, LineForm form) : path_(std::move(path)), form_(form) {}
  ~FileLines() override;
  Outcome Deliver(const Batch& batch, const Cancel& cancel) override;
  void Reopen() override { reopen_ = true; }

 private:
  bool Open();
  Outcome DeliverToReader(const Batch& batch, const Cancel& cancel);
  std::string Fault() const;

  const std::string path_;
  const LineForm form_;
  int fd_ = -1;
  std::atomic<bool> reopen_ = false;
};

}  // namespace sluice::sink
