// check/contradictions.h - two tests of one field that no value passes together: W202. Private to check/.
//
// Every way through a condition is looked at: `a and (b or c)` has two, and can never be true when `a` excludes both
// `b` and `c`. What is found is so; much that is so is not found. Two tests exclude each other only if
//   - their field has one value at a time (Shape::kScalar in fields.def), or one is the other's negation;
//   - one of them is not negated: an absent field passes every negated one;
//   - what they compare with stands in the rules: not a set, whose members change, and no other field;
//   - they are asked of the same thing: in a mitigation an exact path is asked of every name of the file, other tests of the
//     path that was used, and a variable of each entry of its name.
//
// Threads: none shared. Memory: borrows the table of predicates. Errors: none.
// Cost:    a test is compared with those before it on its way, 64 at most. What one Find() compares of values is bounded:
//          two tests that would exceed it are passed over.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/check/predicates.h"

namespace sluice::check {

struct Contradiction {
  source::Span at, with;  // the two tests
  std::string why;
};

class ContradictionFinder {
 public:
  explicit ContradictionFinder(const PredicateTable& predicates) : predicates_(predicates) {}

  // Why `condition` can never be true; of several ways through it, why the first cannot.
  std::optional<Contradiction> Find(const Condition& condition, bool mitigation);

 private:
  struct Literal {
    PredicateId predicate = 0;
    bool negated = false;
    source::Span span;
  };
  struct Pair {
    Literal at, with;
    bool constant = false;  // no pair: a part of the condition is false by itself
  };
  using Alternatives = std::vector<std::pair<const Condition*, bool>>;  // and whether each is negated

  // Why it cannot be true beside what is assumed.
  std::optional<Pair> Refute(const Condition& condition, bool negated);
  std::optional<Pair> RefuteEach(const Condition& alternatives, bool negated);
  // Adds what it asks for, and to `alternatives` what it leaves open.
  std::optional<Pair> Assume(const Condition& condition, bool negated, Alternatives& alternatives);
  std::optional<Pair> Assume(const Literal& literal);

  bool Exclude(const Literal& a, const Literal& b);
  bool Excludes(const Predicate& holds, const Predicate& other, bool negated);
  bool NoValuePasses(const Predicate& selection, const Predicate& other, bool negated);
  bool Spend(size_t steps);  // false, and nothing is spent, where fewer are left

  const PredicateTable& predicates_;
  bool mitigation_ = false;
  std::vector<Literal> assumed_;  // on the way so far
  size_t budget_ = 0;             // comparisons of values that may still be made
};

}  // namespace sluice::check
