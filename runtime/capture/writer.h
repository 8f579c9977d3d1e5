// capture/writer.h - writes a capture while the engine runs.
//
// Threads: every call on one thread, which never waits for the disk: a thread of the writer's own compresses
//          and writes. What that one cannot keep up with (kMaxWaitingBytes) is left out and told as a gap.
// Memory:  the waiting bytes. Errors: Create() when the file cannot be made; later ones (a full disk) end the
//          writing and are what status() and Close() say. The file then ends inside a chunk, and a reader reads
//          up to there.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "compiler/compile.h"
#include "runtime/alert/alert.h"
#include "runtime/capture/format.h"
#include "runtime/eval/extract.h"
#include "runtime/lineage/proc.h"

namespace sluice::capture {

inline constexpr size_t kMaxWaitingBytes = 64u << 20;

// Two compilations with one fingerprint give each rule the same number and each clause the same bit. Members of sets
// count: a capture has them beside the fingerprint.
uint64_t FingerprintOf(const Compilation& compilation);

class Writer {
 public:
  static source::Result<std::unique_ptr<Writer>> Create(const std::string& path);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Host(const alert::Host& host, const eval::HostFacts& facts);
  void Users(const eval::Names& names);
  void Processes(const std::vector<lineage::ProcEntry>& entries);
  void Container(const container::Container& container);
  void Hosts(const hosts::Table& hosts);
  void Rules(const ActiveRules& rules);
  void Record(std::string_view bytes);  // REQUIRES: ring::Decode() takes it
  void OwnAlert(const alert::Alert& alert);

  source::Status status() const;
  uint64_t records() const { return records_; }
  uint64_t left_out() const { return left_out_ + gap_; }

  // Writes what waits and the end mark.
  source::Status Close();

 private:
  struct Chunk {
    ChunkKind kind;
    std::string raw;
  };

  explicit Writer(int fd);
  void Push(ChunkKind kind, std::string raw);
  void FlushRecords();
  void Run();
  source::Status Write(const Chunk& chunk) const;

  const int fd_;
  std::string waiting_records_;
  uint64_t waiting_count_ = 0, records_ = 0;
  uint64_t left_out_ = 0, gap_ = 0;  // told in the file; not yet

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Chunk> chunks_;
  size_t chunk_bytes_ = 0;
  bool closing_ = false;
  source::Status status_;
  std::thread thread_;
};

}  // namespace sluice::capture
