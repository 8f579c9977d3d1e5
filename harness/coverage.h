// harness/coverage.h - which rules fired, and which predicates were seen true and seen false.
//
// A predicate is the words of one check, in a rule or in a macro (for all rules that use it together). It
// counts as seen at an event when a reading of the rule from left to right gets to it: an `and` ends at its
// first false part, an `or` at its first true one. So a predicate behind `evt.type = execve` is not seen by
// opens.
//
// Threads: one Coverage a thread, then Merge(). Memory: borrows the Suite. Errors: none; a value that could
//          not be had is neither true nor false.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "harness/suite.h"
#include "runtime/eval/evaluator.h"

namespace sluice::harness {

struct Seen {
  source::Span span;  // where a reader finds the words
  std::string text;
  uint64_t is_true = 0, is_false = 0;
};

class Coverage {
 public:
  explicit Coverage(const Suite& suite);

  // REQUIRES: `evaluator` has begun the event, with the plan as written.
  void See(eval::Evaluator& evaluator);
  void Merge(const Coverage& other);

  const std::vector<Seen>& predicates() const { return predicates_; }  // by file and place
  const std::vector<uint64_t>& fired() const { return fired_; }        // by RuleId
  // Of both outcomes of every predicate, how many were seen; 100 when there is none.
  double Percent() const;
  // The predicates of a rule, by index into predicates().
  const std::vector<std::vector<uint32_t>>& of_rule() const { return of_rule_; }
  const Suite& suite() const { return suite_; }

 private:
  // `asked`: the same condition in the evaluator's plan, which may have other members in its sets.
  eval::Truth Of(const check::Condition& condition, const check::Condition& asked,
                 eval::Evaluator& evaluator);

  const Suite& suite_;
  std::vector<Seen> predicates_;
  std::unordered_map<const check::Condition*, uint32_t> index_;
  std::vector<std::vector<uint32_t>> of_rule_;
  std::vector<uint64_t> fired_;
};

std::string CoverageText(const Coverage& coverage);
std::string CoverageLcov(const Coverage& coverage);
// One page that needs nothing else: the text of the rules, coloured.
std::string CoverageHtml(const Coverage& coverage);

}  // namespace sluice::harness
