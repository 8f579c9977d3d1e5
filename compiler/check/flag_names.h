// check/flag_names.h - the names of bits and of enumerated numbers, as Falco prints them.
//
// Threads: immutable tables. Errors: none.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::check {

struct NamedNumber {
  std::string_view name;
  uint64_t number;  // of flags: bits in the event's flags word; 0: shown when none is set
};
using NameTable = std::vector<NamedNumber>;

enum class Names : uint8_t {
  kNone,
  kCapabilities,  // CAP_CHOWN ...
  kMode,          // of files that exist or are made: S_IXOTH ...
  kNodeMode,      // likewise with the kind: S_IFCHR ...
  kRenameFlags,   // RENAME_EXCHANGE ...
  kXattrFlags,    // XATTR_CREATE ...
  kCloneFlags,    // CLONE_NEWUSER ...
  kFdTypes,
  kFdTypechars,
  kStdioTypes,
  kSockFamilies,
  kL4Protos,
  kDomains,
  kProtections,
  kMapFlags,
  kMountFlags,
  kUmountFlags,
  kBooleans,
  kBuses,
  kKernelFiles,
  kBpfCommands,
  kPtraceRequests,
  kPtraceModes,
  kSignals,
};
const NameTable& NamesOf(Names names);

}  // namespace sluice::check
