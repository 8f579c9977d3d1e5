// check/checked.h - rules with every name resolved and every type checked.
//
// Predicates are interned: two rules that ask the same question share one PredicateId, which is what lets the
// evaluator ask it once per event. A predicate has Falco's meaning: false when its field is absent, whatever
// the operator; so a negation is kept as kNot and never pushed into the operator.
//
// Threads: passive data, immutable after Check(). Memory: self-contained, except spans (into source::Files).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/ast/ast.h"
#include "compiler/check/field.h"
#include "compiler/check/shared_vector.h"

namespace sluice::check {

using PredicateId = uint32_t;
using RuleId = uint32_t;  // index in load order

// An IPv4 address is held as its IPv4-mapped IPv6 address; `v4` keeps the family.
struct Address {
  std::array<uint8_t, 16> bytes{};
  bool v4 = false;
  friend bool operator==(const Address&, const Address&) = default;
  friend auto operator<=>(const Address&, const Address&) = default;
};
struct Net {
  Address address;     // host bits are zero
  uint8_t prefix = 0;  // bits of the family's own address: 0..32 or 0..128
  friend bool operator==(const Net&, const Net&) = default;
  friend auto operator<=>(const Net&, const Net&) = default;
};

// A constant of the type of the field it is compared with.
struct Value {
  std::string text;    // kString, kPath, kBytes (bcontains: already decoded); else the author's text
  int64_t number = 0;  // kInt, kFlags, kBool (0 or 1), kTime, kPort
  double real = 0;     // kDouble
  Net net;             // kAddress (full prefix), kNet
  friend bool operator==(const Value&, const Value&) = default;
  friend auto operator<=>(const Value&, const Value&) = default;
};

enum class TransformKind : uint8_t { kToLower, kToUpper, kBase64, kBasename, kLen, kJoin, kConcat, kGetopt };

// Left or right side: a field, or a transformer over terms, or a constant inside a transformer.
struct Term {
  enum class Kind : uint8_t { kField, kTransform, kLiteral, kTuple } kind = Kind::kField;
  TransformKind transform{};
  char index = '\0';  // getopt(...)[index]
  Type type = Type::kString;
  Shape shape = Shape::kScalar;
  FieldUse field;
  source::BoxedVector<Term> arguments;
  // kLiteral: one; kTuple of constants: its elements. With fields in it, all elements are in `arguments`.
  source::BoxedVector<std::string> texts;
  friend bool operator==(const Term&, const Term&) = default;
};

struct Predicate {
  Term left;
  ast::Op op = ast::Op::kEq;
  ast::Quantifier quantifier = ast::Quantifier::kNone;
  std::vector<Value> values;  // constants, lists expanded, order as written, duplicates removed for `in`
  source::BoxedVector<Term> right;  // one term for val(...) or a transformer; else empty
  friend bool operator==(const Predicate&, const Predicate&) = default;
};

struct Condition {
  enum class Kind : uint8_t { kTrue, kFalse, kAnd, kOr, kNot, kPredicate } kind = Kind::kTrue;
  PredicateId predicate = 0;
  source::BoxedVector<Condition> children;
  source::Span span;  // the words in the rule or macro that this node came from
};

// A piece of an output text: literal, or a term to print.
struct OutputPiece {
  std::string text;          // of a term its name as written, the key in output_fields: "proc.aname[2]"
  source::Boxed<Term> term;  // none: literal
  uint16_t width = 0;        // %20proc.name
};
// Equal pieces of all outputs are one.
using Output = std::vector<std::shared_ptr<const OutputPiece>>;

struct CheckedRule {
  ast::RuleKeys rule;  // as written
  Condition condition;
  Output output;
  source::BoxedVector<FieldUse> throttle_by;
  source::Boxed<FieldUse> then_field;  // whose value `then` adds
};

// A predicate that was replaced by its truth, because the hook comes before the call's result (results.h).
// For `explain`.
struct Assumption {
  RuleId rule = 0;
  source::Span span;
  std::string predicate;  // canonical text
  bool value = false;
  bool asks_result = false;  // else one of Falco's ways to say always or never
};

struct CheckedRules {
  SharedVector<Predicate> predicates;      // by PredicateId
  std::vector<source::Span> predicate_at;  // first place of each
  SharedVector<CheckedRule> rules;         // by RuleId, load order; disabled rules are left out
  std::vector<ast::Test> tests;
  std::vector<Assumption> assumptions;  // by rule
  // Rules of another source or that skip-if-unknown-filter drops, and macros with faults that no other rule
  // uses.
  std::vector<std::string> left_out_rules, left_out_macros;
};

std::string Print(const Predicate& predicate);  // canonical Falco text
// Whether it compares the name of a host with names, which are then to be looked up (runtime/hosts).
bool LooksUpHosts(const Predicate& predicate);
uint64_t HashOf(const Predicate& predicate);   // equal predicates have equal hashes, within one run
std::string Print(const CheckedRules& rules);  // --emit check

}  // namespace sluice::check
