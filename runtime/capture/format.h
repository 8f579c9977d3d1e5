// capture/format.h - the layout of a capture: what the kernel sent, in one file (docs/capture.md).
//
//   file    = FileHeader chunk*
//   chunk   = ChunkHeader payload          payload: deflate (zlib), ChunkHeader.stored_bytes long
//   chunks  : one kHost, kUsers and kProcesses first, then in the order in which they happened; kEnd last
//
// All numbers are little-endian. A text is its length (u32) and its bytes. A reader refuses a version that it
// does not know, skips a chunk kind that it does not know, and takes what is missing at the end of a chunk's payload
// (it was added later) as not known.
#pragma once

#include <cstdint>

#include "compiler/check/sets.h"

namespace sluice::capture {

inline constexpr char kMagic[8] = {'S', 'L', 'U', 'I', 'C', 'E', 'C', 'P'};
inline constexpr uint32_t kVersion = 1;

struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t reserved;
};

enum class ChunkKind : uint32_t {
  kHost = 1,  // u32 bytes of a record's header, u64 boot-to-Unix offset in ns, u32 mnt_ns, u32 pid_ns,
              // texts: hostname, boot id; then names of hooks and of event types by number: u32 count, texts;
              // then i32 seconds of local time east of UTC
  kUsers = 2,      // texts: /etc/passwd, /etc/group
  kProcesses = 3,  // what /proc showed at the start: u32 count, entries (writer.cc)
  kRules =
      4,  // a rule set became active: u32 generation, u64 fingerprint, u32 1 if every event is asked for,
          // then what alerts had added to sets: u32 sets, each: text name, u32 members, texts
  kRecords =
      5,       // records of the kernel (bpf/abi/event_abi.h), one behind the other, each with its size first
  kAlert = 6,  // an alert of the agent's own, as its line of JSON
  kGap = 7,    // u64 records that could not be kept up with, and are not here
  kEnd = 8,    // a clean end: u64 records before it
  kContainer = 9,  // a container became known: its fields (writer.cc)
  kHosts = 10,     // what the host names of rules stand for from here on (writer.cc)
};

struct ChunkHeader {
  uint32_t kind;
  uint32_t stored_bytes;
  uint32_t raw_bytes;  // of the payload when inflated; at most kMaxChunkBytes
  uint32_t reserved;
  uint64_t checksum;  // XXH3, 64 bits: of the header with this field 0, then the stored payload
};

// A rule set that became active.
struct ActiveRules {
  uint32_t generation = 0;
  uint64_t fingerprint = 0;  // FingerprintOf()
  bool every_event = false;
  check::SetMembers members = {};  // what alerts had added to its sets
};

inline constexpr uint32_t kMaxChunkBytes = 64u << 20;

static_assert(sizeof(FileHeader) == 16 && sizeof(ChunkHeader) == 24, "written as they are");

}  // namespace sluice::capture
