#include "compiler/check/exceptions.h"

#include <fmt/format.h>

#include <unordered_map>

#include "compiler/check/operators.h"

namespace sluice::check {
namespace {

using ast::Expr;
using diag::Code;

struct Comparison {
  ast::Op op = ast::Op::kEq;
  ast::Quantifier quantifier = ast::Quantifier::kNone;
};

bool ParseOperator(std::string_view text, ast::Op& op) {
  if (text == "==") text = "=";
  for (int i = 0; i < static_cast<int>(ast::Op::kExists); ++i) {
    op = static_cast<ast::Op>(i);
    if (ast::OpName(op) == text) return true;
  }
  return false;
}

// "in", "startswith", "= anyof".
bool ParseComparison(std::string_view text, Comparison& comparison) {
  const size_t blank = text.find(' ');
  if (!ParseOperator(text.substr(0, blank), comparison.op)) return false;
  if (blank == std::string_view::npos) return true;
  const std::string_view word = text.substr(text.find_first_not_of(' ', blank));
  if (word == "oneof") {
    comparison.quantifier = ast::Quantifier::kOneOf;
  } else if (word == "anyof") {
    comparison.quantifier = ast::Quantifier::kAnyOf;
  } else if (word == "allof") {
    comparison.quantifier = ast::Quantifier::kAllOf;
  } else {
    return false;
  }
  return true;
}

Expr Join(Expr::Kind kind, std::vector<Expr> children, source::Span span) {
  if (children.size() == 1 && kind != Expr::Kind::kNot) return std::move(children.front());
  Expr expr;
  expr.kind = kind;
  expr.children = std::move(children);
  expr.span = span;
  return expr;
}

class ExceptionLowering {
 public:
  ExceptionLowering(const ast::Exception& exception, diag::Diagnostics& diagnostics)
      : exception_(exception), diagnostics_(diagnostics) {}

  // The rows as one condition. REQUIRES: there are rows.
  bool Lower(Expr& result) {
    if (exception_.comps.size() != exception_.fields.size()) {
      return Refuse(exception_.span,
                    fmt::format("Exception `{}` has {} fields but {} operators", exception_.name.text,
                                exception_.fields.size(), exception_.comps.size()));
    }
    std::vector<Expr> rows;
    for (size_t row = 0; row < exception_.values.size(); ++row) {
      Expr lowered;
      if (!LowerRow(row, lowered)) return false;
      rows.push_back(std::move(lowered));
    }
    result = Join(Expr::Kind::kOr, std::move(rows), exception_.span);
    return true;
  }

 private:
  bool Refuse(source::Span at, std::string message) {
    diagnostics_.Add(Code::E109, at.valid() ? at : exception_.span, std::move(message));
    return false;
  }

  bool LowerRow(size_t number, Expr& result) {
    const std::vector<std::vector<ast::Word>>& row = exception_.values[number];
    if (row.size() != exception_.fields.size()) {
      return Refuse(exception_.span, fmt::format("Exception `{}` has {} fields but a row of {} values",
                                                 exception_.name.text, exception_.fields.size(), row.size()));
    }
    std::vector<Expr> checks;
    for (size_t i = 0; i < row.size(); ++i) {
      Expr check;
      if (!LowerCheck(number, i, row[i], check)) return false;
      checks.push_back(std::move(check));
    }
    result = Join(Expr::Kind::kAnd, std::move(checks), exception_.span);
    return true;
  }

  bool LowerCheck(size_t row, size_t column, const std::vector<ast::Word>& words, Expr& result) {
    Comparison comparison;
    const ast::Word& comp = exception_.comps[column];
    if (!ParseComparison(comp.text, comparison)) return false;  // KnowsOperators() told
    auto check = std::make_shared<ast::Check>();
    check->left = exception_.fields[column];
    check->op = comparison.op;
    check->quantifier = comparison.quantifier;
    check->op_span = comp.span.valid() ? comp.span : exception_.span;
    check->values = words;
    for (const ast::Word& word : words) check->values_span = source::Cover(check->values_span, word.span);
    const bool list = IsListOperator(comparison.op) || comparison.quantifier != ast::Quantifier::kNone;
    check->parenthesised = list;
    if (!list && words.size() != 1) {
      return Refuse(check->values_span, fmt::format("`{}` takes one value, not {}", comp.text, words.size()));
    }
    if (!list) check->right = exception_.ReferenceAt(row, column);
    if (check->right != nullptr) check->values.clear();
    result.kind = Expr::Kind::kCheck;
    result.span = check->values_span.valid() ? check->values_span : exception_.span;
    result.check = std::move(check);
    return true;
  }

  const ast::Exception& exception_;
  diag::Diagnostics& diagnostics_;
};

// Also of an exception that has no values yet.
bool KnowsOperators(const ast::Exception& exception, diag::Diagnostics& diagnostics) {
  bool known = true;
  for (const ast::Word& comp : exception.comps) {
    Comparison comparison;
    if (ParseComparison(comp.text, comparison)) continue;
    diagnostics.Add(Code::E109, comp.span.valid() ? comp.span : exception.span,
                    fmt::format("`{}` is not an operator", comp.text));
    known = false;
  }
  return known;
}

}  // namespace

bool JoinExceptions(const ast::Rule& rule, diag::Diagnostics& diagnostics, Expr& condition) {
  std::unordered_map<std::string_view, const ast::Exception*> seen;
  std::vector<Expr> conjuncts;
  bool ok = true;
  for (const ast::Exception& exception : rule.exceptions) {
    const auto [first, fresh] = seen.try_emplace(exception.name.text, &exception);
    if (!fresh) {
      auto& fault = diagnostics.Add(Code::E206, exception.name.span,
                                    fmt::format("There is already an exception `{}`", exception.name.text));
      fault.others.push_back({first->second->name.span, "first declared here"});
      ok = false;
      continue;
    }
    if (!KnowsOperators(exception, diagnostics)) {
      ok = false;
      continue;
    }
    if (exception.values.empty()) continue;
    Expr lowered;
    if (!ExceptionLowering(exception, diagnostics).Lower(lowered)) {
      ok = false;
      continue;
    }
    std::vector<Expr> inner;
    inner.push_back(std::move(lowered));
    conjuncts.push_back(Join(Expr::Kind::kNot, std::move(inner), exception.span));
  }
  if (conjuncts.empty()) return ok;
  const source::Span span = condition.span;
  conjuncts.insert(conjuncts.begin(), std::move(condition));
  condition = Join(Expr::Kind::kAnd, std::move(conjuncts), span);
  return ok;
}

}  // namespace sluice::check
