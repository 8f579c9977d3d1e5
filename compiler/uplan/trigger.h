// uplan/trigger.h - what must be in a value for a predicate to be true of it. Private to uplan/.
//
// As re2's prefilter: a necessary condition, of which there is an index over all rules (user_plan.h: marks). A
// predicate whose values are compared whole, begin, end or occur in the text has one; a pattern has one when
// some literal part of it must be there.
//
// Threads: pure functions. Errors: none; no trigger means that the predicate is asked itself.
#pragma once

#include <optional>

#include "compiler/uplan/user_plan.h"

namespace sluice::uplan {

// Without one of these in the value, the predicate is false.
struct Trigger {
  enum class Kind : uint8_t { kValue, kPrefix, kPath, kSuffix, kSubstring };  // kValue: its own values, whole
  Kind kind = Kind::kValue;
  std::vector<std::string> texts;  // of kValue empty
};

// Nothing where the predicate could be true of a value without any of the texts.
std::optional<Trigger> TriggerOf(const check::Predicate& predicate);

// A guess at how often a value has `text`, or a part of an address or a number: 0 to 1. Without statistics a
// longer text is a rarer one.
double GuessFrequency(Trigger::Kind kind, std::string_view text);
double GuessFrequency(const check::Predicate& predicate, const check::Value& value);

}  // namespace sluice::uplan
