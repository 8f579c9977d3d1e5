// split/text.h - what can be said of a string predicate without an event.
//
// Two uses: a field whose possible values are known in advance (evt.type, evt.hook) is decided by asking each
// of them; and a pattern that is only a plain text, prefix or suffix in disguise is recognised.
//
// Threads: pure functions. Errors: none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/check/checked.h"

namespace sluice::split {

// The truth of `predicate` when its left side is the text `value`; nothing for operators that need user
// space.
std::optional<bool> TruthOf(const check::Predicate& predicate, std::string_view value);

// `=`, `!=`, `in` and their quantified forms as membership in predicate.values.
struct Membership {
  bool complement = false;  // present and not a member
  bool never = false;       // false whatever the value (`= anyof ()`)
};
std::optional<Membership> MembershipOf(const check::Predicate& predicate);

// True when the predicate holds if its operator holds for any one of predicate.values.
bool AnyValueDecides(const check::Predicate& predicate);

// What a pattern matches: one text, all that start or end with one, everything present, or something else.
struct Shape {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kEverything, kOther } kind = Kind::kOther;
  std::string text;
};
Shape GlobShape(std::string_view pattern);
Shape RegexShape(std::string_view pattern);

// The path components of a pmatch value, joined by single slashes, none at either end; "" is the root.
// Nothing when a component holds a wildcard.
std::optional<std::string> PlainPath(std::string_view value);

}  // namespace sluice::split
