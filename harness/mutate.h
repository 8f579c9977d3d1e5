// harness/mutate.h - would a test notice if a condition were wrong?
//
// A mutant is one small change of a condition, in a rule or in a macro (for all rules that use it together): a part of an
// `and` or `or` left out, `and` for `or`, a `not` removed, an operator turned round. A mutant is caught when the naive
// evaluator's verdicts on the events of some test no longer are what that test expects. One that no test catches is either a
// missing test or a part of the condition that does nothing. (R. DeMillo, R. Lipton, F. Sayward: Hints on test data
// selection, 1978.)
//
// Threads: FindMutants() is pure; TryAll() uses `jobs` threads, each with a copy of the rules. Memory: borrows the
// Suite. Errors: none. Cost: mutants x tests of their rules, until one catches it.
#pragma once

#include <string>
#include <vector>

#include "harness/suite.h"

namespace sluice::harness {

struct Mutant {
  source::Span span;   // the words that change, where a reader finds them
  std::string change;  // "`and` for `or`", "without this part", "`!=` for `=`"
  std::string where;   // rule "NAME", macro NAME
  bool caught = false;
  bool tested = false;  // some test names a rule that it changes
};

struct Mutation {
  std::vector<Mutant> mutants;  // by file and place
  size_t captures = 0;          // tests of captures, which are not asked: they do not count as tests here
};

// REQUIRES: the tests `order` pass.
Mutation TryMutants(const Suite& suite, const std::vector<size_t>& order, size_t jobs);

// The mutants that no test catches, as the compiler shows its findings, and the score.
std::string MutantsText(const Suite& suite, const Mutation& mutation, bool colour);

}  // namespace sluice::harness
