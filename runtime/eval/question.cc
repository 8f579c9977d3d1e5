#include "runtime/eval/question.h"

namespace sluice::eval {
namespace {

using ast::Op;
using check::Shape;
using Kind = Value::Kind;

// All of a list field's elements are in the list; `!=` is true of a connection when both of its ends differ.
bool TestsEvery(const check::Predicate& predicate) {
  if (predicate.left.shape == Shape::kList) return predicate.op == Op::kIn;
  return predicate.left.shape == Shape::kEither && predicate.op == Op::kNe;
}

}  // namespace

Question::Question(const check::Predicate& predicate)
    : op_(predicate.op), shape_(predicate.left.shape), every_(TestsEvery(predicate)) {
  if (op_ != Op::kExists && predicate.right.empty()) test_ = Compile(predicate);
}

Truth Question::Ask(const Value& left, const Value& right) const {
  if (left.kind == Kind::kAbsent) return Truth::kFalse;
  if (HasRight() && right.kind == Kind::kAbsent) return Truth::kFalse;
  if (left.kind == Kind::kUnknown) return Truth::kUnknown;
  if (HasRight() && right.kind == Kind::kUnknown) return Truth::kUnknown;
  if (op_ == Op::kExists) return Exists(left);
  if (left.kind != Kind::kList) return AskOne(left, right);
  return HasRight() ? AskLists(left, right) : AskList(left);
}

Truth Question::AskOne(const Value& left, const Value& right) const {
  if (test_ != nullptr) return test_->Of(left);
  if (right.kind != Kind::kList) return CompareValues(left, op_, right);
  Truth any = right.partial ? Truth::kUnknown : Truth::kFalse;
  for (const Value& element : *right.list) any = Or(any, CompareValues(left, op_, element));
  return any;
}

Truth Question::AskList(const Value& left) const {
  // Neither end of a connection, no ancestor: as absent. An empty list field is empty, and all of it is in
  // any list.
  if (left.list->empty() && !left.partial && shape_ != Shape::kList) return Truth::kFalse;
  Truth truth = TruthOf(every_);
  if (left.partial) truth = Truth::kUnknown;
  for (const Value& element : *left.list) {
    Truth one = Truth::kUnknown;
    if (element.kind == Kind::kAbsent) one = Truth::kFalse;
    if (element.kind != Kind::kAbsent && element.kind != Kind::kUnknown) one = test_->Of(element);
    truth = every_ ? And(truth, one) : Or(truth, one);
    if (truth == TruthOf(!every_)) break;
  }
  return truth;
}

Truth Question::AskLists(const Value& left, const Value& right) const {
  Truth truth = left.partial ? Truth::kUnknown : TruthOf(every_);
  for (const Value& element : *left.list) {
    const Truth one = AskOne(element, right);
    truth = every_ ? And(truth, one) : Or(truth, one);
  }
  return truth;
}

Truth Question::Exists(const Value& left) const {
  if (left.kind != Kind::kList || !left.list->empty()) return Truth::kTrue;
  if (left.partial) return Truth::kUnknown;
  return TruthOf(shape_ == Shape::kList);
}

}  // namespace sluice::eval
