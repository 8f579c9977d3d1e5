#include "compiler/split/open_flags.h"

#include <fcntl.h>

#include "bpf/abi/filter_abi.h"

namespace sluice::split {

const std::vector<OpenFlag>& OpenFlags() {
  static const std::vector<OpenFlag> flags = {
      {"O_RDONLY", 0},        {"O_WRONLY", 0},          {"O_RDWR", 0},         {"O_CREAT", O_CREAT},
      {"O_APPEND", O_APPEND}, {"O_DSYNC", 0},           {"O_EXCL", O_EXCL},    {"O_NONBLOCK", O_NONBLOCK},
      {"O_SYNC", 0},          {"O_TRUNC", O_TRUNC},     {"O_DIRECT", 040000},  {"O_DIRECTORY", O_DIRECTORY},
      {"O_LARGEFILE", 0},     {"O_CLOEXEC", O_CLOEXEC}, {"O_NONE", 0},         {"O_TMPFILE", 0},
      {"O_F_CREATED", 0},     {"FD_UPPER_LAYER", 0},    {"FD_LOWER_LAYER", 0},
  };
  return flags;
}

std::optional<uint64_t> FlagsThatShow(std::string_view text) {
  if (text.size() < 3 || text.find('|') != std::string_view::npos) return std::nullopt;
  uint64_t bits = 0;
  for (const OpenFlag& flag : OpenFlags()) {
    if (flag.name.find(text) == std::string_view::npos) continue;
    if (flag.bit == 0) return std::nullopt;
    bits |= flag.bit;
  }
  if (bits == 0) return std::nullopt;  // never true today; user space renders what it knows
  return bits;
}

}  // namespace sluice::split
