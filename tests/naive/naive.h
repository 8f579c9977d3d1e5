// tests/naive/naive.h - what a rule means, as plainly as it can be written down. For tests only.
//
// Works on the tree of the parser, looks macros and lists up by itself for every event, and shares no code
// with check/, norm/, split/, uplan/ or eval/. It is slow on purpose. Where it and the engine differ, one of
// them is wrong.
//
// Meaning (Falco's): a comparison with an absent value is false, whatever the operator, and `not` of that is
// true. A value that could not be had (kUnknown) makes a comparison unknown; and, or, not are then Kleene's.
//
// Threads: pure functions. Errors: REQUIRES rules that check/ accepts; anything else aborts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/ast/ast.h"

namespace sluice::naive {

struct Value {
  enum class Kind { kAbsent, kUnknown, kString, kInt, kBool, kList } kind = Kind::kAbsent;
  std::string text;
  int64_t number = 0;
  bool boolean = false;
  std::vector<Value> list;  // an ancestor's value each, the parent first
  bool partial = false;     // kList: further ancestors are not known

  static Value Unknown();
  static Value Of(std::string text);
  static Value Of(int64_t number);
  static Value OfBool(bool boolean);
  static Value Of(std::vector<Value> list, bool partial);
};

// By field as written: "fd.name", "evt.arg.flags". A list under "proc.aname" answers "proc.aname[2]" too ([1]
// is its first element); "proc.aname[0]" is the process itself: "proc.name". What is not there is absent.
using Event = std::map<std::string, Value>;

enum class Truth { kFalse, kTrue, kUnknown };

Truth Holds(const ast::RuleSet& rules, const ast::Expr& condition, const Event& event);

// For a failing test: the values one a line.
std::string Print(const Event& event);

}  // namespace sluice::naive
