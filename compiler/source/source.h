// source/source.h - the texts that a compilation reads, and places in them.
//
// A Span names bytes of one file; every later stage carries spans so that a diagnostic can point at the words
// that caused it. Files are added once and never change.
//
// Threads: Files is not synchronized; after the last Add() it may be read from any thread.
// Memory:  Files owns names and texts; views into them live as long as the Files object.
// Errors:  Read() returns the host's error (missing, unreadable, too large) as a Status that names the path.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::source {

// The one result type for faults of the host. Faults in a rule are diag::Diagnostic instead.
template <typename T>
using Result = absl::StatusOr<T>;
using absl::Status;

using FileId = uint32_t;
inline constexpr FileId kNoFile = 0xffffffff;

// Bytes [begin, end) of one file. The default span is nowhere.
struct Span {
  FileId file = kNoFile;
  uint32_t begin = 0;
  uint32_t end = 0;

  bool valid() const { return file != kNoFile; }
  friend bool operator==(const Span&, const Span&) = default;
};

// The smallest span that holds both; a nowhere span is neutral. REQUIRES: same file.
Span Cover(Span a, Span b);

// 1-based line; 1-based column in code points (what an editor shows).
struct Position {
  uint32_t line = 0;
  uint32_t column = 0;
};

// The largest file that is read; a larger one is refused.
inline constexpr uint64_t kMaxFileBytes = 64u << 20;

class Files {
 public:
  // Adds a text under the name that messages will show. O(text).
  FileId Add(std::string name, std::string text);

  // Reads a file of the host. kNotFound, kPermissionDenied, kInvalidArgument (a folder) or kOutOfRange (too
  // large).
  Result<FileId> Read(const std::string& path);

  // Adds a text that was put together from pieces of other files: a condition inside YAML, an appended
  // condition. Spans in it are as good as any; Resolve() says where the words stand for a reader. REQUIRES:
  // pieces sorted by `begin`.
  struct Piece {
    uint32_t begin = 0;  // from here to the next piece, byte for byte
    Span origin;         // these bytes
  };
  FileId AddDerived(std::string text, std::vector<Piece> pieces);

  // The place in a file that was added or read itself; any other span is returned as it is. O(log pieces).
  Span Resolve(Span span) const;

  std::string_view name(FileId id) const { return files_[id].name; }
  std::string_view text(FileId id) const { return files_[id].text; }
  uint32_t size() const { return static_cast<uint32_t>(files_.size()); }

  std::string_view Text(Span span) const;
  Position PositionOf(FileId id, uint32_t offset) const;  // O(log lines)
  std::string_view Line(FileId id, uint32_t line) const;  // without its end; REQUIRES: the line exists

 private:
  struct File {
    std::string name;
    std::string text;
    std::vector<uint32_t> line_starts;
    std::vector<Piece> pieces;  // empty: not derived
  };
  std::deque<File> files_;
};

}  // namespace sluice::source
