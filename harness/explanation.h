// harness/explanation.h - why a condition is true or false of an event.
//
// Threads: none shared. Memory: borrows. Errors: none.
#pragma once

#include "compiler/diag/diag.h"
#include "runtime/eval/evaluator.h"

namespace sluice::harness {

// REQUIRES: `evaluator` has begun the event, with the plan that `rule` is of.
class Explanation {
 public:
  Explanation(eval::Evaluator& evaluator, const check::CheckedRule& rule, const source::Files& files)
      : evaluator_(evaluator), rule_(rule), files_(files) {}

  eval::Truth Whole() { return Of(rule_.condition); }
  // Parts of the outermost `and` that are not true; of another condition 0 or 1.
  size_t Lacking();

  // Every predicate with its truth and its field's value, a line each, laid out as the condition is nested.
  std::string Table();
  // At the words that decide: "false: `proc.name` is `cat`".
  std::vector<diag::Label> Decisive();

 private:
  eval::Truth Of(const check::Condition& condition);
  std::string ValueOf(check::PredicateId predicate);
  std::string TextOf(const check::Condition& condition);
  void AddRows(const check::Condition& condition, size_t depth);
  void AddDecisive(const check::Condition& condition, std::vector<diag::Label>& labels);

  struct Row {
    std::string text, truth, value;
  };
  eval::Evaluator& evaluator_;
  const check::CheckedRule& rule_;
  const source::Files& files_;
  std::vector<Row> rows_;
};

std::string_view TruthName(eval::Truth truth);

}  // namespace sluice::harness
