// ring/record.h - bytes of a ring buffer -> a typed record.
//
// Decode() checks every length before it looks: a record that does not parse is an error, never a crash (it
// may come from a capture file). The layout is bpf/abi/event_abi.h.
//
// Threads: pure function. Memory: the Record's views borrow from the bytes given.
// Errors:  kDataLoss with the offset and what was wrong. Cost: one pass over the items.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "bpf/abi/event_abi.h"
#include "compiler/check/event.h"
#include "compiler/source/source.h"

namespace sluice::ring {

// A string as the kernel could get it.
struct Text {
  enum class State : uint8_t { kAbsent, kUnknown, kPresent } state = State::kAbsent;
  std::string_view bytes;
  bool truncated = false;  // bytes are a prefix of the value
};

struct Round {                    // of an exec: the script, then its interpreter
  const uint64_t* set = nullptr;  // SLUICE_WORDS words, aligned: points into the Record's own round_sets
  Text path, text;
};

// Holds pointers into itself, so it is neither copied nor moved; one Record is reused for a whole stream.
struct Record {
  Record() = default;
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  sluice_record header{};
  Text name, exepath, path, filename, args, env, cwd, comm, target, text, cgroup;
  std::array<Text, SLUICE_ENDS> ends;                           // of a connection: 16 bytes each
  std::optional<std::array<uint64_t, SLUICE_WORDS>> undecided;  // clauses to judge whole; of an UNDECIDED
                                                                // event without it, all
  std::optional<std::array<uint64_t, SLUICE_WORDS>> audited;  // mitigations that let pass what others refused
  std::vector<Round> rounds;
  std::array<std::array<uint64_t, SLUICE_WORDS>, SLUICE_ROUNDS> round_sets{};
};

// Fills `record`, whose vectors are reused. Items with an unknown tag are skipped (a newer kernel half); of
// an item that comes twice the last one counts. REQUIRES: `bytes` outlives `record`.
source::Status Decode(std::string_view bytes, Record& record);

}  // namespace sluice::ring
