// eval/question.h - a predicate, compiled: shapes, absence and unknown around a Comparison.
//
// Threads: const after construction. Memory: owns its constants. Errors: none.
#pragma once

#include <memory>

#include "compiler/check/checked.h"
#include "runtime/eval/comparison.h"

namespace sluice::eval {

class Question {
 public:
  explicit Question(const check::Predicate& predicate);

  // `right` is looked at only when HasRight().
  Truth Ask(const Value& left, const Value& right) const;
  bool HasRight() const { return test_ == nullptr && op_ != ast::Op::kExists; }

 private:
  Truth AskOne(const Value& left, const Value& right) const;
  Truth AskList(const Value& left) const;
  Truth AskLists(const Value& left, const Value& right) const;
  Truth Exists(const Value& left) const;

  ast::Op op_;
  check::Shape shape_;
  bool every_;  // true of every element, not of some
  std::unique_ptr<Comparison> test_;
};

}  // namespace sluice::eval
