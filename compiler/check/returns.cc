#include "compiler/check/returns.h"

#include <algorithm>

#include "compiler/check/operand.h"
#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

using ast::Op;

bool IsMembership(const Predicate& predicate) {
  const bool any_equal = predicate.op == Op::kEq && predicate.quantifier == ast::Quantifier::kAnyOf;
  return predicate.op == Op::kIn || predicate.op == Op::kIntersects || any_equal;
}

template <typename Is>
bool AnyField(const Predicate& predicate, const Is& is) {
  bool any = false;
  const auto look = [&](const FieldUse& use) { any = any || is(use); };
  ForEachField(predicate.left, look);
  for (const Term& right : predicate.right) ForEachField(right, look);
  return any;
}

// Of a number that is below 0 because the call failed.
std::optional<bool> NegativeNumber(const Predicate& predicate) {
  if (predicate.op == Op::kExists) return true;
  const auto possible = [](const Value& value) { return value.number < 0; };
  const bool any = std::any_of(predicate.values.begin(), predicate.values.end(), possible);
  if (IsMembership(predicate)) return any ? std::nullopt : std::optional(false);
  if (predicate.quantifier != ast::Quantifier::kNone || predicate.values.size() != 1) return std::nullopt;
  switch (predicate.op) {
    case Op::kEq:
      return any ? std::nullopt : std::optional(false);
    case Op::kNe:
      return any ? std::nullopt : std::optional(true);
    case Op::kLt:
    case Op::kLe:
      return predicate.values[0].number >= 0 ? std::optional(true) : std::nullopt;
    case Op::kGt:
    case Op::kGe:
      return predicate.values[0].number >= 0 ? std::optional(false) : std::nullopt;
    default:
      return std::nullopt;
  }
}

// Of evt.res, which is the name of some error.
std::optional<bool> ErrorName(const Predicate& predicate) {
  if (predicate.op == Op::kExists) return true;
  const bool success = std::all_of(predicate.values.begin(), predicate.values.end(),
                                   [](const Value& value) { return value.text == "SUCCESS"; });
  if (!success) return std::nullopt;
  if (IsMembership(predicate) || predicate.op == Op::kEq) return false;
  return predicate.op == Op::kNe ? std::optional(true) : std::nullopt;
}

std::optional<bool> Failed(const Predicate& predicate) {
  if (predicate.op == Op::kExists) return true;
  const bool has_true = std::any_of(predicate.values.begin(), predicate.values.end(),
                                    [](const Value& value) { return value.number != 0; });
  if (IsMembership(predicate)) return has_true;
  if (predicate.quantifier != ast::Quantifier::kNone) return std::nullopt;
  return has_true == (predicate.op == Op::kEq);
}

bool IsOfPeer(const Operand& operand) {
  switch (operand.kind) {
    case OperandKind::kEnd:
    case OperandKind::kHostNames:
      return operand.place == SLUICE_END_REMOTE;
    case OperandKind::kNumber:
      return operand.field == FieldId::kFdRport || operand.field == FieldId::kFdCport;
    case OperandKind::kSocketName:
    case OperandKind::kEitherEnd:
    case OperandKind::kEitherNumber:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IsResult(const FieldUse& use) {
  switch (use.field) {
    case FieldId::kFdNum:
    case FieldId::kEvtRawres:
    case FieldId::kEvtRes:
    case FieldId::kEvtFailed:
      return true;
    case FieldId::kEvtArg:
    case FieldId::kEvtRawarg:
      return use.argument == "res" || use.argument == "fd" || use.argument == "0";
    default:
      return false;
  }
}

bool AsksResult(const Predicate& predicate) { return AnyField(predicate, IsResult); }

bool IsAfterCall(const FieldUse& use, HookId hook) {
  if (IsResult(use)) return true;
  if (hook != SLUICE_HOOK_SOCKET_ACCEPT) return false;
  const Operand* operand = FindOperand(use, hook);
  return operand != nullptr && IsOfPeer(*operand);
}

bool AsksAfterCall(const Predicate& predicate, HookId hook) {
  return AnyField(predicate, [&](const FieldUse& use) { return IsAfterCall(use, hook); });
}

std::optional<bool> TruthOfFailure(const Predicate& predicate) {
  if (predicate.left.kind != Term::Kind::kField || !predicate.right.empty()) return std::nullopt;
  switch (predicate.left.field.field) {
    case FieldId::kFdNum:
    case FieldId::kEvtRawres:
      return NegativeNumber(predicate);
    case FieldId::kEvtRawarg:
      return IsResult(predicate.left.field) ? NegativeNumber(predicate) : std::nullopt;
    case FieldId::kEvtRes:
      return ErrorName(predicate);
    case FieldId::kEvtFailed:
      return Failed(predicate);
    default:
      return std::nullopt;
  }
}

}  // namespace sluice::check
