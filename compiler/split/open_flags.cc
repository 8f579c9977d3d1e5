#include "compiler/split/open_flags.h"

#include <fcntl.h>

#include "bpf/abi/filter_abi.h"

namespace sluice::split {

const check::NameTable& OpenFlags() {
  // As the kernel has them on x86-64; the C library hides or widens some.
  static const check::NameTable flags = {
      {"O_RDONLY", 0},
      {"O_WRONLY", 0},
      {"O_RDWR", 0},
      {"O_CREAT", O_CREAT},
      {"O_EXCL", O_EXCL},
      {"O_TRUNC", O_TRUNC},
      {"O_APPEND", O_APPEND},
      {"O_NONBLOCK", O_NONBLOCK},
      {"O_DSYNC", 010000},
      {"O_DIRECT", 040000},
      {"O_LARGEFILE", 0100000},
      {"O_DIRECTORY", 0200000},
      {"O_SYNC", 04000000},
      {"O_TMPFILE", 020000000},
      {"O_F_CREATED", SLUICE_FLAG_CREATED},
  };
  return flags;
}

std::optional<uint64_t> FlagsThatShow(const check::NameTable& names, std::string_view text) {
  if (text.empty() || text.find_first_of("| ") != std::string_view::npos) return std::nullopt;
  uint64_t bits = 0;
  for (const check::NamedNumber& flag : names) {
    if (flag.name.find(text) == std::string_view::npos) continue;
    if (flag.number == 0) return std::nullopt;
    bits |= flag.number;
  }
  if (bits == 0) return std::nullopt;  // never true today; user space renders what it knows
  return bits;
}

}  // namespace sluice::split
