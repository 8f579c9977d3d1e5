#include "compiler/split/returns.h"

#include <algorithm>

#include "compiler/check/returns.h"
#include "compiler/check/terms.h"
#include "compiler/split/condition.h"

namespace sluice::split {
namespace {

using Kind = norm::Condition::Kind;

// An exec's event comes when the new image is there.
bool IsKnownAnyway(check::HookId hook) {
  return hook == SLUICE_HOOK_BPRM_CHECK || hook == SLUICE_HOOK_SYS_EXIT;
}

std::optional<bool> OfFailure(const check::CheckedRules& checked, const norm::Condition& literal) {
  const std::optional<bool> truth = check::TruthOfFailure(checked.predicates[literal.predicate]);
  return truth ? std::optional(*truth != literal.negated) : std::nullopt;
}

// False when no failure satisfies it.
bool MayHold(const check::CheckedRules& checked, const norm::Condition& condition) {
  const auto holds = [&](const norm::Condition& child) { return MayHold(checked, child); };
  switch (condition.kind) {
    case Kind::kTrue:
      return true;
    case Kind::kFalse:
      return false;
    case Kind::kLiteral:
      return OfFailure(checked, condition).value_or(true);
    case Kind::kAnd:
      return std::all_of(condition.children.begin(), condition.children.end(), holds);
    case Kind::kOr:
      return std::any_of(condition.children.begin(), condition.children.end(), holds);
  }
  return true;
}

}  // namespace

bool AsksResult(const check::CheckedRules& checked, const norm::Condition& condition, check::HookId hook) {
  if (IsKnownAnyway(hook)) return false;
  bool asks = false;
  ForEachLiteral(condition, [&](const norm::Condition& literal) {
    asks = asks || check::AsksAfterCall(checked.predicates[literal.predicate], hook);
  });
  return asks;
}

bool ShowsResult(const check::CheckedRule& rule, check::HookId hook) {
  bool shows = false;
  for (const auto& piece : rule.output) {
    if (!piece->term) continue;
    check::ForEachField(*piece->term,
                        [&](const check::FieldUse& use) { shows = shows || check::IsAfterCall(use, hook); });
  }
  return shows && !IsKnownAnyway(hook);
}

bool TestsType(const KernelCondition& condition) {
  return std::any_of(condition.begin(), condition.end(),
                     [](const AnyOf& any_of) { return any_of.lookup == SLUICE_LOOKUP_TYPE; });
}

bool SeesFailures(const check::CheckedRules& checked, const norm::Condition& condition, check::HookId hook) {
  if (hook == SLUICE_HOOK_SYS_EXIT) return false;  // told anyway
  bool asks = false;
  ForEachLiteral(condition, [&](const norm::Condition& literal) {
    const check::Predicate& predicate = checked.predicates[literal.predicate];
    asks = asks ||
           (check::AsksAfterCall(predicate, SLUICE_HOOK_IMAGE) && OfFailure(checked, literal).value_or(true));
  });
  return asks && MayHold(checked, condition);
}

}  // namespace sluice::split
