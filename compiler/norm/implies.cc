#include "compiler/norm/implies.h"

#include <algorithm>

#include "compiler/norm/canonical.h"

namespace sluice::norm {
namespace {

using ast::Op;
using check::Predicate;
using check::Value;
using Kind = Condition::Kind;

bool IsPlain(const Predicate& predicate) {
  return predicate.quantifier == ast::Quantifier::kNone && predicate.right.empty() &&
         !predicate.values.empty();
}

bool IsText(const check::Term& term) {
  return term.type == check::Type::kString || term.type == check::Type::kPath;
}

bool StartsWith(const std::string& text, const std::string& part) {
  return text.compare(0, part.size(), part) == 0;
}
bool EndsWith(const std::string& text, const std::string& part) {
  return text.size() >= part.size() && text.compare(text.size() - part.size(), part.size(), part) == 0;
}

// Every text that passes `from` with `value` passes `to` with `part`.
bool TextImplies(Op from, const std::string& value, Op to, const std::string& part) {
  const bool whole = from == Op::kEq || from == Op::kIn;
  switch (to) {
    case Op::kStartsWith:
      return (whole || from == Op::kStartsWith) && StartsWith(value, part);
    case Op::kEndsWith:
      return (whole || from == Op::kEndsWith) && EndsWith(value, part);
    case Op::kContains:
      return (whole || from == Op::kStartsWith || from == Op::kEndsWith || from == Op::kContains) &&
             value.find(part) != std::string::npos;
    default:
      return false;
  }
}

}  // namespace

bool Implication::Spend(size_t steps) {
  if (steps > budget_) budget_ = 0;
  if (budget_ == 0) return false;
  budget_ -= steps;
  return true;
}

bool Implication::Implies(const Condition& from, const Condition& to) {
  if (!Spend(1)) return false;
  if (to.kind == Kind::kTrue || from.kind == Kind::kFalse) return true;
  if (to.kind == Kind::kFalse || from.kind == Kind::kTrue) return false;
  const auto from_implies = [&](const Condition& part) { return Implies(from, part); };
  const auto implies_to = [&](const Condition& part) { return Implies(part, to); };
  if (from.kind == Kind::kOr) return std::all_of(from.children.begin(), from.children.end(), implies_to);
  if (to.kind == Kind::kAnd) return std::all_of(to.children.begin(), to.children.end(), from_implies);
  if (to.kind == Kind::kOr && std::any_of(to.children.begin(), to.children.end(), from_implies)) return true;
  if (from.kind == Kind::kAnd) return std::any_of(from.children.begin(), from.children.end(), implies_to);
  return to.kind == Kind::kLiteral && LiteralImplies(from, to);
}

// The negation of an absent field's test is true: so `not from` implies `not to` just when `to` implies
// `from`, but no test implies the negation of another.
bool Implication::LiteralImplies(const Condition& from, const Condition& to) {
  if (from.negated != to.negated) return false;
  return from.negated ? PredicateImplies(to.predicate, from.predicate)
                      : PredicateImplies(from.predicate, to.predicate);
}

bool Implication::PredicateImplies(check::PredicateId from_id, check::PredicateId to_id) {
  if (from_id == to_id) return true;
  const Predicate &from = predicates_[from_id], &to = predicates_[to_id];
  if (from.left != to.left || from.left.shape == check::Shape::kList) return false;
  if (to.op == Op::kExists) return from.left.shape == check::Shape::kScalar;
  if (!IsPlain(from) || !IsPlain(to) || !Spend(from.values.size() + to.values.size())) return false;
  if (IsMembership(from) && IsMembership(to)) {
    if (from.left.type == check::Type::kNet) return false;
    const auto before = [](const Value& a, const Value& b) {
      return std::tie(a.number, a.real, a.text, a.net) < std::tie(b.number, b.real, b.text, b.net);
    };
    return std::includes(to.values.begin(), to.values.end(), from.values.begin(), from.values.end(), before);
  }
  if (!IsText(from.left) || to.values.size() != 1) return false;
  return std::all_of(from.values.begin(), from.values.end(), [&](const Value& value) {
    return TextImplies(from.op, value.text, to.op, to.values[0].text);
  });
}

}  // namespace sluice::norm
