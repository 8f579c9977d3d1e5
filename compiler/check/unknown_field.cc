#include "compiler/check/unknown_field.h"

#include "compiler/check/checked.h"
#include "compiler/check/output.h"
#include "compiler/diag/diag.h"

namespace sluice::check {
namespace {

using Found = std::optional<ast::Word>;

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
      if (fault == FieldFault::kUnknownField || fault == FieldFault::kUnknownArg) return field.name;
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

Found InExpr(const ast::Expr& expr) {
  if (expr.check != nullptr) {
    if (Found found = InOperand(expr.check->left)) return found;
    if (expr.check->right) return InOperand(*expr.check->right);
  }
  for (const ast::Expr& child : expr.children) {
    if (Found found = InExpr(child)) return found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ast::Word> FindUnknownField(const ast::Expr& condition) { return InExpr(condition); }

std::optional<ast::Word> FindUnknownField(const ast::Rule& rule) {
  if (Found found = InExpr(rule.condition)) return found;
  for (const ast::Exception& exception : rule.exceptions) {
    if (Found found = InOperands(exception.fields)) return found;
  }
  diag::Diagnostics faults;
  OutputPieces known;
  Output pieces;
  ParseOutput(rule.output, faults, known, pieces);
  for (const diag::Diagnostic& fault : faults.all()) {
    if (fault.code == diag::Code::E201) return ast::Word{"", fault.primary.span, false};
  }
  return std::nullopt;
}

}  // namespace sluice::check
