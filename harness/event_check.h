// harness/event_check.h - what fired at the written events of a test, against what the test expects.
//
// Threads: one thread. Memory: borrows. Errors: E501 in the result.
#pragma once

#include <string>
#include <vector>

#include "harness/runner.h"
#include "runtime/alert/alert.h"

namespace sluice::harness {

// A rule that fired at an event of the test.
struct Fired {
  check::RuleId rule = 0;
  alert::Decision decision = alert::Decision::kAlert;
  size_t event = 0;
  std::string output;
  bool expected = false;
};

class EventCheck {
 public:
  // `written`: with the plan as written. `sent`: by event, why it is not dropped in the kernel; "" when it is.
  EventCheck(const Suite& suite, eval::Evaluator& written, const Case& test, std::vector<Fired>& fired,
             const std::vector<std::string>& sent, Result& result)
      : suite_(suite), written_(written), test_(test), fired_(fired), sent_(sent), result_(result) {}

  void Check();

 private:
  void CheckOne(size_t number);
  bool Fits(const ast::Expectation& expectation, const Fired& fired, std::string* why);
  bool FieldFits(const ast::TestValue& value, const Fired& fired, std::string* why);
  void Missing(const ast::Expectation& expectation, check::RuleId rule);
  void Unexpected(const ast::Expectation& expectation, const Fired& fired);
  void CheckDropped(const ast::Expectation& expectation);
  void Explain(diag::Diagnostic& failure, check::RuleId rule, size_t event);
  const std::string& NameOf(check::RuleId rule) const { return suite_.rule(rule).rule.name.text; }

  const Suite& suite_;
  eval::Evaluator& written_;
  const Case& test_;
  std::vector<Fired>& fired_;
  const std::vector<std::string>& sent_;
  Result& result_;
};

// "event 2, `openat`"
std::string EventName(const Case& test, size_t number);

}  // namespace sluice::harness
