// fmt/format.h - the one layout of a .rule file.
//
// Words, comments and the order of blocks and keys stay as the author wrote them; blanks and line ends are
// made anew. A line break that the author put before `and` or `or` stays; others are put in where a line
// would be too long. The result is read again and compared: a layout that means something else is never
// returned.
//
// Threads: pure functions. Errors: E1xx diagnostics of the parser. Cost: three parses of the text.
#pragma once

#include <string>

#include "compiler/diag/diag.h"
#include "compiler/parse/limits.h"
#include "compiler/source/source.h"

namespace sluice::fmt_stage {  // sluice::fmt would hide the library of that name

struct Formatted {
  enum class Outcome : uint8_t {
    kDone,
    kBroken,   // the file has errors, which are in the diagnostics
    kRefused,  // a fault of the formatter: the layout would mean something else
  } outcome = Outcome::kBroken;
  std::string text;  // kDone
};

Formatted Format(const source::Files& files, source::FileId file, const parse::Limits& limits,
                 diag::Diagnostics& diagnostics);

// A few lines around each change, with `-` and `+`; at most `max_lines` of them.
std::string ShortDiff(std::string_view before, std::string_view after, size_t max_lines);

}  // namespace sluice::fmt_stage
