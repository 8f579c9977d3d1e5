// harness/runner.h - one test, judged three ways.
//
// The naive evaluator says what each rule means. The compiled user plan, and the kernel plan (the kernel's
// own matcher, then the user plan over what survives), must say the same; where they do not, that is a
// failure of its own kind, whatever the test expects. What the kernel way cannot say of an event is left out
// and counted: a type that no hook supplies, a field that the hook does not have, a call that failed.
//
// Threads: a Runner belongs to one thread, the Suite is shared. Memory: borrows the Suite. Errors: none.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/coverage.h"
#include "harness/suite.h"

namespace sluice::harness {

struct Result {
  size_t index = 0;                        // into Suite::cases
  std::vector<diag::Diagnostic> failures;  // E501, E502, E504, E505
  std::string skipped;                     // why it was not run; otherwise ""
  uint64_t time_ns = 0;

  bool passed() const { return failures.empty(); }  // or skipped
  bool differs() const;                             // an E502 among them
  diag::Diagnostic& Fail(diag::Code code, source::Span where, std::string message);
};

// Verdicts (of a rule on an event) that the kernel way gave or left out, with the reasons.
struct KernelCount {
  uint64_t judged = 0, left_out = 0;
  std::map<std::string, uint64_t> reasons;
  void Add(const KernelCount& other);
};

class Runner {
 public:
  // Of very many rules the naive evaluator judges those that a test names, those that fire, and as many
  // others as this, chosen by `seed`.
  static constexpr size_t kNaiveRules = 1000;

  // `coverage` may be null, and must outlive the Runner.
  Runner(const Suite& suite, uint64_t seed, Coverage* coverage = nullptr);
  ~Runner();

  Result Run(size_t index);
  const KernelCount& kernel() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All of `order`, by `jobs` threads. Results stand in the order of `order`. `coverage` may be null.
std::vector<Result> RunAll(const Suite& suite, const std::vector<size_t>& order, size_t jobs, uint64_t seed,
                           KernelCount& kernel, Coverage* coverage);

}  // namespace sluice::harness
