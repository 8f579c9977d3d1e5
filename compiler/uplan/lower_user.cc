// The partition -> arrays: slots of terms, steps of conditions, and for each hook the rules behind each bit.
#include <algorithm>
#include <optional>
#include <utility>

#include "compiler/uplan/flatten.h"
#include "compiler/uplan/slots.h"

namespace sluice::uplan {
namespace {

using Kind = norm::Condition::Kind;

check::Term TermOf(const check::FieldUse& use) {
  check::Term term;
  term.field = use;
  term.type = use.type();
  term.shape = use.shape();
  return term;
}

void FillSlots(UserPlan& plan) {
  Slots slots(plan);
  for (const check::Predicate& predicate : plan.checked.predicates) {
    plan.left_slot.push_back(slots.Of(predicate.left));
    plan.right_slot.push_back(predicate.right.empty() ? kNoSlot : slots.Of(predicate.right[0]));
  }
  for (const check::CheckedRule& rule : plan.checked.rules) {
    for (const check::OutputPiece& piece : rule.output) {
      if (piece.is_term) slots.Of(piece.term);
    }
    for (const check::FieldUse& use : rule.throttle_by) slots.Of(TermOf(use));
    if (!rule.rule.then) continue;
    const ast::Field& field = rule.rule.then->field;
    const auto argument =
        field.argument ? std::optional<std::string_view>(field.argument->text) : std::nullopt;
    check::FieldUse use;
    if (check::ResolveField(field.name.text, argument, use) == check::FieldFault::kNone)
      slots.Of(TermOf(use));
  }
}

HookPlan LowerHook(const split::HookPartition& hook, Flattener& flattener) {
  HookPlan plan;
  plan.hook = hook.hook;
  for (const auto& [rule, whole] : hook.whole) {
    const ConditionId condition = flattener.Flatten(whole);
    plan.rules.push_back({rule, condition, condition});
  }
  const auto whole_of = [&](check::RuleId rule) {
    const auto found =
        std::lower_bound(plan.rules.begin(), plan.rules.end(), rule,
                         [](const Candidate& candidate, check::RuleId id) { return candidate.rule < id; });
    return found->whole;
  };
  auto entry = hook.entries.begin();
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    const auto begin = static_cast<uint32_t>(plan.candidates.size());
    for (; entry != hook.entries.end() && entry->bit == bit; ++entry) {
      const ConditionId whole = whole_of(entry->rule);
      plan.candidates.push_back(
          {entry->rule, entry->judge_whole ? whole : flattener.Flatten(entry->residue), whole});
    }
    plan.bits.push_back({begin, static_cast<uint32_t>(plan.candidates.size())});
  }
  return plan;
}

// Events that belong to no hook are judged by the conditions as they stand, no field taken as absent.
HookPlan LowerEveryRule(const norm::NormalRules& normal, Flattener& flattener) {
  HookPlan plan;
  for (check::RuleId rule = 0; rule < normal.conditions.size(); ++rule) {
    if (normal.conditions[rule].kind == Kind::kFalse) continue;
    const ConditionId whole = flattener.Flatten(normal.conditions[rule]);
    plan.rules.push_back({rule, whole, whole});
  }
  return plan;
}

}  // namespace

UserPlan LowerUser(const split::Partition& partition) {
  UserPlan plan;
  plan.checked = partition.normal.checked;
  FillSlots(plan);
  Flattener flattener(plan);
  plan.hooks[check::kNoHook] = LowerEveryRule(partition.normal, flattener);
  for (const split::HookPartition& hook : partition.hooks) {
    if (hook.hook != SLUICE_HOOK_IMAGE) plan.hooks[hook.hook] = LowerHook(hook, flattener);
  }
  return plan;
}

}  // namespace sluice::uplan
