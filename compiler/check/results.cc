#include "compiler/check/results.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/check/known_text.h"
#include "compiler/check/returns.h"
#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

using ast::Op;

enum class Answer : uint8_t { kFalse, kTrue, kOpen };

Answer AnswerOf(bool truth) { return truth ? Answer::kTrue : Answer::kFalse; }

bool IsMembership(const Predicate& predicate) {
  const bool any_equal = predicate.op == Op::kEq && predicate.quantifier == ast::Quantifier::kAnyOf;
  return predicate.op == Op::kIn || predicate.op == Op::kIntersects || any_equal;
}

// A number that is 0 or more because the call succeeded. `zero_is_success`: 0 stands for success as such
// (evt.rawres).
Answer AskNumber(const Predicate& predicate, bool zero_is_success) {
  if (predicate.op == Op::kExists) return Answer::kTrue;
  const auto negative = [](const Value& value) { return value.number < 0; };
  const auto zero = [](const Value& value) { return value.number == 0; };
  if (IsMembership(predicate)) {
    if (std::all_of(predicate.values.begin(), predicate.values.end(), negative)) return Answer::kFalse;
    const bool success =
        zero_is_success && std::any_of(predicate.values.begin(), predicate.values.end(), zero);
    return success ? Answer::kTrue : Answer::kOpen;
  }
  if (predicate.quantifier != ast::Quantifier::kNone || predicate.values.size() != 1) return Answer::kOpen;
  const int64_t value = predicate.values[0].number;
  switch (predicate.op) {
    case Op::kEq:
      return value < 0 ? Answer::kFalse : value == 0 && zero_is_success ? Answer::kTrue : Answer::kOpen;
    case Op::kNe:
      return value < 0 ? Answer::kTrue : value == 0 && zero_is_success ? Answer::kFalse : Answer::kOpen;
    case Op::kLt:
      return value <= 0 ? Answer::kFalse : Answer::kOpen;
    case Op::kLe:
      return value < 0 ? Answer::kFalse : Answer::kOpen;
    case Op::kGt:
      return value < 0 ? Answer::kTrue : Answer::kOpen;
    case Op::kGe:
      return value <= 0 ? Answer::kTrue : Answer::kOpen;
    default:
      return Answer::kOpen;
  }
}

Answer AskFailed(const Predicate& predicate) {  // evt.failed is false
  if (predicate.op == Op::kExists) return Answer::kTrue;
  const bool has_false = std::any_of(predicate.values.begin(), predicate.values.end(),
                                     [](const Value& value) { return value.number == 0; });
  if (IsMembership(predicate)) return AnswerOf(has_false);
  if (predicate.quantifier != ast::Quantifier::kNone) return Answer::kOpen;
  return AnswerOf(has_false == (predicate.op == Op::kEq));
}

// evt.num counts from 1.
Answer AskNumberOfEvent(const Predicate& predicate) {
  if (predicate.quantifier != ast::Quantifier::kNone || predicate.values.size() != 1) return Answer::kOpen;
  const int64_t value = predicate.values[0].number;
  if (value > 0) return Answer::kOpen;
  switch (predicate.op) {
    case Op::kEq:
    case Op::kLt:
    case Op::kLe:
    case Op::kIn:
      return Answer::kFalse;
    case Op::kNe:
    case Op::kGt:
    case Op::kGe:
      return Answer::kTrue;
    default:
      return Answer::kOpen;
  }
}

Answer Ask(const Predicate& predicate) {
  if (predicate.left.kind != Term::Kind::kField || !predicate.right.empty()) return Answer::kOpen;
  switch (predicate.left.field.field) {
    case FieldId::kFdNum:
      return AskNumber(predicate, false);
    case FieldId::kEvtRawres:
      return AskNumber(predicate, true);
    case FieldId::kEvtRawarg:
      return AskNumber(predicate, predicate.left.field.argument == "res");
    case FieldId::kEvtRes:
      return AnswerOf(TestText(predicate, "SUCCESS"));
    case FieldId::kEvtFailed:
      return AskFailed(predicate);
    default:
      return Answer::kOpen;
  }
}

// Falco's rules say "never" and "always" with evt.num, and evt.dir is `<` for every event that it still has.
bool AsksFixed(const Predicate& predicate) {
  return predicate.left.kind == Term::Kind::kField && predicate.right.empty() &&
         (predicate.left.field.field == FieldId::kEvtNum || predicate.left.field.field == FieldId::kEvtDir);
}

Answer AskFixed(const Predicate& predicate) {
  return predicate.left.field.field == FieldId::kEvtDir ? AnswerOf(TestText(predicate, "<"))
                                                        : AskNumberOfEvent(predicate);
}

}  // namespace

void ResultFolder::Warn(const ast::Rule& rule, const Condition& leaf, std::string_view verdict) {
  if (IsAllowed(rule.allowed_warnings, diag::Code::W207) || !warned_.insert(leaf.predicate).second) return;
  auto& fault = diagnostics_.Add(diag::Code::W207, leaf.span,
                                 fmt::format("`{}` asks for a result, which no hook knows: {}",
                                             Print(predicates_.at(leaf.predicate)), verdict));
  fault.note = "a hook sees an attempt that was permitted so far; calls that failed before it are not seen";
}

bool ResultFolder::FoldLeaf(const ast::Rule& rule, RuleId id, Condition& leaf,
                            std::vector<Assumption>& assumptions) {
  const Predicate& predicate = predicates_.at(leaf.predicate);
  const bool fixed = AsksFixed(predicate);
  const bool waits = results_known_ || rule.action == ast::Action::kAlert;
  if (!fixed && (waits || !AsksResult(predicate))) return true;
  const Answer answer = fixed ? AskFixed(predicate) : Ask(predicate);
  if (fixed && answer == Answer::kOpen) return true;
  if (answer == Answer::kOpen) {
    auto& fault = diagnostics_.Add(
        diag::Code::E301, leaf.span,
        fmt::format("`{}` cannot be decided in the kernel: no hook knows the result", Print(predicate)));
    fault.others.push_back(
        {rule.action_span, fmt::format("`{}` is decided at the hook", ast::ActionName(rule.action))});
    fault.help = "remove the test, or let the rule only alert";
    return false;
  }
  if (!fixed) {
    Warn(rule, leaf,
         answer == Answer::kTrue ? "it is taken as true, as for a call that succeeds"
                                 : "it is taken as false, as for a call that succeeds");
  }
  assumptions.push_back({id, leaf.span, Print(predicate), answer == Answer::kTrue, !fixed});
  leaf.kind = answer == Answer::kTrue ? Condition::Kind::kTrue : Condition::Kind::kFalse;
  leaf.predicate = 0;
  return true;
}

bool ResultFolder::Fold(const ast::Rule& rule, RuleId id, Condition& condition,
                        std::vector<Assumption>& assumptions) {
  if (condition.kind == Condition::Kind::kPredicate) return FoldLeaf(rule, id, condition, assumptions);
  bool ok = true;
  for (Condition& child : condition.children) ok = Fold(rule, id, child, assumptions) && ok;
  return ok;
}

}  // namespace sluice::check
