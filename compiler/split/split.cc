// The order of things: place every rule at its hooks (mitigations first, since some tables are scarce), give
// bits, number the lineage atoms that are left, and write down who decides what.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <utility>

#include "compiler/split/bits.h"
#include "compiler/split/condition.h"
#include "compiler/split/decide.h"
#include "compiler/split/mitigation.h"
#include "compiler/split/returns.h"

namespace sluice::split {
namespace {

using diag::Code;
using norm::Condition;

class Splitter {
 public:
  Splitter(norm::NormalRules normal, const Budget& budget, diag::Diagnostics& diagnostics)
      : normal_(std::move(normal)),
        budget_{budget.clauses_per_rule, std::min<uint32_t>(budget.clauses_per_hook, SLUICE_CLAUSES),
                std::min<uint32_t>(budget.atoms, SLUICE_ATOMS),
                std::min<uint32_t>(budget.texts, SLUICE_ATOMS), budget.tells_decisions},
        diagnostics_(diagnostics),
        lowering_(normal_.checked, budget_),
        mitigation_(normal_.checked, lowering_, diagnostics) {}

  Partition Run() && {
    const std::vector<check::CheckedRule>& rules = normal_.checked.rules.all();
    for (const bool mitigations : {true, false}) {
      for (check::RuleId rule = 0; rule < rules.size(); ++rule) {
        if (IsMitigation(rules[rule]) == mitigations) Place(rule);
      }
    }
    if (!budget_.tells_decisions) {
      lowering_.Forget();
      interner_.ForgetLiterals();
    }
    Partition partition;
    for (const check::HookRow& row : check::Hooks()) {
      if (placed_[row.id].empty()) continue;
      partition.hooks.push_back(Assemble(row.id));
      if (budget_.tells_decisions) continue;
      for (Placed& placed : placed_[row.id]) placed.expansion = {};
    }
    NumberAtoms(partition);
    partition.variables = lowering_.variables();
    for (const check::HookRow& row : check::Hooks()) {
      if (!budget_.tells_decisions) break;
      for (const Placed& placed : placed_[row.id]) {
        lowering_.For(IsMitigation(normal_.checked.rules[placed.rule]));
        Decide(normal_.conditions[placed.rule], placed, row.id, budget_, lowering_, atom_numbers_,
               partition.decisions);
      }
    }
    std::stable_sort(
        partition.decisions.begin(), partition.decisions.end(),
        [](const auto& a, const auto& b) { return std::pair(a.rule, a.hook) < std::pair(b.rule, b.hook); });
    for (HookPartition& hook : partition.hooks) {
      hook.whole.reserve(placed_[hook.hook].size());
      for (Placed& placed : placed_[hook.hook]) hook.whole.emplace_back(placed.rule, std::move(placed.whole));
      placed_[hook.hook] = {};
    }
    partition.normal = std::move(normal_);
    return partition;
  }

 private:
  // Every hook at which the rule may be true.
  void Place(check::RuleId rule) {
    bool somewhere = false;
    for (const check::HookRow& row : check::Hooks()) {
      Placed placed;
      placed.rule = rule;
      lowering_.For(IsMitigation(normal_.checked.rules[rule]));
      if (DecidesExecElsewhere(rule, row.id)) continue;
      if (row.id == SLUICE_HOOK_MODULE_HIDDEN && !NamesHook(normal_.conditions[rule], row.name)) continue;
      placed.whole = Specialise(normal_.conditions[rule], row.id, lowering_);
      if (placed.whole.kind == Condition::Kind::kFalse) continue;
      const bool mitigation = IsMitigation(normal_.checked.rules[rule]);
      if (row.id == SLUICE_HOOK_SYS_EXIT) {
        PlaceReturned(std::move(placed), mitigation, somewhere);
        continue;
      }
      if (mitigation && row.id == SLUICE_HOOK_MODULE_HIDDEN) {
        somewhere = true;
        mitigation_.RefuseReturned(rule, row);
        continue;
      }
      if (mitigation && !mitigation_.Decidable(rule, row.id, placed.whole)) {
        somewhere = true;
        continue;
      }
      placed.expansion = Expand(placed.whole, row.id, budget_.clauses_per_rule, lowering_, interner_);
      if (placed.expansion.clauses.empty()) continue;
      somewhere = true;
      if (mitigation) {
        if (!mitigation_.Exact(rule, row.id, placed.expansion, budget_.clauses_per_rule)) continue;
        if (row.id == SLUICE_HOOK_FILE_OPEN) mitigation_.WarnOfCreation(rule, placed.expansion, interner_);
      }
      placed_[row.id].push_back(std::move(placed));
    }
    if (!somewhere) WarnNever(rule);
    if (somewhere && IsMitigation(normal_.checked.rules[rule])) WarnPartly(rule);
  }

  // A mitigation that names an event type which it can never refuse: who is kept from one call takes the other.
  void WarnPartly(check::RuleId id) {
    const check::CheckedRule& rule = normal_.checked.rules[id];
    if (IsAllowed(rule, Code::W218)) return;
    for (const check::HookRow& row : check::Hooks()) {
      const std::deque<Placed>& there = placed_[row.id];
      if ((!there.empty() && there.back().rule == id) || DecidesExecElsewhere(id, row.id)) continue;
      bool names_type = false;
      const std::string reason = ReasonAt(normal_.conditions[id], row.id, names_type);
      if (reason.empty() || !names_type) continue;
      diag::Diagnostic& warning = diagnostics_.Add(
          Code::W218, rule.rule.name.span,
          fmt::format("Rule `{}` can never match its events at {}", rule.rule.name.text, row.name));
      warning.note = reason;
      warning.help =
          "give those event types a rule of their own, with the fields that they have, or leave them out";
    }
  }

  // A kill that asks the new image's arguments or environment is decided when they are there.
  bool AsksImage(check::RuleId id) const {
    if (normal_.checked.rules[id].rule.action != ast::Action::kKill) return false;
    bool asks = false;
    ForEachLiteral(normal_.conditions[id], [&](const Condition& literal) {
      const check::Term& left = normal_.checked.predicates[literal.predicate].left;
      if (left.kind != check::Term::Kind::kField) return;
      const check::FieldUse& use = left.field;
      asks = asks || (use.field == check::FieldId::kProcEnv && !use.argument.empty()) ||
             (use.index < 0 &&
              (use.field == check::FieldId::kProcArgs || use.field == check::FieldId::kProcCmdline));
    });
    return asks;
  }

  // An exec has two hooks; a rule is decided at one of them.
  bool DecidesExecElsewhere(check::RuleId id, check::HookId hook) const {
    return hook == (AsksImage(id) ? SLUICE_HOOK_BPRM_CHECK : SLUICE_HOOK_BPRM_COMMITTED);
  }

  // Calls that no hook covers: only for a rule that names them, since each costs a program of its own.
  void PlaceReturned(Placed placed, bool mitigation, bool& somewhere) {
    placed.expansion =
        Expand(placed.whole, SLUICE_HOOK_SYS_EXIT, budget_.clauses_per_rule, lowering_, interner_);
    if (!ListsTypes(placed.rule))
      std::erase_if(placed.expansion.clauses,
                    [&](const Clause& clause) { return !NamesType(clause.kernel); });
    if (placed.expansion.clauses.empty()) return;
    somewhere = true;
    if (mitigation) {
      const Condition& condition = normal_.conditions[placed.rule];
      const std::vector<check::EventType> calls = mitigation_.CallsWithoutHook(placed.expansion, interner_);
      calls.empty() ? mitigation_.WarnOfUnshare(placed.rule, condition)
                    : mitigation_.RefuseCalls(placed.rule, condition, calls);
      return;
    }
    placed_[SLUICE_HOOK_SYS_EXIT].push_back(std::move(placed));
  }

  // A list of them all is no test any more at the hook.
  bool ListsTypes(check::RuleId id) const {
    const Condition& condition = normal_.conditions[id];
    const auto names = [&](const Condition& conjunct) {
      if (conjunct.kind != Condition::Kind::kLiteral || conjunct.negated) return false;
      const check::Term& left = normal_.checked.predicates[conjunct.predicate].left;
      return left.kind == check::Term::Kind::kField && left.field.field == check::FieldId::kEvtType &&
             normal_.checked.predicates[conjunct.predicate].op == ast::Op::kIn;
    };
    if (condition.kind != Condition::Kind::kAnd) return names(condition);
    return std::any_of(condition.children.begin(), condition.children.end(), names);
  }

  // Modules are watched only for a rule that asks for those that hide.
  bool NamesHook(const Condition& condition, std::string_view name) const {
    bool names = false;
    ForEachLiteral(condition, [&](const Condition& literal) {
      const check::Predicate& predicate = normal_.checked.predicates[literal.predicate];
      if (predicate.left.kind != check::Term::Kind::kField ||
          predicate.left.field.field != check::FieldId::kEvtHook)
        return;
      names = names || std::any_of(predicate.values.begin(), predicate.values.end(),
                                   [&](const check::Value& value) { return value.text == name; });
    });
    return names;
  }

  bool NamesType(const Kernel& kernel) const {
    return std::any_of(kernel.begin(), kernel.end(), [&](AnyOfId id) {
      const AnyOf& any_of = interner_[id];
      return any_of.lookup == SLUICE_LOOKUP_TYPE &&
             std::all_of(any_of.tests.begin(), any_of.tests.end(),
                         [](const Test& test) { return !test.negated && !test.complement; });
    });
  }

  void WarnNever(check::RuleId id) {
    const check::CheckedRule& rule = normal_.checked.rules[id];
    if (IsAllowed(rule, Code::W202) || IsKnownNever(rule.rule.span)) return;
    diag::Diagnostic& warning = diagnostics_.Add(
        Code::W202, rule.rule.name.span, fmt::format("Rule `{}` can never match", rule.rule.name.text));
    if (NamesHook(normal_.conditions[id], check::FindHook(SLUICE_HOOK_SYS_EXIT)->name)) {
      warning.note = "calls that no hook covers are watched only for a rule that names them";
      warning.help = "name them: `evt.type in (setns, memfd_create)`; `sluice fields` lists them";
    } else {
      warning.note = ReasonOfNever(normal_.conditions[id]);
    }
  }

  // check/ saw it already, from the names alone.
  bool IsKnownNever(source::Span rule) const {
    const auto& all = diagnostics_.all();
    return std::any_of(all.begin(), all.end(), [&](const diag::Diagnostic& known) {
      const source::Span& at = known.primary.span;
      return known.code == Code::W202 && at.file == rule.file && rule.begin <= at.begin && at.end <= rule.end;
    });
  }

  // A conjunct that is false at a hook of the rule's event types: the first such hook stands for all.
  std::string ReasonOfNever(const Condition& condition) {
    if (condition.kind == Condition::Kind::kFalse) return "its condition contradicts itself";
    for (const check::HookRow& row : check::Hooks()) {
      bool names_type = false;
      std::string reason = ReasonAt(condition, row.id, names_type);
      if (!reason.empty()) return reason;
    }
    return "no event of this engine has what it asks for";
  }

  // Why a conjunct is false at the hook; "" when none is, or when the rule's event types are of other hooks.
  // `names_type`: one of them is of this one.
  std::string ReasonAt(const Condition& condition, check::HookId hook, bool& names_type) {
    std::vector<const Condition*> conjuncts = {&condition};
    if (condition.kind == Condition::Kind::kAnd) {
      conjuncts.clear();
      for (const Condition& child : condition.children) conjuncts.push_back(&child);
    }
    std::string reason;
    for (const Condition* conjunct : conjuncts) {
      if (conjunct->kind != Condition::Kind::kLiteral || conjunct->negated) continue;
      const Lowered& lowered = lowering_.At(conjunct->predicate, hook);
      const check::Predicate& predicate = normal_.checked.predicates[conjunct->predicate];
      const bool is_type = predicate.left.kind == check::Term::Kind::kField &&
                           (predicate.left.field.field == check::FieldId::kEvtType ||
                            predicate.left.field.field == check::FieldId::kSyscallType);
      if (is_type && lowered.kind == Lowered::Kind::kFalse) return "";
      names_type = names_type || is_type;
      if (lowered.kind == Lowered::Kind::kFalse && reason.empty())
        reason = fmt::format("`{}` is false: {}", Brief(predicate), lowered.reason);
    }
    return reason;
  }

  HookPartition Assemble(check::HookId hook) {
    std::deque<Placed>& placed = placed_[hook];
    std::vector<Kernel> conditions;
    std::map<std::pair<std::optional<check::RuleId>, Kernel>, uint32_t>
        index;                                                    // a mitigation's bits are its own
    std::vector<std::pair<Placed*, std::vector<uint32_t>>> uses;  // by clause
    size_t pinned = 0;
    for (Placed& rule : placed) {  // mitigations stand first
      uses.emplace_back(&rule, std::vector<uint32_t>{});
      std::optional<check::RuleId> owner;
      if (IsMitigation(normal_.checked.rules[rule.rule])) owner = rule.rule;
      for (const Clause& clause : rule.expansion.clauses) {
        const auto [it, added] =
            index.emplace(std::pair(owner, clause.kernel), static_cast<uint32_t>(conditions.size()));
        if (added) conditions.push_back(clause.kernel);
        uses.back().second.push_back(it->second);
      }
      if (IsMitigation(normal_.checked.rules[rule.rule])) pinned = conditions.size();
    }
    const Bits bits = AssignBits(conditions, pinned, budget_.clauses_per_hook, interner_);
    HookPartition partition;
    partition.hook = hook;
    if (!bits.fits) {
      ReportOverflow(hook, placed, pinned);
      return partition;
    }
    partition.bits.reserve(bits.kernels.size());
    for (const Kernel& kernel : bits.kernels) partition.bits.push_back(Materialise(kernel));
    for (const auto& [rule, clauses] : uses) AddEntries(*rule, clauses, bits, partition);
    std::sort(partition.entries.begin(), partition.entries.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.bit, a.rule) < std::pair(b.bit, b.rule);
    });
    partition.entries.shrink_to_fit();
    AskReturns(partition, placed);
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.rule < b.rule; });
    return partition;
  }

  // Clauses of one rule may have come to share a bit; it is listed there once.
  void AddEntries(Placed& rule, const std::vector<uint32_t>& clauses, const Bits& bits,
                  HookPartition& partition) const {
    std::map<uint32_t, Entry> by_bit;
    for (size_t i = 0; i < clauses.size(); ++i) {
      const uint32_t bit = bits.bit_of[clauses[i]];
      const bool weakened = bits.weakened[clauses[i]];
      rule.weakened = rule.weakened || weakened;
      const auto [it, added] = by_bit.emplace(bit, Entry{rule.rule, bit, {}, weakened});
      Entry& entry = it->second;
      Condition& own = rule.expansion.clauses[i].residue;
      Condition residue = budget_.tells_decisions ? own : std::move(own);
      entry.residue = added ? std::move(residue) : Any({std::move(entry.residue), std::move(residue)});
      entry.judge_whole = entry.judge_whole || weakened;
      if (entry.judge_whole) entry.residue = True();
    }
    for (auto& [bit, entry] : by_bit) partition.entries.push_back(std::move(entry));
  }

  void AskReturns(HookPartition& partition, const std::deque<Placed>& placed) const {
    std::map<check::RuleId, const Placed*> by_rule;
    for (const Placed& rule : placed) {
      if (!IsMitigation(normal_.checked.rules[rule.rule])) by_rule.emplace(rule.rule, &rule);
    }
    for (Entry& entry : partition.entries) {
      const auto found = by_rule.find(entry.rule);
      if (found == by_rule.end()) continue;
      const Condition& asked = entry.judge_whole ? found->second->whole : entry.residue;
      const check::CheckedRule& rule = normal_.checked.rules[entry.rule];
      const bool typed = TestsType(partition.bits[entry.bit]);
      entry.wants_result =
          AsksResult(normal_.checked, asked, partition.hook) || (typed && ShowsResult(rule, partition.hook));
      entry.sees_failures = SeesFailures(normal_.checked, asked, partition.hook);
    }
  }

  KernelCondition Materialise(const Kernel& kernel) const {
    KernelCondition condition;
    condition.reserve(kernel.size());
    for (const AnyOfId id : kernel) condition.push_back(interner_[id]);
    std::sort(condition.begin(), condition.end());
    return condition;
  }

  void ReportOverflow(check::HookId hook, const std::deque<Placed>& placed, size_t pinned) {
    const check::CheckedRule& last = normal_.checked.rules[placed.back().rule];
    diag::Diagnostic& error = diagnostics_.Add(
        Code::E304, ActionSpan(last),
        fmt::format("The mitigations at `{}` have {} distinct conditions, the kernel's filter holds {}",
                    check::FindHook(hook)->name, pinned, budget_.clauses_per_hook));
    error.note = "conditions of alerts can be merged, those of mitigations cannot; alerts need one bit";
    error.help = "write alternatives of one field with `in`, `pmatch` or `startswith`";
  }

  // Atoms that no bit asks for any more are dropped, the rest are numbered anew in their order.
  void NumberAtoms(Partition& partition) {
    std::vector<bool> used(lowering_.atoms().size());
    const auto for_each_atom = [&](const auto& visit) {
      for (HookPartition& hook : partition.hooks) {
        for (KernelCondition& condition : hook.bits) {
          for (AnyOf& any_of : condition) {
            for (Test& test : any_of.tests) {
              if (test.atom) visit(*test.atom);
            }
          }
        }
      }
    };
    for_each_atom([&](uint32_t& atom) { used[atom] = true; });
    atom_numbers_.resize(used.size());
    HookPartition image;
    image.hook = SLUICE_HOOK_IMAGE;
    for (uint32_t atom = 0; atom < used.size(); ++atom) {
      atom_numbers_[atom] = static_cast<uint32_t>(partition.atoms.size());
      if (used[atom]) partition.atoms.push_back(lowering_.atoms()[atom]);
    }
    for_each_atom([&](uint32_t& atom) { atom = atom_numbers_[atom]; });
    image.bits = partition.atoms;
    if (!image.bits.empty()) partition.hooks.insert(partition.hooks.begin(), std::move(image));
  }

  norm::NormalRules normal_;
  const Budget budget_;
  diag::Diagnostics& diagnostics_;
  Lowering lowering_;
  Interner interner_;
  MitigationCheck mitigation_;
  std::array<std::deque<Placed>, SLUICE_HOOKS> placed_;  // mitigations first until Assemble() sorts by rule
  std::vector<uint32_t> atom_numbers_;
};

}  // namespace

Partition Split(norm::NormalRules normal, const Budget& budget, diag::Diagnostics& diagnostics) {
  return Splitter(std::move(normal), budget, diagnostics).Run();
}

}  // namespace sluice::split
