#include "compiler/check/contradictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>
#include <unordered_set>

#include "compiler/check/known_text.h"
#include "compiler/check/sets.h"
#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

using ast::Op;
using Kind = Condition::Kind;

constexpr size_t kMaxAssumed = 64;
constexpr size_t kMaxComparisons = 250'000;  // of values, for one condition

bool IsText(Type type) { return type == Type::kString || type == Type::kPath; }

bool IsWhole(Type type) {
  return type == Type::kInt || type == Type::kFlags || type == Type::kBool || type == Type::kTime ||
         type == Type::kPort;
}

// One value at a time, of a type whose equality KeyOf() knows.
bool HasOneValue(const Term& term) {
  return term.shape == Shape::kScalar && (IsText(term.type) || IsWhole(term.type) ||
                                          term.type == Type::kBytes || term.type == Type::kAddress);
}

// Equal keys are equal values: the text is canonical where the type is not a text.
std::string_view KeyOf(const Value& value, Type type) {
  if (type != Type::kAddress) return value.text;
  const auto& bytes = value.net.address.bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Any of its constants decides.
bool AnyDecides(const Predicate& predicate) {
  return predicate.right.empty() &&
         (predicate.quantifier == ast::Quantifier::kNone || predicate.quantifier == ast::Quantifier::kAnyOf);
}

bool IsSelection(const Predicate& predicate) {
  return AnyDecides(predicate) &&
         (predicate.op == Op::kEq || predicate.op == Op::kIn || predicate.op == Op::kIntersects);
}

bool IsExact(Op op) { return op == Op::kEq || op == Op::kNe || op == Op::kIn || op == Op::kIntersects; }

// An environment may hold a name twice: a mitigation asks each of them.
bool IsVariable(const Term& term) {
  return term.kind == Term::Kind::kField && term.field.field == FieldId::kProcEnv;
}

// ---- one value

// Not where it would take an engine of its own to say.
bool CanTell(const Predicate& test) {
  const bool pattern =
      test.op == Op::kGlob || test.op == Op::kIGlob || test.op == Op::kRegex || test.op == Op::kPmatch;
  return IsWhole(test.left.type) || IsExact(test.op) || (IsText(test.left.type) && !pattern);
}

// REQUIRES: CanTell(test), and any of its constants decides.
bool Passes(const Predicate& test, const Value& value) {
  const Type type = test.left.type;
  if (IsWhole(type)) return TestNumber(test, value.number);
  if (!IsExact(test.op)) return TestText(test, value.text);
  const bool equal = test.op != Op::kNe;
  return std::any_of(test.values.begin(), test.values.end(), [&](const Value& constant) {
    return (KeyOf(value, type) == KeyOf(constant, type)) == equal;
  });
}

// ---- many values at once

struct Range {
  int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
};

// Of a test for an order. Nothing where it is none, or no number passes it.
std::optional<Range> RangeOf(const Predicate& test, bool negated) {
  if (!IsWhole(test.left.type) || test.quantifier != ast::Quantifier::kNone || test.values.size() != 1)
    return std::nullopt;
  const int64_t value = test.values[0].number;
  Range range;
  const auto below = [&](bool itself) -> std::optional<Range> {
    if (!itself && value == range.least) return std::nullopt;
    range.most = itself ? value : value - 1;
    return range;
  };
  const auto above = [&](bool itself) -> std::optional<Range> {
    if (!itself && value == range.most) return std::nullopt;
    range.least = itself ? value : value + 1;
    return range;
  };
  switch (test.op) {
    case Op::kLt:
      return negated ? above(true) : below(false);
    case Op::kLe:
      return negated ? above(false) : below(true);
    case Op::kGt:
      return negated ? below(true) : above(false);
    case Op::kGe:
      return negated ? below(false) : above(true);
    default:
      return std::nullopt;
  }
}

bool RangesExclude(const Predicate& a, const Predicate& b, bool b_negated) {
  const std::optional<Range> x = RangeOf(a, false), y = RangeOf(b, b_negated);
  return x && y && std::max(x->least, y->least) > std::min(x->most, y->most);
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// No text has both parts, at its beginning or at its end.
bool PartsExclude(Op a_op, const std::string& a, Op b_op, const std::string& b) {
  if (a_op == Op::kStartsWith && b_op == Op::kStartsWith) return !a.starts_with(b) && !b.starts_with(a);
  if (a_op == Op::kEndsWith && b_op == Op::kEndsWith) return !a.ends_with(b) && !b.ends_with(a);
  return false;
}

// Every text with one part has the other.
bool PartImplies(Op from_op, const std::string& from, Op to_op, const std::string& to) {
  const bool known = from_op == Op::kStartsWith || from_op == Op::kEndsWith || from_op == Op::kContains;
  switch (to_op) {
    case Op::kStartsWith:
      return from_op == to_op && from.starts_with(to);
    case Op::kEndsWith:
      return from_op == to_op && from.ends_with(to);
    case Op::kContains:
      return known && Contains(from, to);
    case Op::kIContains:
      return (known || from_op == to_op) && Contains(Lower(from), Lower(to));
    default:
      return false;
  }
}

// By the operators alone: whether PartsExclude() may be true of some parts.
bool MayPartsExclude(const Predicate& a, const Predicate& b, bool b_negated) {
  if (!IsText(a.left.type)) return false;
  return b_negated ? PartImplies(a.op, "", b.op, "") : PartsExclude(a.op, "a", b.op, "b");
}

bool PartsExclude(const Predicate& a, const Predicate& b, bool b_negated) {
  if (a.values.empty()) return false;
  return std::all_of(a.values.begin(), a.values.end(), [&](const Value& x) {
    if (b_negated) {
      return std::any_of(b.values.begin(), b.values.end(),
                         [&](const Value& y) { return PartImplies(a.op, x.text, b.op, y.text); });
    }
    return !b.values.empty() && std::all_of(b.values.begin(), b.values.end(), [&](const Value& y) {
      return PartsExclude(a.op, x.text, b.op, y.text);
    });
  });
}

}  // namespace

std::optional<Contradiction> ContradictionFinder::Find(const Condition& condition, bool mitigation) {
  mitigation_ = mitigation;
  budget_ = kMaxComparisons;
  const std::optional<Pair> found = Refute(condition, false);
  if (!found || found->constant) return std::nullopt;
  const bool negation = found->at.predicate == found->with.predicate;
  return Contradiction{found->at.span, found->with.span,
                       negation ? "it asks for a test and for its negation"
                                : fmt::format("no value of `{}` passes both tests",
                                              TermText(predicates_.at(found->at.predicate).left))};
}

// What every part of an `and` asks for is assumed first: each way through its alternatives leads through all of that.
std::optional<ContradictionFinder::Pair> ContradictionFinder::Refute(const Condition& condition,
                                                                     bool negated) {
  const size_t before = assumed_.size();
  Alternatives open;
  std::optional<Pair> found = Assume(condition, negated, open);
  for (size_t i = 0; i < open.size() && !found; ++i) found = RefuteEach(*open[i].first, open[i].second);
  assumed_.resize(before);
  return found;
}

std::optional<ContradictionFinder::Pair> ContradictionFinder::RefuteEach(const Condition& alternatives,
                                                                         bool negated) {
  std::optional<Pair> first;
  for (const Condition& child : alternatives.children) {
    const std::optional<Pair> found = Refute(child, negated);
    if (!found) return std::nullopt;
    if (!first || first->constant) first = found;
  }
  return first;
}

std::optional<ContradictionFinder::Pair> ContradictionFinder::Assume(const Condition& condition, bool negated,
                                                                     Alternatives& alternatives) {
  switch (condition.kind) {
    case Kind::kTrue:
    case Kind::kFalse:
      if ((condition.kind == Kind::kTrue) != negated) return std::nullopt;
      return Pair{.at = {}, .with = {}, .constant = true};
    case Kind::kNot:
      return Assume(condition.children[0], !negated, alternatives);
    case Kind::kPredicate:
      return Assume({condition.predicate, negated, condition.span});
    case Kind::kAnd:
    case Kind::kOr:
      break;
  }
  if ((condition.kind == Kind::kAnd) == negated) {
    alternatives.emplace_back(&condition, negated);
    return std::nullopt;
  }
  for (const Condition& child : condition.children) {
    if (const std::optional<Pair> found = Assume(child, negated, alternatives)) return found;
  }
  return std::nullopt;
}

std::optional<ContradictionFinder::Pair> ContradictionFinder::Assume(const Literal& literal) {
  for (const Literal& earlier : assumed_) {
    if (Exclude(earlier, literal)) return Pair{.at = literal, .with = earlier};
  }
  if (assumed_.size() < kMaxAssumed) assumed_.push_back(literal);
  return std::nullopt;
}

bool ContradictionFinder::Exclude(const Literal& a, const Literal& b) {
  if (a.predicate == b.predicate) return a.negated != b.negated;
  if (a.negated && b.negated) return false;
  const Predicate &x = predicates_.at(a.predicate), &y = predicates_.at(b.predicate);
  if (x.left != y.left || !HasOneValue(x.left)) return false;
  if (mitigation_ && MayNameFile(x.left) && !(IsExact(x.op) && IsExact(y.op))) return false;
  if (mitigation_ && IsVariable(x.left)) return false;
  const bool excludes =
      (!a.negated && Excludes(x, y, b.negated)) || (!b.negated && Excludes(y, x, a.negated));
  return excludes && !AsksASet(x) && !AsksASet(y);
}

// Whether what passes `holds` fails `other`.
bool ContradictionFinder::Excludes(const Predicate& holds, const Predicate& other, bool negated) {
  if (other.op == Op::kExists) return negated;
  if (!AnyDecides(holds) || !AnyDecides(other)) return false;
  if (IsSelection(holds)) return NoValuePasses(holds, other, negated);
  if (RangesExclude(holds, other, negated)) return true;
  return MayPartsExclude(holds, other, negated) && Spend(holds.values.size() * other.values.size()) &&
         PartsExclude(holds, other, negated);
}

bool ContradictionFinder::NoValuePasses(const Predicate& selection, const Predicate& other, bool negated) {
  constexpr size_t kFew = 64;  // comparisons that cost less than a table
  const size_t pairs = selection.values.size() * other.values.size();
  if (!IsSelection(other) || pairs <= kFew) {
    if (!CanTell(other) || !Spend(pairs)) return false;
    return std::all_of(selection.values.begin(), selection.values.end(),
                       [&](const Value& value) { return Passes(other, value) == negated; });
  }
  if (!Spend(selection.values.size() + other.values.size())) return false;
  const Type type = selection.left.type;
  std::unordered_set<std::string_view> others;
  for (const Value& value : other.values) others.insert(KeyOf(value, type));
  return std::all_of(selection.values.begin(), selection.values.end(),
                     [&](const Value& value) { return (others.count(KeyOf(value, type)) != 0) == negated; });
}

bool ContradictionFinder::Spend(size_t steps) {
  if (steps > budget_) return false;
  budget_ -= steps;
  return true;
}

}  // namespace sluice::check
