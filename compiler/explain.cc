#include "compiler/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "compiler/split/condition.h"

namespace sluice {
namespace {

using split::Decision;

constexpr size_t kTextColumn = 56;  // where the reasons start, unless a predicate is longer

std::string_view WhereName(Decision::Where where) {
  switch (where) {
    case Decision::Where::kKernel:
      return "kernel";
    case Decision::Where::kUser:
      return "user";
    case Decision::Where::kConstantTrue:
      return "true";
    case Decision::Where::kConstantFalse:
      return "false";
  }
  return "";
}

// (rule, hook) pairs behind a bit that every event of the hook has.
std::set<std::pair<check::RuleId, check::HookId>> FindUnfiltered(const split::Partition& partition) {
  std::set<std::pair<check::RuleId, check::HookId>> unfiltered;
  for (const split::HookPartition& hook : partition.hooks) {
    for (const split::Entry& entry : hook.entries) {
      if (hook.bits[entry.bit].empty()) unfiltered.emplace(entry.rule, hook.hook);
    }
  }
  return unfiltered;
}

// (rule, hook) pairs of which something is left to user space.
std::set<std::pair<check::RuleId, check::HookId>> FindInexact(const split::Partition& partition) {
  std::set<std::pair<check::RuleId, check::HookId>> inexact;
  for (const split::HookPartition& hook : partition.hooks) {
    for (const split::Entry& entry : hook.entries) {
      const bool exact = !entry.judge_whole && entry.residue.kind == norm::Condition::Kind::kTrue;
      if (!exact) inexact.emplace(entry.rule, hook.hook);
    }
  }
  return inexact;
}

PredicateLine LineOf(const Decision& decision, const check::CheckedRules& checked) {
  PredicateLine line;
  line.text = split::Brief(checked.predicates[decision.predicate]);
  line.where = WhereName(decision.where);
  line.why = decision.where == Decision::Where::kKernel ? decision.how : decision.reason;
  if (decision.code) line.code = diag::RowOf(*decision.code).name;
  return line;
}

// What a mitigation is bound to beside its condition.
std::vector<std::string> BoundsOf(const ast::RuleKeys& rule) {
  std::vector<std::string> bounds;
  if (rule.action == ast::Action::kAlert) return bounds;
  if (rule.mode == ast::Mode::kAudit)
    bounds.push_back("in audit: it says what it would refuse, and refuses nothing");
  constexpr std::string_view kOthers = "for all others it is audited";
  const ast::Scope& scope = ast::ScopeOf(rule);
  switch (scope.kind) {
    case ast::Scope::Kind::kAll:
      break;
    case ast::Scope::Kind::kUid:
      bounds.push_back(fmt::format("enforced for the effective user id {}; {}", scope.number, kOthers));
      break;
    case ast::Scope::Kind::kCgroup:
      bounds.push_back(fmt::format("enforced in the cgroup `{}` and below it; {}", scope.path, kOthers));
      break;
    case ast::Scope::Kind::kPercent:
      bounds.push_back(fmt::format("enforced for {} % of the executables, by a hash of their paths; {}",
                                   scope.number, kOthers));
      break;
  }
  if (rule.fuse) {
    const double seconds = static_cast<double>(rule.fuse->period_ns) / 1e9;
    bounds.push_back(
        fmt::format("disarmed for {} s once it refuses more than {}{} within {} s; counted in the kernel",
                    seconds, rule.fuse->count, rule.fuse->of_processes ? " processes" : " times", seconds));
  }
  return bounds;
}

std::string Share(const HookLines& hook) {
  if (hook.asked == 0) return "nothing to ask";
  if (hook.kernel == hook.asked) {
    return hook.asked == 1 ? "the kernel decides its predicate"
                           : fmt::format("the kernel decides all {} predicates", hook.asked);
  }
  return fmt::format("the kernel decides {} of {} predicates", hook.kernel, hook.asked);
}

void AppendPredicates(const std::vector<PredicateLine>& lines, std::string& out) {
  size_t width = 0;
  for (const PredicateLine& line : lines) width = std::max(width, line.text.size());
  width = std::min(width, kTextColumn);
  for (const PredicateLine& line : lines) {
    out += fmt::format("    {:<6}  {:<{}}  {}{}\n", line.where, line.text, width, line.why,
                       line.code.empty() ? "" : " [" + line.code + "]");
  }
}

void AppendHook(const HookLines& hook, std::string& out) {
  out += fmt::format("  {}: {}{}\n", hook.hook, Share(hook), hook.exact ? "; exact" : "");
  AppendPredicates(hook.predicates, out);
  if (hook.every_event) {
    out +=
        "    every event of this hook is sent to user space: nothing in the condition lets the kernel drop "
        "one\n";
  }
}

// Hooks with the same share are named together.
std::string SummaryOf(const RuleLines& rule) {
  std::string text = fmt::format("\"{}\"", rule.name);
  if (rule.action != "alert") text += fmt::format(" ({})", rule.action);
  if (rule.hooks.empty()) return text + ": never matches";
  std::vector<std::pair<std::string, std::vector<std::string>>> shares;
  for (const HookLines& hook : rule.hooks) {
    std::string share = Share(hook);
    const auto known =
        std::find_if(shares.begin(), shares.end(), [&](const auto& s) { return s.first == share; });
    if (known == shares.end()) {
      shares.push_back({share, {hook.hook}});
    } else {
      known->second.push_back(hook.hook);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [share, hooks] : shares)
    parts.push_back(fmt::format("{} at {}", share, fmt::join(hooks, ", ")));
  return fmt::format("{}: {}", text, fmt::join(parts, "; "));
}

}  // namespace

std::vector<RuleLines> Explain(const Compilation& compilation) {
  const split::Partition& partition = compilation.partition;
  const check::CheckedRules& checked = partition.normal.checked;
  const auto unfiltered = FindUnfiltered(partition);
  const auto inexact = FindInexact(partition);
  std::vector<RuleLines> rules;
  for (const check::CheckedRule& rule : checked.rules) {
    rules.push_back(
        {rule.rule.name.text, std::string(ast::ActionName(rule.rule.action)), BoundsOf(rule.rule), {}, {}});
  }
  for (const check::Assumption& assumption : checked.assumptions) {
    PredicateLine line{assumption.predicate, assumption.value ? "true" : "false", "", ""};
    line.why = assumption.asks_result ? "a hook comes before the call's result" : "it is so for every event";
    if (assumption.asks_result) line.code = diag::RowOf(diag::Code::W207).name;
    rules[assumption.rule].assumed.push_back(std::move(line));
  }
  for (const split::HookPartition& hook : partition.hooks) {
    for (const auto& [rule, whole] : hook.whole) {
      HookLines lines;
      lines.hook = check::FindHook(hook.hook)->name;
      lines.exact = inexact.count({rule, hook.hook}) == 0;
      lines.every_event = unfiltered.count({rule, hook.hook}) != 0;
      rules[rule].hooks.push_back(std::move(lines));
    }
  }
  for (const Decision& decision : partition.decisions) {
    const std::string_view name = check::FindHook(decision.hook)->name;
    for (HookLines& hook : rules[decision.rule].hooks) {
      if (hook.hook != name) continue;
      hook.asked += decision.where == Decision::Where::kKernel || decision.where == Decision::Where::kUser;
      hook.kernel += decision.where == Decision::Where::kKernel;
      hook.predicates.push_back(LineOf(decision, checked));
    }
  }
  return rules;
}

std::string ExplainText(const Compilation& compilation) {
  std::string out;
  for (const RuleLines& rule : Explain(compilation)) {
    if (!out.empty()) out += '\n';
    out += fmt::format("rule \"{}\" ({})\n", rule.name, rule.action);
    for (const std::string& bound : rule.bounds) out += fmt::format("  {}\n", bound);
    if (!rule.assumed.empty()) out += "  at every hook:\n";
    AppendPredicates(rule.assumed, out);
    for (const HookLines& hook : rule.hooks) AppendHook(hook, out);
    if (rule.hooks.empty()) out += "  never matches\n";
  }
  return out;
}

std::string Summary(const Compilation& compilation, size_t max_rules) {
  std::string out;
  const std::vector<RuleLines> rules = Explain(compilation);
  for (size_t i = 0; i < std::min(rules.size(), max_rules); ++i) out += SummaryOf(rules[i]) + '\n';
  if (rules.size() > max_rules) out += fmt::format("... and {} more rules\n", rules.size() - max_rules);
  return out;
}

}  // namespace sluice
