// split/open_flags.h - the flags of an open, by the names that `evt.arg.flags` shows.
//
// Threads: an immutable table. Errors: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::split {

struct OpenFlag {
  std::string_view name;
  uint64_t bit;  // in the hook's flags word; 0: shown by the access mode
};
const std::vector<OpenFlag>& OpenFlags();

// The bits of which any makes `evt.arg.flags contains text` true; nothing when that is no question about
// single bits.
std::optional<uint64_t> FlagsThatShow(std::string_view text);

}  // namespace sluice::split
