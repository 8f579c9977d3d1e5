// check/values.h - constants: an author's word -> a Value of a field's type. Private to check/.
//
// Threads: pure functions; no NSS, no DNS. Errors: a sentence that says what the word is not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "compiler/check/checked.h"

namespace sluice::check {

// Why a word is no constant of the type, and what to write instead. Both are empty when it is one.
struct ValueFault {
  std::string message;
  std::string help;
  bool ok() const { return message.empty(); }
};

// Fills `value` with the constant that `word` means where a field of `type` is compared by `op`. `regex_size`: of a
// regular expression, its instructions; otherwise untouched. One takes about 60 bytes once it is matched.
ValueFault ParseValue(Type type, ast::Op op, const ast::Word& word, Value& value, uint64_t& regex_size);

// Of a value that fs.verity.digest is compared with as a whole.
ValueFault DigestFault(std::string_view text);

std::optional<int64_t> ParseInteger(std::string_view text);  // decimal or 0x..., with an optional sign
std::optional<Net> ParseAddress(std::string_view text);      // the net has the address's full prefix
std::optional<Net> ParseNet(std::string_view text);          // a.b.c.d/n, h::/n, or an address
std::optional<uint16_t> ParsePort(std::string_view text);    // a number or a service of services.def

}  // namespace sluice::check
