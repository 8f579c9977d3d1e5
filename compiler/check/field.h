// check/field.h - the one table of fields: name, type, argument, where it is supplied.
//
// Adding a field is one row in fields.def, one extractor (runtime/eval/extract.cc) and, if the kernel can
// decide it, one case in split/lower.cc.
//
// Threads: immutable tables. Errors: none. Cost: FindField is one hash look-up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/check/event.h"

namespace sluice::check {

enum class FieldId : uint16_t {
#define FIELD(id, name, type, shape, argument, hooks, help) id,
#include "compiler/check/fields.def"
#undef FIELD
};

enum class Type : uint8_t {
  kString,  // CHARBUF
  kPath,    // FSPATH, FSRELPATH: a string
  kBytes,   // BYTEBUF
  kInt,     // any signed or unsigned integer, pid, fd, errno; held as int64
  kFlags,   // FLAGS*, MODE, ENUMFLAGS: an integer with named bits when printed
  kBool,
  kTime,  // ABSTIME, RELTIME: nanoseconds, int64
  kDouble,
  kPort,     // 0..65535, service names allowed
  kAddress,  // one IPv4 or IPv6 address
  kNet,      // compared with nets and addresses
};
std::string_view TypeName(Type type);

enum class Shape : uint8_t {
  kScalar,
  kList,  // Falco's list fields: in, intersects, exists only
  kAny,   // several values, a test is true when it is true of any (proc.aname without index)
  kEither,  // either end of a connection, or every name of one: `!=` needs all (fd.ip, fd.port, fd.net, fd.sip.name)
};

enum class Argument : uint8_t { kNone, kIndexOptional, kIndexRequired, kKeyOptional, kKeyRequired };

struct FieldRow {
  FieldId id;
  std::string_view name;
  Type type;
  Shape shape;
  Argument argument;
  HookMask hooks;  // hooks whose events can have it; 0: known, but not supplied by this engine
  std::string_view help;
};
const std::vector<FieldRow>& Fields();
const FieldRow& RowOf(FieldId id);
bool IsHostName(FieldId id);                       // fd.sip.name and its kin
const FieldRow* FindField(std::string_view name);  // by the table's name: "evt.arg", never "evt.arg.flags"

// Arguments of events (args.def): the names that evt.arg.NAME may take.
struct ArgRow {
  std::string_view name;
  Type type;       // of evt.rawarg.NAME; evt.arg.NAME is always text
  HookMask hooks;  // where evt.arg.NAME is supplied
};
const std::vector<ArgRow>& Args();
const ArgRow* FindArg(std::string_view name);

// One use of a field: the field and its argument. proc.aname[2] has index 2; proc.aname has index -1. The
// argument of evt.arg, evt.rawarg, evt.type.is and thread.cgroup is written with a dot: evt.arg.flags has
// argument "flags".
struct FieldUse {
  FieldId field{};
  int32_t index = -1;    // kIndex*: the number given
  std::string argument;  // kKey*: the key given, "" when none

  // A field with kIndexOptional and shape kAny is scalar once an index is given.
  Shape shape() const;
  Type type() const;         // evt.rawarg.NAME: the argument's
  HookMask hooks() const;    // as the row's; for evt.arg.NAME only where that argument is supplied
  std::string Name() const;  // as written: "proc.aname[2]"
  friend bool operator==(const FieldUse&, const FieldUse&) = default;
  friend auto operator<=>(const FieldUse&, const FieldUse&) = default;
};

enum class FieldFault : uint8_t {
  kNone,
  kUnknownField,
  kUnknownArg,  // evt.arg.NAME of no event
  kArgumentMissing,
  kArgumentNotAllowed,
  kArgumentNotANumber,  // or one above kMaxFieldIndex
};
inline constexpr int32_t kMaxFieldIndex = 65535;

// Resolves `name[argument]` (or a dotted argument within `name`) into `use`.
FieldFault ResolveField(std::string_view name, std::optional<std::string_view> argument, FieldUse& use);

// "proc.aname[2]", "evt.arg.flags", "proc.env[PATH]"; nothing when it is no use of a field.
std::optional<FieldUse> ParseFieldUse(std::string_view text);

}  // namespace sluice::check
