// The partition -> arrays: slots of terms, steps of conditions, and for each hook the rules behind each bit.
#include <algorithm>
#include <optional>
#include <utility>

#include "compiler/uplan/flatten.h"
#include "compiler/uplan/index.h"
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
    for (const auto& piece : rule.output) {
      if (piece->term) slots.Of(*piece->term);
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

using Whole = std::vector<std::pair<check::RuleId, const norm::Condition*>>;

// Events that belong to no hook are judged by the conditions as they stand, no field taken as absent.
Whole EveryRule(const norm::NormalRules& normal) {
  Whole rules;
  for (check::RuleId rule = 0; rule < normal.conditions.size(); ++rule) {
    if (normal.conditions[rule].kind != Kind::kFalse) rules.emplace_back(rule, &normal.conditions[rule]);
  }
  return rules;
}

Whole RulesOf(const split::HookPartition& hook) {
  Whole rules;
  for (const auto& [rule, whole] : hook.whole) rules.emplace_back(rule, &whole);
  return rules;
}

class Lowering {
 public:
  explicit Lowering(UserPlan& plan) : flattener_(plan), indexer_(plan) {}

  void Count(const Whole& rules) {
    for (const auto& [rule, whole] : rules) indexer_.Count(*whole, true);
  }
  void Learn(const Whole& rules) {
    for (const auto& [rule, whole] : rules) indexer_.Count(*whole, false);
  }

  void LowerRules(const Whole& rules, HookPlan& plan) {
    std::vector<Indexer::Entry> entries;
    for (const auto& [rule, whole] : rules) {
      const ConditionId condition = flattener_.Flatten(*whole);
      plan.rules.push_back({rule, condition, condition});
      entries.push_back({{rule, condition}, whole});
    }
    indexer_.AddByType(entries, plan);
  }

  void LowerBits(const split::HookPartition& hook, HookPlan& plan) {
    auto entry = hook.entries.begin();
    for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
      std::vector<Indexer::Entry> entries;
      const auto begin = static_cast<uint32_t>(plan.candidates.size());
      for (; entry != hook.entries.end() && entry->bit == bit; ++entry) {
        const size_t at = IndexOf(plan.rules, entry->rule);
        const ConditionId whole = plan.rules[at].whole;
        const ConditionId residue = entry->judge_whole ? whole : flattener_.Flatten(entry->residue);
        plan.candidates.push_back({entry->rule, residue, whole});
        entries.push_back(
            {{entry->rule, residue}, entry->judge_whole ? &hook.whole[at].second : &entry->residue});
      }
      plan.bits.push_back({begin, static_cast<uint32_t>(plan.candidates.size())});
      plan.bit_nodes.push_back(entries.size() > kWalked ? indexer_.Add(entries) : kNoNode);
    }
  }

 private:
  static constexpr size_t kWalked = 8;  // candidates of a bit that need no index

  static size_t IndexOf(const std::vector<Candidate>& rules, check::RuleId rule) {
    const auto found =
        std::lower_bound(rules.begin(), rules.end(), rule,
                         [](const Candidate& candidate, check::RuleId id) { return candidate.rule < id; });
    return static_cast<size_t>(found - rules.begin());
  }

  Flattener flattener_;
  Indexer indexer_;
};

void Drop(split::HookPartition& hook) {
  for (split::Entry& entry : hook.entries) entry.residue = {};
  for (auto& [rule, whole] : hook.whole) whole = {};
}

void Shrink(UserPlan& plan) {
  Index& index = plan.index;
  index.nodes.shrink_to_fit();
  index.groups.shrink_to_fit();
  index.branches.shrink_to_fit();
  index.switches.shrink_to_fit();
  index.leaves.shrink_to_fit();
  index.marks.shrink_to_fit();
  index.bytes.shrink_to_fit();
  index.mark_lists.shrink_to_fit();
  plan.conditions.shrink_to_fit();
  plan.steps.shrink_to_fit();
}

// `taken`: the partition itself, whose conditions are dropped; or null.
UserPlan Lower(const split::Partition& partition, split::Partition* taken) {
  UserPlan plan;
  plan.checked = partition.normal.checked;
  FillSlots(plan);
  Lowering lowering(plan);
  const Whole every = EveryRule(partition.normal);
  lowering.Count(every);
  for (const split::HookPartition& hook : partition.hooks) lowering.Learn(RulesOf(hook));
  lowering.LowerRules(every, plan.hooks[check::kNoHook]);
  for (size_t i = 0; i < partition.hooks.size(); ++i) {
    const split::HookPartition& hook = partition.hooks[i];
    if (hook.hook == SLUICE_HOOK_IMAGE) continue;
    HookPlan& of_hook = plan.hooks[hook.hook];
    of_hook.hook = hook.hook;
    lowering.LowerRules(RulesOf(hook), of_hook);
    lowering.LowerBits(hook, of_hook);
    if (taken != nullptr) Drop(taken->hooks[i]);
  }
  plan.sees_failures.resize(plan.checked.rules.size());
  for (const split::HookPartition& hook : partition.hooks) {
    for (const split::Entry& entry : hook.entries) {
      if (entry.sees_failures) plan.sees_failures[entry.rule] = true;
    }
  }
  Shrink(plan);
  return plan;
}

}  // namespace

UserPlan LowerUser(const split::Partition& partition) { return Lower(partition, nullptr); }
UserPlan LowerUserDropping(split::Partition& partition) { return Lower(partition, &partition); }

}  // namespace sluice::uplan
