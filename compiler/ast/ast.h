// ast/ast.h - what the author wrote, as a tree, with the place of every word.
//
// Produced by parse/ (and later by falco/), consumed by check/. Nothing is resolved here: a name is a name, a
// value is its text after unescaping. The naive evaluator of the tests works on this tree (with names
// resolved by check/).
//
// Threads: passive data. Memory: self-contained; no views.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/source/boxed.h"
#include "compiler/source/source.h"

namespace sluice::ast {

using source::Span;

// A word with its place. `quoted` tells "x" from x where it matters (a quoted word is never a list's name).
struct Word {
  std::string text;
  Span span;
  bool quoted = false;
};

// ---- conditions
// -----------------------------------------------------------------------------------------------

enum class Op : uint8_t {
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,  // = (also ==) != < <= > >=
  kContains,
  kIContains,
  kBContains,
  kStartsWith,
  kBStartsWith,
  kEndsWith,
  kGlob,
  kIGlob,
  kRegex,
  kIn,
  kIntersects,
  kPmatch,
  kExists,
};
// As written in a condition: "=", "startswith", ...
std::string_view OpName(Op op);

// `= oneof (a, b)` and its kin.
enum class Quantifier : uint8_t { kNone, kOneOf, kAnyOf, kAllOf };

// proc.aname[2]: name "proc.aname", argument "2". The span covers both.
struct Field {
  Word name;
  source::Boxed<Word> argument;
  Span span;
};

struct Operand;

// tolower(proc.name), concat(a, b), getopt(proc.args, "x")[0]
struct Transform {
  Word name;
  std::vector<Operand> arguments;
  source::Boxed<Word> index;
  Span span;
};

// An argument of a transformer, the left side of a check, or val(...) / a transformer on its right side.
struct Operand {
  enum class Kind : uint8_t { kField, kTransform, kLiteral, kTuple } kind = Kind::kField;
  Field field;                           // kField
  std::shared_ptr<Transform> transform;  // kTransform
  source::Boxed<Word> literal;           // kLiteral
  source::BoxedVector<Operand> tuple;    // kTuple: ("a", proc.name) inside a transformer
  Span span;
};

// LEFT OP [QUANTIFIER] RIGHT
struct Check {
  Operand left;
  Op op = Op::kEq;
  Span op_span;
  Quantifier quantifier = Quantifier::kNone;
  // Right side, one of: nothing (exists); an operand (val(f) or a transformer); words. A list operator's
  // right side
  // `(a, b)` gives words with `parenthesised`; `in name` gives one word without.
  std::shared_ptr<const Operand> right;
  std::vector<Word> values;
  bool parenthesised = false;
  Span values_span;
};

struct Expr {
  enum class Kind : uint8_t { kAnd, kOr, kNot, kCheck, kMacro } kind = Kind::kCheck;
  source::BoxedVector<Expr> children;  // kAnd, kOr: two or more, as written; kNot: one
  std::shared_ptr<Check> check;        // kCheck
  source::Boxed<Word> macro;           // kMacro
  Span span;
};

// ---- blocks
// ---------------------------------------------------------------------------------------------------

struct List {
  Word name;
  std::vector<Word> items;             // an unquoted item may name another list
  std::vector<Word> allowed_warnings;  // `# allow: slug` comments directly above the block
  Span span;                           // of the whole block
};

struct Macro {
  Word name;
  Expr condition;
  std::vector<Word> allowed_warnings;
  Span span;
  bool lenient = false;  // Falco's: a fault of its names and types counts once a rule uses it
};

enum class Priority : uint8_t {
  kEmergency,
  kAlert,
  kCritical,
  kError,
  kWarning,
  kNotice,
  kInformational,
  kDebug
};
std::string_view PriorityName(Priority priority);  // Falco's spelling: "Emergency", ...

enum class Action : uint8_t { kAlert, kDeny, kKill };
std::string_view ActionName(Action action);

enum class OnUnknown : uint8_t { kAllow, kDeny };
enum class Mode : uint8_t { kEnforce, kAudit };

// N [processes] per TIME [by FIELD, ...]
struct Rate {
  uint64_t count = 0;
  bool of_processes = false;  // a fuse's
  uint64_t period_ns = 0;
  std::vector<Field> by;
  Span span;
};

// then: add %field to SET for TIME
struct Then {
  Field field;
  Word set;
  uint64_t period_ns = 0;
  Span span;
};

struct Scope {
  enum class Kind : uint8_t { kAll, kUid, kCgroup, kPercent } kind = Kind::kAll;
  uint64_t number = 0;  // kUid, kPercent (1 to 100)
  std::string path;     // kCgroup
  Span span;
};

struct Exception {
  Word name;
  std::vector<Operand> fields;
  std::vector<Word> comps;
  std::vector<std::vector<std::vector<Word>>> values;  // row -> field -> words (several: a tuple)
  // A value that is val(proc.pname) or a transformer; its one word is its text.
  struct Reference {
    size_t row = 0, column = 0;
    std::shared_ptr<const Operand> operand;
  };
  std::vector<Reference> references;
  Span span;

  std::shared_ptr<const Operand> ReferenceAt(size_t row, size_t column) const;  // null: words
};

// A rule without what it asks.
struct RuleKeys {
  Word name;
  Word desc;
  Word output;
  Priority priority = Priority::kDebug;
  Action action = Action::kAlert;
  Span action_span;
  int errno_value = 1;  // EPERM
  OnUnknown on_unknown = OnUnknown::kAllow;
  Mode mode = Mode::kEnforce;
  std::vector<Word> tags;
  bool enabled = true;
  bool skip_if_unknown_field =
      false;  // Falco's skip-if-unknown-filter: an unknown field drops the rule, with a warning
  source::Boxed<Word> source;  // see SourceOf()
  source::Boxed<Rate> throttle;
  source::Boxed<Then> then;
  source::Boxed<Scope> scope;  // see ScopeOf()
  source::Boxed<Rate> fuse;
  source::BoxedVector<Word> allowed_warnings;  // `# allow: slug` comments directly above the block
  Span span;
};
std::string_view SourceOf(const RuleKeys& rule);  // "syscall" unless given
const Scope& ScopeOf(const RuleKeys& rule);       // everything unless given

struct Rule : RuleKeys {
  Expr condition;
  std::vector<Exception> exceptions;
};

// One value of a test event: a word, or an array of words.
struct TestValue {
  Word key;
  std::vector<Word> words;
  bool array = false;
};

// `event: execve { proc.name: bash, proc.aname: [nginx, systemd] }`; `event: nginx -> sh -> curl` is a chain.
// What a chain's words mean is the harness's affair.
struct TestEvent {
  Word type;  // empty text for a chain
  std::vector<TestValue> values;
  std::vector<Word> chain;
  Span span;
};

// What a test expects of all its events together.
enum class Expected : uint8_t {
  kAlert,
  kDeny,
  kKill,
  kAudit,      // a mitigation that is not enforced
  kUndecided,  // a value could not be had
  kNo,         // the rule does not fire
  kNothing,    // no rule fires
  kNothingElse,
  kDropped,  // no rule fires, and the kernel sends nothing
};
std::string_view ExpectedName(Expected expected);  // as written: "alert", "nothing else", ...
inline bool NamesRule(Expected expected) { return expected <= Expected::kNo; }

struct Expectation {
  Expected what = Expected::kAlert;
  Word rule;  // where NamesRule()
  std::optional<Word> output;
  std::optional<uint64_t> times;  // exactly so many alerts
  std::vector<TestValue> fields;
  Span span;
};

struct Test {
  Word name;
  std::vector<TestEvent> events;
  std::vector<Expectation> expectations;
  std::optional<Word> capture;  // in place of events; relative to the test's file
  std::optional<Word> trigger;
  Span span;
};

struct RuleSet {
  std::vector<List> lists;
  std::vector<Macro> macros;
  std::deque<Rule> rules;  // check/ may free them one by one
  std::vector<Test> tests;
  // Names of lists, macros and rules that are left out for a fault that has been told: what refers to them is
  // no fault of its own.
  std::vector<Word> broken;
};

// Stable text of the tree: what `explain --emit parse` prints and goldens hold.
std::string Print(const RuleSet& rules);
std::string Print(const Expr& expr);

}  // namespace sluice::ast
