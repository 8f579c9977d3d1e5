// naive/naive.h - what a rule means, as plainly as it can be written down. For tests and `sluice test` only.
//
// Works on the tree of the parser, looks macros and lists up by itself, and shares no code with check/ (but
// its table of service names), norm/, split/, uplan/ or eval/. Nothing is shared between rules and nothing is
// decided beforehand. Where it and the engine differ, one of them is wrong.
//
// Meaning (Falco's): a comparison with an absent value is false, whatever the operator, and `not` of that is
// true. A value that could not be had (kUnknown) makes a comparison unknown; and, or, not are then Kleene's.
//
// Threads: an Evaluator belongs to one thread; the rules may be shared. Memory: borrows the rules; keeps the
//          words of each list that was asked for. Errors: REQUIRES rules that check/ accepts; anything else
//          aborts.
// Cost:    linear in the condition and its words, for every event.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/ast/ast.h"

namespace sluice::naive {

struct Value {
  enum class Kind : uint8_t {
    kAbsent,
    kUnknown,
    kString,
    kInt,
    kPort,
    kDouble,
    kBool,
    kNet,
    kList
  } kind = Kind::kAbsent;
  // Several values: a test is true of any; of any but `!=` of every (the ends of a connection); `in` of every
  // and of none at all (Falco's list fields).
  enum class Many : uint8_t { kAny, kEither, kAll };

  std::string text;    // kString; kNet: as written
  int64_t number = 0;  // kInt, kPort
  double real = 0;     // kDouble
  bool boolean = false;
  std::string address;      // kNet: 16 bytes, an IPv4 address as ::ffff:a.b.c.d
  int bits = 0;             // kNet: of the 16 bytes
  std::vector<Value> list;  // kList: an ancestor's value each, the parent first; kString: its words as a list
  Many many = Many::kAny;   // kList
  bool partial = false;     // kList: further ancestors are not known

  static Value Unknown();
  static Value Of(std::string text);
  static Value Of(int64_t number);
  static Value OfPort(int64_t number);
  static Value OfDouble(double real);
  static Value OfBool(bool boolean);
  static Value OfNet(const std::string& text);  // an address or a net; absent when it is neither
  static Value Of(std::vector<Value> list, bool partial, Many many = Many::kAny);
};

// By field as written: "fd.name", "evt.arg.flags". A list under "proc.aname" answers "proc.aname[2]" too ([1]
// is its first element); "proc.aname[0]" is the process itself: "proc.name". What is not there is absent.
using Event = std::map<std::string, Value, std::less<>>;

enum class Truth : uint8_t { kFalse, kTrue, kUnknown };

class Evaluator {
 public:
  explicit Evaluator(const ast::RuleSet& rules);
  ~Evaluator();

  Truth Holds(const ast::Expr& condition, const Event& event);
  // The condition, and none of the rows of its exceptions.
  Truth Holds(const ast::Rule& rule, const Event& event);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whether a rule's scope takes in the event: by user.uid, by proc.exepath or by thread.cgroups.
bool InScope(const ast::Scope& scope, const Event& event);

// For a failing test: the values one a line.
std::string Print(const Event& event);

// ---- parts of it, in files of their own

// One comparison of single values. A net on the right holds every address in it.
bool Compare(ast::Op op, const Value& left, const Value& right);
// A word as a value of the kind that it is compared with.
Value As(Value::Kind kind, ast::Op op, const std::string& word);
// The value of an operand: a field, or transformers over fields.
Value ValueOf(const Event& event, const ast::Operand& operand);
const Value& ValueOf(const Event& event, const ast::Field& field);

}  // namespace sluice::naive
