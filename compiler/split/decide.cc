#include "compiler/split/decide.h"

#include <fmt/format.h>

#include <unordered_set>

#include "compiler/split/condition.h"

namespace sluice::split {
namespace {

using diag::Code;
using Where = Decision::Where;
using Predicates = std::unordered_set<check::PredicateId>;

void Collect(const norm::Condition& condition, Predicates& into) {
  ForEachLiteral(condition, [&](const norm::Condition& literal) { into.insert(literal.predicate); });
}

void LeftByOr(const Placed& placed, const Budget& budget, Decision& decision) {
  decision.where = Where::kUser;
  decision.code = Code::N303;
  decision.reason = placed.expansion.over_budget.count(decision.predicate) != 0
                        ? fmt::format("its `or` needs more than {} clauses", budget.clauses_per_rule)
                        : "it stands in an `or` with a branch that only user space can decide";
}

}  // namespace

std::string LevelName(uint32_t level) {
  if (level == 0) return "any ancestor";
  if (level == 1) return "the parent";
  return fmt::format("ancestor {}", level);
}

void Decide(const norm::Condition& condition, const Placed& placed, check::HookId hook, const Budget& budget,
            Lowering& lowering, const std::vector<uint32_t>& atom_numbers, std::vector<Decision>& decisions) {
  Predicates alive, left, seen;
  Collect(placed.whole, alive);
  for (const Clause& clause : placed.expansion.clauses) Collect(clause.residue, left);
  ForEachLiteral(condition, [&](const norm::Condition& literal) {
    if (!seen.insert(literal.predicate).second) return;
    const Lowered& lowered = lowering.At(literal.predicate, hook);
    Decision decision{placed.rule, hook, literal.predicate, Where::kUser, lowered.code, lowered.reason, ""};
    if (lowered.kind == Lowered::Kind::kTrue || lowered.kind == Lowered::Kind::kFalse) {
      decision.where = lowered.kind == Lowered::Kind::kTrue ? Where::kConstantTrue : Where::kConstantFalse;
    } else if (alive.count(literal.predicate) == 0) {
      return;  // folded away with the branch it stood in
    } else if (lowered.kind == Lowered::Kind::kTest || lowered.kind == Lowered::Kind::kAlternatives) {
      if (placed.weakened) {
        decision.code = Code::N305;
        decision.reason = fmt::format(
            "the hook has more than {} distinct conditions: the kernel tests a weaker one that this "
            "rule shares with others, and user space judges the whole",
            budget.clauses_per_hook);
      } else if (left.count(literal.predicate) != 0) {
        LeftByOr(placed, budget, decision);
      } else {
        decision.where = Where::kKernel;
        decision.how = lowered.how;
        if (lowered.test.atom) {
          const uint32_t level = lowered.lookup - SLUICE_LOOKUP_LINEAGE;
          decision.how =
              fmt::format("lineage bit {}, {}", atom_numbers[*lowered.test.atom], LevelName(level));
        }
      }
    }
    decisions.push_back(std::move(decision));
  });
}

}  // namespace sluice::split
