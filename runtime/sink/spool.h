// sink/spool.h - alerts on disk until they are delivered: an append-only log and a cursor.
//
// A folder holds segments, named by the sequence number of their first record, and a cursor: the number of the
// next record to deliver and, as of the last Sync(), of the next one to append. A record is a header (magic, length,
// number, XXH3 of all) and its bytes. An append is one write; when it fails or the process dies inside it, the torn end
// is cut off and no other record suffers. Where the disk spoiled a header, the records behind it are found again by
// theirs, and what is between is counted. Delivered segments are removed, after the cursor that says so is on disk. A
// cursor that cannot be read means delivery from the oldest record again: at least once, never less. A segment that is
// gone, or ends too early, costs its records, which are counted, and holds nothing else up; of the last one those are
// counted that the last Sync() knew.
//
// Threads: not synchronized. Memory: nothing that grows with the spool.
// Errors:  Open(): kUnavailable, the folder cannot be used; kFailedPrecondition, another process has it. Append():
//          kResourceExhausted at the bound, kUnavailable when the disk refuses; nothing is stored then. Read():
//          kUnavailable, a segment cannot be read for now, and the text names it.
// Crash:   what Append() stored survives the process's death at once, and a power cut from the next Sync() on.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"

namespace sluice::sink {

class Spool {
 public:
  static constexpr uint64_t kMaxRecordBytes = 16u << 20;

  // Makes the folder when it is missing (0700).
  static source::Result<std::unique_ptr<Spool>> Open(const std::string& folder, uint64_t max_bytes);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // How many records wait in a folder, of which nothing is changed.
  static source::Result<uint64_t> Waiting(const std::string& folder);

  source::Status Append(std::string_view record);

  // The oldest records that are not acknowledged, at most `most` of them and, after the first, `most_bytes`. Empty when
  // nothing waits.
  source::Result<std::vector<std::string>> Read(size_t most, size_t most_bytes);

  // The `count` oldest records are delivered. REQUIRES: count <= size of the last Read().
  void Acknowledge(size_t count);

  void Sync();  // fdatasync; the disk's errors show at the next Append

  uint64_t waiting() const { return waiting_; }  // records
  uint64_t bytes() const { return bytes_; }      // on disk
  // Records that the disk did not keep: missing at Open(), or left out by Read(), which then no longer wait.
  uint64_t missing() const { return missing_; }
  uint64_t damaged() const { return damaged_; }

 private:
  // Records of one file in a row: all of it, unless the disk spoiled some.
  struct Segment {
    uint64_t file = 0;     // the number in its name
    uint64_t begin = 0;    // where its first record is in it
    uint64_t first = 0;    // number of its first record
    uint64_t records = 0;  // that can be read
    uint64_t bytes = 0;    // where the last of them ends
    uint64_t end() const { return first + records; }
  };
  struct Header;
  struct Place {
    uint64_t at = 0, number = 0;
  };
  // A number that only grows, in the cursor's file: two slots are written in turn, so that one of them is whole whenever
  // the machine stops.
  struct Mark {
    const uint64_t at;  // of the first slot
    uint64_t slot = 0;  // that was written last
  };

  Spool(std::string folder, uint64_t max_bytes);
  enum class Use : uint8_t { kLook, kOwn };
  source::Status Recover(Use use);
  // None: never stored, or not readable.
  std::optional<uint64_t> Load(Mark& mark) const;
  void Store(Mark& mark, uint64_t number);
  bool Scan(uint64_t file, bool last, Use use);
  bool ScanFrom(int fd, uint64_t size, Segment& segment);
  static source::Result<std::optional<Place>> FindNext(int fd, uint64_t from, uint64_t size, uint64_t number);
  static bool IsSpoiled(int fd, const Segment& segment, uint64_t size);
  source::Status SkipSpoiled(uint64_t at, const Segment& segment);
  void SkipRest(const Segment& segment);
  bool IsWriterLinked() const;
  bool OpenWriter();
  source::Result<const Segment*> SeekReader();
  void Advance(uint64_t records, uint64_t bytes);
  void DropDelivered();
  std::string PathOf(uint64_t first) const;

  const std::string folder_;
  const uint64_t max_bytes_, segment_bytes_;
  int lock_ = -1, cursor_file_ = -1, writer_ = -1, reader_ = -1;
  std::deque<Segment> segments_;  // oldest first; the last one is written
  uint64_t next_ = 0;             // number of the next record to append
  uint64_t cursor_ = 0;           // number of the next record to deliver
  Mark delivered_{.at = 0}, appended_{.at = 32};
  uint64_t reader_first_ = 0,
           reader_at_ = 0;            // the segment that is open for reading, the cursor's offset in it
  std::vector<uint64_t> handed_out_;  // bytes of each record of the last Read()
  uint64_t waiting_ = 0, bytes_ = 0, missing_ = 0, damaged_ = 0;
  bool spoiled_end_ = false;  // at Open(): a record that cannot be read was behind the last one
  bool dirty_ = false;
};

}  // namespace sluice::sink
