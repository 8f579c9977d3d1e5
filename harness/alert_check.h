// harness/alert_check.h - alerts that really were raised (live, or by a capture) against what a test expects.
//
// Threads: one thread. Memory: borrows. Errors: none; what differs is told through the callback.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "harness/suite.h"
#include "runtime/alert/alert.h"

namespace sluice::harness {

class AlertCheck {
 public:
  // `alert` is null where a rule should have fired and did not.
  using Fail = std::function<void(const ast::Expectation&, std::optional<check::RuleId>,
                                  const alert::Alert* alert, std::string message)>;

  // `where`: "when the trigger runs". `whole`: outputs, fields and counts too; otherwise rule and decision alone.
  AlertCheck(const Case& test, const std::vector<alert::Alert>& alerts, std::string where, bool whole,
             Fail fail)
      : test_(test), alerts_(alerts), where_(std::move(where)), whole_(whole), fail_(std::move(fail)) {}

  void Check();

 private:
  void CheckSilent(const ast::Expectation& expectation) const;
  void CheckFires(const ast::Expectation& expectation, check::RuleId rule);
  bool Seat(const ast::Expectation& expectation, std::set<const alert::Alert*>& tried);
  bool Fits(const ast::Expectation& expectation, const alert::Alert& alert, std::string& why) const;
  bool IsNamed(const std::string& rule) const;

  const Case& test_;
  const std::vector<alert::Alert>& alerts_;
  const std::string where_;
  const bool whole_;
  const Fail fail_;
  std::map<const alert::Alert*, const ast::Expectation*> taken_;  // each line wants alerts of its own
};

// As `expect:` writes it.
ast::Expected ExpectedOf(alert::Decision decision);

}  // namespace sluice::harness
