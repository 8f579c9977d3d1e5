// split/lower_kinds.h - one function a kind of subject: its predicate as a kernel test. Private to split/.
//
// Threads: pure functions. Errors: none; what has no table is kUser with the reason.
#pragma once

#include "compiler/check/operand.h"
#include "compiler/split/lower.h"

namespace sluice::split {

inline constexpr std::string_view kTextOperators =
    "`=`, `!=`, `in`, `startswith`, `endswith`, `contains`, `pmatch` and `exists`";
inline constexpr std::string_view kEndOperators =
    "`=`, `!=`, `in`, `startswith`, `endswith`, `pmatch` and `exists`";
inline constexpr std::string_view kExactOperators = "`=`, `!=`, `in` and `exists`";

Lowered Constant(bool value, std::string reason);
Lowered InUserSpace(diag::Code code, std::string reason, std::string help = {});
Lowered TestOf(uint32_t lookup, Test test, std::string how);
Lowered NoTable(const check::Predicate& predicate, std::string_view possible);

// `text` is a `contains` of bits of a flags word, shown by `names`.
Lowered LowerFlagNames(const check::Predicate& predicate, const check::NameTable& names);
Lowered LowerNumber(const check::Predicate& predicate, uint32_t number);
Lowered LowerText(const check::Predicate& predicate, uint32_t string);
Lowered LowerBaseName(const check::Predicate& predicate, uint32_t string);
Lowered LowerOperand(const check::Predicate& predicate, const check::Operand& operand);

}  // namespace sluice::split
