// parse/values.h - the small values that keys hold: strings, durations, names out of a fixed set.
//
// Threads: pure functions. Errors: an empty optional; the caller knows the place and says what was wrong.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/ast/ast.h"

namespace sluice::parse {

// The text of a quoted string, its quotes included in `raw`. Escapes are Falco's: \b \f \n \r \t \\ \/ \xHH,
// \" in
// "..." and \' in '...', and backslash-blank, which is a backslash alone. Any other is kept as written and
// told to `bad(offset in raw, length)`.
std::string Unescape(std::string_view raw, const std::function<void(size_t, size_t)>& bad);

// 10ms, 30s, 10m, 1h, 1d: more than nothing, and at most about 292 years (what fits a signed count of
// nanoseconds).
std::optional<uint64_t> ParseDuration(std::string_view text);

std::optional<uint64_t> ParseCount(std::string_view text);  // decimal digits only

std::optional<int> ErrnoNumber(std::string_view name);
const std::vector<std::string_view>& ErrnoNames();

std::optional<ast::Priority> ParsePriority(std::string_view text);  // any case; also "info", as in Falco

// What Falco's grammar takes after < <= > >=.
const std::vector<std::string_view>& TransformerNames();
bool IsNumber(std::string_view text);
bool IsIdentifier(std::string_view text);

}  // namespace sluice::parse
