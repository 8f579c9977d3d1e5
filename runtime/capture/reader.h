// capture/reader.h - reads a capture, chunk by chunk.
//
// Threads: belongs to one thread. Memory: one chunk at a time. Errors: kNotFound or kPermissionDenied of the
//          file, kInvalidArgument when it is no capture or of a version that is not known; Next() says
//          kDataLoss with the offset where the file is cut off or corrupt: what came before is good.
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/alert/alert.h"
#include "runtime/capture/format.h"
#include "runtime/eval/extract.h"
#include "runtime/lineage/proc.h"

namespace sluice::capture {

// What a capture tells, in the order in which it happened.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual void Host(const alert::Host& host, const eval::HostFacts& facts) = 0;
  virtual void Users(eval::Names names) = 0;
  virtual void Processes(std::vector<lineage::ProcEntry> entries) = 0;
  virtual void Container(container::Container container) = 0;
  virtual void Hosts(hosts::Table hosts) = 0;
  virtual void Rules(ActiveRules rules) = 0;
  virtual void Record(std::string_view bytes) = 0;  // hook and type numbers are this program's
  virtual void OwnAlert(std::string_view json) = 0;
  virtual void Gap(uint64_t records) = 0;
};

// True of a file that begins as a capture does, and of one that is cut off in its first bytes; of an empty one unless its
// name says that it holds events (.json, .jsonl). Never of a pipe: what was read of it would be gone.
bool IsCapture(const std::string& path);

class Reader {
 public:
  static source::Result<std::unique_ptr<Reader>> Open(const std::string& path);

  // To the end mark or to the first fault.
  source::Status ReadAll(Visitor& visitor);

 private:
  explicit Reader(std::ifstream file) : file_(std::move(file)) {}
  source::Status Fault(const std::string& what) const;
  source::Status ReadChunk(ChunkKind& kind, std::string& raw);
  source::Status Tell(ChunkKind kind, std::string_view raw, Visitor& visitor);
  source::Status TellHost(std::string_view raw, Visitor& visitor);
  source::Status TellRules(std::string_view raw, Visitor& visitor) const;
  source::Status TellProcesses(std::string_view raw, Visitor& visitor) const;
  source::Status TellContainer(std::string_view raw, Visitor& visitor) const;
  source::Status TellHosts(std::string_view raw, Visitor& visitor) const;
  source::Status TellRecords(std::string_view raw, Visitor& visitor);

  std::ifstream file_;
  uint64_t size_ = 0, offset_ = 0;       // of the file; of the chunk that is being read
  std::vector<uint16_t> hooks_, types_;  // this program's number, by the capture's
  std::string record_;                   // reused
  bool has_host_ = false;
  uint64_t records_ = 0;
};

}  // namespace sluice::capture
