// split/open_flags.h - the flags of an open, by the names that `evt.arg.flags` shows.
//
// Threads: an immutable table. Errors: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "compiler/check/flag_names.h"

namespace sluice::split {

// Bits of the hook's flags word; 0: shown by the access mode.
const check::NameTable& OpenFlags();

// The bits of which any makes `evt.arg.flags contains text` true; nothing when that is no question about
// single bits.
std::optional<uint64_t> FlagsThatShow(const check::NameTable& names, std::string_view text);

}  // namespace sluice::split
