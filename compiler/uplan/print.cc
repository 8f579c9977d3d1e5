// The plan as text: slots, predicates in use, conditions as steps, and each hook's candidates.
#include <fmt/format.h>

#include <set>

#include "compiler/uplan/user_plan.h"

namespace sluice::uplan {
namespace {

constexpr size_t kMaxValues = 20;

std::string TargetText(uint32_t target) {
  if (target == kAccept) return "accept";
  if (target == kReject) return "reject";
  return fmt::format("{}", target);
}

std::string PredicateText(const check::Predicate& predicate) {
  if (predicate.values.size() <= kMaxValues) return check::Print(predicate);
  check::Predicate cut = predicate;
  cut.values.resize(kMaxValues);
  return fmt::format("{} and {} more", check::Print(cut), predicate.values.size() - kMaxValues);
}

std::string ConditionText(ConditionId id) {
  return id == kAlways ? "always" : fmt::format("condition {}", id);
}

void AppendConditions(const UserPlan& plan, std::string& out) {
  for (ConditionId id = kAlways + 1; id < plan.conditions.size(); ++id) {
    out += fmt::format("condition {}\n", id);
    for (uint32_t i = plan.conditions[id].begin; i < plan.conditions[id].end; ++i) {
      const Step& step = plan.steps[i];
      out += fmt::format("  {}: {}predicate {}  true: {}  false: {}\n", i, step.negated ? "not " : "",
                         step.predicate, TargetText(step.on_true), TargetText(step.on_false));
    }
  }
}

void AppendHook(const UserPlan& plan, const HookPlan& hook, std::string& out) {
  const auto name = [&](check::RuleId rule) { return plan.checked.rules[rule].rule.name.text; };
  if (hook.hook == check::kNoHook) {
    out += "without a hook\n";
  } else {
    out += fmt::format("hook {}\n", check::FindHook(hook.hook)->name);
  }
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    for (uint32_t i = hook.bits[bit].begin; i < hook.bits[bit].end; ++i) {
      const Candidate& candidate = hook.candidates[i];
      out +=
          fmt::format("  bit {}: \"{}\" {}\n", bit, name(candidate.rule), ConditionText(candidate.residue));
    }
  }
  for (const Candidate& rule : hook.rules) {
    out += fmt::format("  whole: \"{}\" {}\n", name(rule.rule), ConditionText(rule.whole));
  }
}

}  // namespace

std::string Print(const UserPlan& plan) {
  std::string out;
  std::set<check::PredicateId> used;
  for (const Step& step : plan.steps) used.insert(step.predicate);
  for (const check::PredicateId id : used) {
    out += fmt::format("predicate {}: {}  slot {}", id, PredicateText(plan.checked.predicates[id]),
                       plan.left_slot[id]);
    if (plan.right_slot[id] != kNoSlot) out += fmt::format(" and {}", plan.right_slot[id]);
    out += '\n';
  }
  AppendConditions(plan, out);
  for (const HookPlan& hook : plan.hooks) {
    if (!hook.rules.empty()) AppendHook(plan, hook, out);
  }
  out += fmt::format("slots: {}{}{}\n", plan.slots.size(), plan.needs_env ? ", environment" : "",
                     plan.needs_cwd ? ", working directory" : "");
  return out;
}

}  // namespace sluice::uplan
