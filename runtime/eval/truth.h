// eval/truth.h - true, false, and not known.
//
// Unknown arises only from a value that could not be had; an absent field is plainly false. Threads: pure
// functions.
#pragma once

#include <cstdint>

namespace sluice::eval {

enum class Truth : uint8_t { kFalse, kTrue, kUnknown };

inline Truth TruthOf(bool value) { return value ? Truth::kTrue : Truth::kFalse; }

inline Truth Not(Truth truth) {
  if (truth == Truth::kUnknown) return truth;
  return TruthOf(truth == Truth::kFalse);
}

inline Truth And(Truth a, Truth b) {
  if (a == Truth::kFalse || b == Truth::kFalse) return Truth::kFalse;
  return a == Truth::kTrue && b == Truth::kTrue ? Truth::kTrue : Truth::kUnknown;
}

inline Truth Or(Truth a, Truth b) { return Not(And(Not(a), Not(b))); }

}  // namespace sluice::eval
