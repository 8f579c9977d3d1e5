// eval/render.h - numbers as Falco writes them: flags, modes, capabilities, times.
//
// Threads: pure functions (local time reads the time zone once). Memory: results are in the arena given.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "compiler/check/checked.h"
#include "compiler/check/flag_names.h"
#include "runtime/eval/arena.h"

namespace sluice::eval {

// "O_TRUNC|O_CREAT|O_WRONLY": f_flags, and O_F_CREATED when the word says so (SLUICE_FLAG_CREATED).
std::string_view RenderOpenFlags(uint64_t word, Arena& arena);
std::string_view RenderImageFlags(uint64_t image_flags, Arena& arena);  // "EXE_UPPER_LAYER|EXE_FROM_MEMFD"
std::string_view RenderFlags(uint64_t word, const check::NameTable& names, Arena& arena);
std::string_view RenderCapabilities(uint64_t set, Arena& arena);  // "CAP_CHOWN CAP_SYS_ADMIN"

struct Endpoint {
  const check::Net* address = nullptr;  // null: not known
  int64_t port = 0;                     // SLUICE_ABSENT_INT: none
};
// "10.0.0.1:4000->10.0.0.2:80"; without a remote end the local one alone; a local end that is not known is 0.
std::string_view RenderTuple(const Endpoint& local, const Endpoint& remote, Arena& arena);

std::string_view RenderNumber(int64_t number, Arena& arena);
std::string_view RenderHex(uint64_t number, Arena& arena);
std::string_view RenderOctal(uint64_t number, Arena& arena);

enum class TimeStyle : uint8_t { kTime, kTimeSeconds, kIso8601, kDatetime, kDatetimeSeconds };
// `utc_offset_s`: of local time; none: as this machine has it.
std::string_view RenderTime(int64_t unix_ns, std::optional<int32_t> utc_offset_s, TimeStyle style,
                            Arena& arena);

}  // namespace sluice::eval
