#include "compiler/check/operators.h"

#include <fmt/format.h>

namespace sluice::check {
namespace {

using ast::Op;

constexpr uint32_t Bit(Op op) { return 1u << static_cast<uint32_t>(op); }

constexpr uint32_t kMembership = Bit(Op::kIn) | Bit(Op::kIntersects) | Bit(Op::kExists);
constexpr uint32_t kEquality = Bit(Op::kEq) | Bit(Op::kNe) | kMembership;
constexpr uint32_t kOrder = Bit(Op::kLt) | Bit(Op::kLe) | Bit(Op::kGt) | Bit(Op::kGe);
constexpr uint32_t kSubstring = Bit(Op::kContains) | Bit(Op::kStartsWith) | Bit(Op::kEndsWith);
constexpr uint32_t kPattern =
    Bit(Op::kIContains) | Bit(Op::kGlob) | Bit(Op::kIGlob) | Bit(Op::kRegex) | Bit(Op::kPmatch);

constexpr uint32_t OperatorsOf(Type type) {
  switch (type) {
    case Type::kString:
    case Type::kPath:
      return kEquality | kOrder | kSubstring | kPattern;
    case Type::kBytes:
      return kEquality | kSubstring | Bit(Op::kBContains) | Bit(Op::kBStartsWith);
    case Type::kInt:
    case Type::kFlags:
    case Type::kTime:
    case Type::kDouble:
    case Type::kPort:
      return kEquality | kOrder;
    case Type::kBool:
    case Type::kAddress:
    case Type::kNet:
      return kEquality;
  }
  return 0;
}

uint32_t OperatorsOf(Type type, Shape shape) {
  return shape == Shape::kList ? kMembership : OperatorsOf(type);
}

}  // namespace

bool Fits(Op op, Type type, Shape shape) { return (OperatorsOf(type, shape) & Bit(op)) != 0; }

bool FitsTerm(Op op, Type type, Shape shape) {
  constexpr uint32_t kNeverTerms = Bit(Op::kPmatch) | Bit(Op::kRegex) | Bit(Op::kExists);
  return type != Type::kNet && (OperatorsOf(type, shape) & ~kNeverTerms & Bit(op)) != 0;
}

std::string FittingOperators(Type type, Shape shape) {
  std::string names;
  for (int i = 0; i <= static_cast<int>(Op::kExists); ++i) {
    const Op op = static_cast<Op>(i);
    if (!Fits(op, type, shape)) continue;
    if (!names.empty()) names += ", ";
    names += fmt::format("`{}`", ast::OpName(op));
  }
  return names;
}

bool IsListOperator(Op op) { return op == Op::kIn || op == Op::kIntersects || op == Op::kPmatch; }

}  // namespace sluice::check
