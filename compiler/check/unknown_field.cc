#include "compiler/check/unknown_field.h"

#include "compiler/check/checked.h"
#include "compiler/check/event.h"
#include "compiler/check/exceptions.h"
#include "compiler/check/operators.h"
#include "compiler/check/output.h"
#include "compiler/diag/diag.h"

namespace sluice::check {
namespace {

using Found = std::optional<Unknown>;

Found InOperand(const ast::Operand& operand);

Found InOperands(const std::vector<ast::Operand>& operands) {
  for (const ast::Operand& operand : operands) {
    if (Found found = InOperand(operand)) return found;
  }
  return std::nullopt;
}

Found InOperand(const ast::Operand& operand) {
  switch (operand.kind) {
    case ast::Operand::Kind::kField: {
      const ast::Field& field = operand.field;
      std::optional<std::string_view> argument;
      if (field.argument) argument = field.argument->text;
      FieldUse use;
      const FieldFault fault = ResolveField(field.name.text, argument, use);
      if (fault == FieldFault::kUnknownField || fault == FieldFault::kUnknownArg) return Unknown{field.name};
      if (fault == FieldFault::kNone && use.field == FieldId::kEvtTypeIs &&
          FindEvent(use.argument) == kNoType)
        return Unknown{field.name, true};
      return std::nullopt;
    }
    case ast::Operand::Kind::kTransform:
      return InOperands(operand.transform->arguments);
    case ast::Operand::Kind::kTuple:
      return InOperands(operand.tuple);
    case ast::Operand::Kind::kLiteral:
      break;
  }
  return std::nullopt;
}

bool NamesType(const ast::Operand& operand) {
  FieldUse use;
  return operand.kind == ast::Operand::Kind::kField && !operand.field.argument &&
         ResolveField(operand.field.name.text, std::nullopt, use) == FieldFault::kNone &&
         (use.field == FieldId::kEvtType || use.field == FieldId::kSyscallType);
}

Found InTypes(const ast::Check& check, Names& names) {
  const bool whole = check.op == ast::Op::kEq || check.op == ast::Op::kNe || check.op == ast::Op::kIn ||
                     check.op == ast::Op::kIntersects;
  if (!whole || !NamesType(check.left)) return std::nullopt;
  const bool list = IsListOperator(check.op) || check.quantifier != ast::Quantifier::kNone;
  for (const ast::Word& word : check.values) {
    const ListItems single = {&word};
    const ListItems* items = list && !word.quoted ? names.UseList(word.text) : nullptr;
    for (const ast::Word* type : items == nullptr ? single : *items) {
      if (FindEvent(type->text) == kNoType) return Unknown{*type, true};
    }
  }
  return std::nullopt;
}

Found InExpr(const ast::Expr& expr, Names& names) {
  if (expr.check != nullptr) {
    if (Found found = InOperand(expr.check->left)) return found;
    return expr.check->right ? InOperand(*expr.check->right) : InTypes(*expr.check, names);
  }
  for (const ast::Expr& child : expr.children) {
    if (Found found = InExpr(child, names)) return found;
  }
  return std::nullopt;
}

Found InOutput(const ast::Rule& rule) {
  diag::Diagnostics faults;
  OutputPieces known;
  Output pieces;
  ParseOutput(rule.output, faults, known, pieces);
  for (const diag::Diagnostic& fault : faults.all()) {
    if (fault.code == diag::Code::E201) return Unknown{{"", fault.primary.span, false}};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Unknown> FindUnknown(const ast::Expr& condition, Names& names) {
  return InExpr(condition, names);
}

std::optional<Unknown> FindUnknown(const ast::Rule& rule, Names& names) {
  for (const ast::Exception& exception : rule.exceptions) {
    if (Found found = InOperands(exception.fields)) return found;
  }
  ast::Expr whole = rule.condition;
  diag::Diagnostics unheard;  // a fault of an exception is told where the rule is built
  JoinExceptions(rule, unheard, whole);
  if (Found found = InExpr(whole, names)) return found;
  return InOutput(rule);
}

}  // namespace sluice::check
