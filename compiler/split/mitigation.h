// split/mitigation.h - a mitigation is exact or it does not compile; and what its author should know.
//
// Threads: pure functions. Errors: E301, E302, E304 and W209 diagnostics.
#pragma once

#include "compiler/split/expand.h"

namespace sluice::split {

inline bool IsMitigation(const check::CheckedRule& rule) { return rule.rule.action != ast::Action::kAlert; }

// `# allow: slug` above the rule names the code.
bool IsAllowed(const check::CheckedRule& rule, diag::Code code);

// Where the rule says what it does, or its name.
source::Span ActionSpan(const check::CheckedRule& rule);

// A mitigation at one hook at which it can be true. False after an error.
class MitigationCheck {
 public:
  MitigationCheck(const check::CheckedRules& rules, Lowering& lowering, diag::Diagnostics& diagnostics)
      : rules_(rules), lowering_(lowering), diagnostics_(diagnostics) {}

  // Before expansion: every predicate is decided by the kernel at a hook that can deny.
  bool Decidable(check::RuleId rule, check::HookId hook, const norm::Condition& whole);
  // After expansion: nothing was left.
  bool Exact(check::RuleId rule, check::HookId hook, const Expansion& expansion, uint32_t max_clauses);
  // Those that the clauses at sys_exit leave room for and that come to no other hook, ever.
  static std::vector<check::EventType> CallsWithoutHook(const Expansion& expansion, const Interner& interner);
  // A mitigation names such calls: there is one at least.
  void RefuseCalls(check::RuleId rule, const norm::Condition& condition,
                   const std::vector<check::EventType>& calls);
  // A mitigation names what is told when it has happened: at `hook`.
  void RefuseReturned(check::RuleId rule, const check::HookRow& hook);
  // W218, unless the condition says that it wants user namespaces alone.
  void WarnOfUnshare(check::RuleId rule, const norm::Condition& condition);
  // W209, once: an open that is denied may have made its file already.
  void WarnOfCreation(check::RuleId rule, const Expansion& expansion, const Interner& interner);

 private:
  source::Span NamesCall(const norm::Condition& condition, const std::vector<check::EventType>& calls);
  void ReportLiteral(const check::CheckedRule& rule, check::HookId hook, const norm::Condition& literal,
                     const Lowered& lowered);

  const check::CheckedRules& rules_;
  Lowering& lowering_;
  diag::Diagnostics& diagnostics_;
  std::set<std::pair<check::RuleId, check::PredicateId>> reported_;
  bool told_creation_ = false;
};

}  // namespace sluice::split
