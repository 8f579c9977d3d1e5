#include "compiler/split/mitigation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/split/condition.h"

namespace sluice::split {
namespace {

using diag::Code;

// True when the clause leaves room for a call of this type.
bool Admits(const Kernel& kernel, const Interner& interner, check::EventType type) {
  for (const AnyOfId id : kernel) {
    const AnyOf& any_of = interner[id];
    if (any_of.lookup != SLUICE_LOOKUP_TYPE) continue;
    const bool truth = std::any_of(any_of.tests.begin(), any_of.tests.end(), [&](const Test& test) {
      const bool member = std::find(test.types.begin(), test.types.end(), type) != test.types.end();
      return test.negated != (test.complement != member);
    });
    if (!truth) return false;
  }
  return true;
}

bool OnlyReads(const Kernel& kernel, const Interner& interner) {
  return std::any_of(kernel.begin(), kernel.end(), [&](AnyOfId id) {
    const AnyOf& any_of = interner[id];
    return any_of.lookup == SLUICE_LOOKUP_BITS &&
           std::all_of(any_of.tests.begin(), any_of.tests.end(), [](const Test& test) {
             return !test.complement && (test.flags & ~(SLUICE_FLAG_READ | SLUICE_FLAG_EXEC)) == 0;
           });
  });
}

}  // namespace

bool IsAllowed(const check::CheckedRule& rule, Code code) {
  const auto& allowed = rule.rule.allowed_warnings;
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const ast::Word& word) { return word.text == diag::RowOf(code).slug; });
}

source::Span ActionSpan(const check::CheckedRule& rule) {
  return rule.rule.action_span.valid() ? rule.rule.action_span : rule.rule.name.span;
}

bool MitigationCheck::Decidable(check::RuleId id, check::HookId hook, const norm::Condition& whole) {
  const check::CheckedRule& rule = rules_.rules[id];
  bool decidable = true;
  ForEachLiteral(whole, [&](const norm::Condition& literal) {
    const Lowered& lowered = lowering_.At(literal.predicate, hook);
    if (lowered.kind != Lowered::Kind::kUser) return;
    decidable = false;
    if (reported_.emplace(id, literal.predicate).second) ReportLiteral(rule, hook, literal, lowered);
  });
  return decidable;
}

void MitigationCheck::ReportLiteral(const check::CheckedRule& rule, check::HookId hook,
                                    const norm::Condition& literal, const Lowered& lowered) {
  const bool full = lowered.code == Code::N306;
  diag::Diagnostic& error =
      diagnostics_.Add(full ? Code::E304 : Code::E301, literal.span,
                       fmt::format("`{}` cannot be decided in the kernel at `{}`",
                                   Brief(rules_.predicates[literal.predicate]), check::FindHook(hook)->name));
  error.others.push_back(
      {ActionSpan(rule), fmt::format("`{}` must be decided there, for all of its condition",
                                     ast::ActionName(rule.rule.action))});
  error.note = lowered.reason;
  error.help = lowered.help.empty() ? "or make the rule an alert: `action: alert`"
                                    : lowered.help + "; or make the rule an alert: `action: alert`";
}

std::vector<check::EventType> MitigationCheck::CallsWithoutHook(const Expansion& expansion,
                                                                const Interner& interner) {
  std::vector<check::EventType> calls;
  for (const check::EventRow& row : check::Events()) {
    if ((row.hooks & check::kSysExitHooks) == 0 || (row.hooks & ~check::kSysExitHooks) != 0) continue;
    const bool admitted =
        std::any_of(expansion.clauses.begin(), expansion.clauses.end(),
                    [&](const Clause& clause) { return Admits(clause.kernel, interner, row.type); });
    if (admitted) calls.push_back(row.type);
  }
  return calls;
}

void MitigationCheck::RefuseCalls(check::RuleId id, const norm::Condition& condition,
                                  const std::vector<check::EventType>& calls) {
  constexpr size_t kNamed = 4;  // the rest is counted
  std::vector<std::string> named;
  for (size_t i = 0; i < std::min(calls.size(), kNamed); ++i)
    named.push_back(fmt::format("`{}`", check::EventName(calls[i])));
  const bool one = calls.size() == 1;
  std::string names = fmt::format("{}", fmt::join(named, ", "));
  if (calls.size() > kNamed) names += fmt::format(" and {} more", calls.size() - kNamed);
  const check::CheckedRule& rule = rules_.rules[id];
  const source::Span where = NamesCall(condition, calls);
  diag::Diagnostic& error =
      diagnostics_.Add(Code::E301, where.valid() ? where : ActionSpan(rule),
                       fmt::format("`{}` names {} that cannot be refused: {}", rule.rule.name.text,
                                   one ? "a call" : "calls", names));
  if (where.valid()) {
    error.others.push_back(
        {ActionSpan(rule), fmt::format("`{}` is decided at a hook", ast::ActionName(rule.rule.action))});
  }
  error.note = fmt::format(
      "no hook of the kernel covers {}: what is told of {} is its return (`evt.hook` is `sys_exit`)",
      one ? "it" : "them", one ? "it" : "each");
  error.help = fmt::format("leave {} out, or make the rule an alert: `action: alert`", one ? "it" : "them");
}

// Of a test that is true of one of the calls.
source::Span MitigationCheck::NamesCall(const norm::Condition& condition,
                                        const std::vector<check::EventType>& calls) {
  source::Span found;
  ForEachLiteral(condition, [&](const norm::Condition& literal) {
    if (literal.negated || found.valid()) return;
    const Lowered& lowered = lowering_.At(literal.predicate, SLUICE_HOOK_SYS_EXIT);
    const auto& types = lowered.test.types;
    const bool names =
        std::find_first_of(types.begin(), types.end(), calls.begin(), calls.end()) != types.end();
    if (lowered.kind == Lowered::Kind::kTest && lowered.lookup == SLUICE_LOOKUP_TYPE && names)
      found = literal.span;
  });
  return found;
}

void MitigationCheck::RefuseReturned(check::RuleId id, const check::HookRow& hook) {
  const check::CheckedRule& rule = rules_.rules[id];
  diag::Diagnostic& error =
      diagnostics_.Add(Code::E301, ActionSpan(rule),
                       fmt::format("`{}` names an event that cannot be refused", rule.rule.name.text));
  error.note = fmt::format("`{}` is told when it has happened", hook.name);
  error.help = "leave it out, or make the rule an alert: `action: alert`";
}

void MitigationCheck::WarnOfUnshare(check::RuleId id, const norm::Condition& condition) {
  const check::CheckedRule& rule = rules_.rules[id];
  bool says = IsAllowed(rule, Code::W218);
  ForEachLiteral(condition, [&](const norm::Condition& literal) {
    const check::Predicate& predicate = rules_.predicates[literal.predicate];
    const bool flags = predicate.left.kind == check::Term::Kind::kField &&
                       predicate.left.field.field == check::FieldId::kEvtArg &&
                       predicate.left.field.argument == "flags" && predicate.op == ast::Op::kContains;
    says = says || (flags && !literal.negated && !predicate.values.empty() &&
                    predicate.values[0].text.find("CLONE_NEWUSER") != std::string::npos);
  });
  if (says) return;
  diag::Diagnostic& warning =
      diagnostics_.Add(Code::W218, ActionSpan(rule),
                       fmt::format("Rule `{}` refuses an `unshare` only where it makes a user namespace",
                                   rule.rule.name.text));
  warning.note = "any other one comes to no hook of the kernel: it is told when it has returned, to alerts";
  warning.help = "say so: `and evt.arg.flags contains CLONE_NEWUSER`; and let an alert tell of the others";
}

bool MitigationCheck::Exact(check::RuleId id, check::HookId hook, const Expansion& expansion,
                            uint32_t max_clauses) {
  const bool exact =
      std::all_of(expansion.clauses.begin(), expansion.clauses.end(),
                  [](const Clause& clause) { return clause.residue.kind == norm::Condition::Kind::kTrue; });
  if (exact) return true;
  const check::CheckedRule& rule = rules_.rules[id];
  diag::Diagnostic& error =
      diagnostics_.Add(Code::E302, ActionSpan(rule),
                       fmt::format("`{}` needs more than {} clauses at `{}`", rule.rule.name.text,
                                   max_clauses, check::FindHook(hook)->name));
  error.note = "every way in which its condition can be true becomes one clause of the kernel's filter";
  error.help = "write alternatives of one field with `in`, `pmatch` or `startswith`, or split the rule";
  return false;
}

void MitigationCheck::WarnOfCreation(check::RuleId id, const Expansion& expansion, const Interner& interner) {
  const check::CheckedRule& rule = rules_.rules[id];
  const check::EventType openat2 = check::FindEvent("openat2");
  const bool creates =
      std::any_of(expansion.clauses.begin(), expansion.clauses.end(), [&](const Clause& clause) {
        return Admits(clause.kernel, interner, openat2) && !OnlyReads(clause.kernel, interner);
      });
  if (!creates || told_creation_ || IsAllowed(rule, Code::W209)) return;
  told_creation_ = true;
  diag::Diagnostic& warning = diagnostics_.Add(
      Code::W209, ActionSpan(rule),
      fmt::format("An `openat2` that `{}` refuses may leave an empty file behind", rule.rule.name.text));
  warning.note =
      "the flags of `openat2` lie in the caller's memory, so that the file is made before they are known; "
      "this holds for every such rule, and is told once";
  warning.help =
      "a rule about reading says so with `evt.is_open_read=true`; `# allow: empty-file-remains` accepts it";
}

}  // namespace sluice::split
