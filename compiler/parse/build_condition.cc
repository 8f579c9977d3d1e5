#include <fmt/format.h>

#include "compiler/parse/build.h"
#include "compiler/parse/values.h"

namespace sluice::parse {
namespace {

class ConditionBuilder {
 public:
  explicit ConditionBuilder(const BlockText& block) : block_(block) {}

  ast::Expr Of(Grammar::ExpressionContext* expression) {
    return Joined(ast::Expr::Kind::kOr, expression->conjunction(), expression);
  }

 private:
  ast::Expr Of(Grammar::ConjunctionContext* conjunction) {
    return Joined(ast::Expr::Kind::kAnd, conjunction->negation(), conjunction);
  }

  template <typename Child>
  ast::Expr Joined(ast::Expr::Kind kind, const std::vector<Child*>& children,
                   antlr4::ParserRuleContext* whole) {
    if (children.size() == 1) return Of(children.front());
    ast::Expr expr;
    expr.kind = kind;
    expr.span = SpanOf(block_, whole);
    expr.children.reserve(children.size());
    for (Child* child : children) expr.children.push_back(Of(child));
    return expr;
  }

  ast::Expr Of(Grammar::NegationContext* negation) {
    ast::Expr expr = Of(negation->primary());
    const std::vector<antlr4::tree::TerminalNode*> nots = negation->NOT();
    for (auto sign = nots.rbegin(); sign != nots.rend(); ++sign) {
      ast::Expr outer;
      outer.kind = ast::Expr::Kind::kNot;
      outer.span = source::Cover(block_.SpanOf((*sign)->getSymbol()), expr.span);
      outer.children.push_back(std::move(expr));
      expr = std::move(outer);
    }
    return expr;
  }

  ast::Expr Of(Grammar::PrimaryContext* primary) {
    if (primary->expression() != nullptr) {
      ast::Expr expr = Of(primary->expression());
      expr.span = SpanOf(block_, primary);
      return expr;
    }
    ast::Expr expr;
    expr.span = SpanOf(block_, primary);
    if (primary->operand() != nullptr) {
      expr.kind = ast::Expr::Kind::kCheck;
      expr.check = std::make_shared<ast::Check>();
      expr.check->left = Of(primary->operand());
      Fill(primary->comparison(), *expr.check);
    } else {
      expr.kind = ast::Expr::Kind::kMacro;
      expr.macro = WordOf(block_, primary->getStart());
    }
    return expr;
  }

  void Fill(Grammar::ComparisonContext* comparison, ast::Check& check) {
    const antlr4::Token* op = comparison->getStart();
    check.op = OperatorOf(block_.TextOf(op));
    check.op_span = block_.SpanOf(op);
    RequireBlank(comparison, op);
    if (auto* reference = comparison->reference()) {
      check.right = std::make_shared<const ast::Operand>(Of(reference));
      check.values_span = check.right->span;
    } else if (auto* literal = comparison->literal()) {
      check.values.push_back(WordOf(block_, literal->getStart()));
      check.values_span = check.values.back().span;
      if (op->getType() == Grammar::NUM_OP) RequireNumber(check);
    } else if (auto* quantified = comparison->quantified()) {
      Fill(quantified, check);
    } else if (auto* items = comparison->items()) {
      check.values = Of(items);
      check.parenthesised = true;
      check.values_span = source::Cover(block_.SpanOf(comparison->LIST_LP()->getSymbol()),
                                        block_.SpanOf(comparison->RP()->getSymbol()));
    } else if (auto* bare = comparison->BARE()) {
      check.values.push_back(WordOf(block_, bare->getSymbol()));
      check.values_span = check.values.back().span;
      RequireListName(check);
    }
  }

  // The grammar's quantifier token holds what follows it as well: `oneof (` or `oneof name`.
  void Fill(Grammar::QuantifiedContext* quantified, ast::Check& check) {
    const antlr4::Token* token = quantified->getStart();
    const std::string_view text = block_.TextOf(token);
    const std::string_view word = text.substr(0, 5);
    check.quantifier = word == "oneof"   ? ast::Quantifier::kOneOf
                       : word == "anyof" ? ast::Quantifier::kAnyOf
                                         : ast::Quantifier::kAllOf;
    const size_t value_at = text.find_first_not_of(" \t\r\n\b\f\v", word.size());
    check.values_span = SpanOf(block_, quantified);
    check.values_span.begin = static_cast<uint32_t>(block_.base + token->getStartIndex() + value_at);
    if (auto* items = quantified->items()) {
      check.values = Of(items);
      check.parenthesised = true;
    } else {
      check.values.push_back({std::string(text.substr(value_at)), check.values_span, false});
    }
  }

  std::vector<ast::Word> Of(Grammar::ItemsContext* items) {
    std::vector<ast::Word> words;
    for (Grammar::LiteralContext* literal : items->literal())
      words.push_back(WordOf(block_, literal->getStart()));
    return words;
  }

  ast::Operand Of(Grammar::ReferenceContext* reference) {
    ast::Operand operand;
    if (reference->transform() != nullptr) {
      operand = Of(reference->transform());
    } else {
      operand.kind = ast::Operand::Kind::kField;
      operand.field = Of(reference->field());
    }
    operand.span = SpanOf(block_, reference);
    return operand;
  }

  ast::Operand Of(Grammar::OperandContext* operand) {
    if (operand->transform() != nullptr) return Of(operand->transform());
    ast::Operand result;
    result.kind = ast::Operand::Kind::kField;
    result.field = Of(operand->field());
    result.span = result.field.span;
    return result;
  }

  ast::Field Of(Grammar::FieldContext* field) {
    ast::Field result;
    const antlr4::Token* token = field->getStart();
    result.name = WordOf(block_, token);
    result.span = SpanOf(block_, field);
    if (field->argument() != nullptr) {
      // The token includes the bracket.
      result.name.text.pop_back();
      --result.name.span.end;
      result.argument = WordOf(block_, field->argument()->getStart());
    }
    return result;
  }

  ast::Operand Of(Grammar::TransformContext* transform) {
    ast::Operand operand;
    operand.kind = ast::Operand::Kind::kTransform;
    operand.span = SpanOf(block_, transform);
    operand.transform = std::make_shared<ast::Transform>();
    operand.transform->span = operand.span;
    operand.transform->name = WordOf(block_, transform->getStart());
    operand.transform->name.text.pop_back();  // the token includes the parenthesis
    --operand.transform->name.span.end;
    for (Grammar::TransformArgContext* argument : transform->transformArg()) {
      operand.transform->arguments.push_back(Of(argument));
    }
    if (transform->argument() != nullptr)
      operand.transform->index = WordOf(block_, transform->argument()->getStart());
    return operand;
  }

  ast::Operand Of(Grammar::TransformArgContext* argument) {
    if (argument->LP() == nullptr) return Of(argument->tupleItem(0));
    ast::Operand tuple;
    tuple.kind = ast::Operand::Kind::kTuple;
    tuple.span = SpanOf(block_, argument);
    for (Grammar::TupleItemContext* item : argument->tupleItem()) tuple.tuple.push_back(Of(item));
    return tuple;
  }

  ast::Operand Of(Grammar::TupleItemContext* item) {
    if (item->operand() != nullptr) return Of(item->operand());
    ast::Operand literal;
    literal.kind = ast::Operand::Kind::kLiteral;
    literal.literal = WordOf(block_, item->getStart());
    literal.span = literal.literal->span;
    return literal;
  }

  // `contains"a"` is no operator of Falco's either.
  void RequireBlank(Grammar::ComparisonContext* comparison, const antlr4::Token* op) {
    if (op->getType() != Grammar::STR_OP || comparison->children.size() < 2) return;
    const std::string_view text = block_.TextOf(op);
    auto* value = dynamic_cast<antlr4::ParserRuleContext*>(comparison->children[1]);
    const bool word = text.find_first_of("=!") == std::string_view::npos;
    if (!word || value == nullptr || value->getStart()->getStartIndex() != op->getStopIndex() + 1) return;
    auto& fault = block_.diagnostics.Add(diag::Code::E101, block_.SpanOf(op),
                                         fmt::format("`{}` needs a blank behind it", text));
    fault.help = fmt::format("write `{} {}`", text, block_.TextOf(value->getStart()));
    fault.patches.push_back({block_.SpanOf(op), fmt::format("{} ", text)});
  }

  void RequireNumber(const ast::Check& check) {
    const ast::Word& value = check.values.front();
    if (!value.quoted && IsNumber(value.text)) return;
    auto& fault = block_.diagnostics.Add(
        diag::Code::E101, value.span,
        fmt::format("`{}` compares numbers, and `{}` is not one", ast::OpName(check.op), value.text));
    if (value.quoted && IsNumber(value.text)) fault.help = "remove the quotes";
  }

  // Without parentheses Falco's grammar takes a list's name only.
  void RequireListName(const ast::Check& check) {
    const ast::Word& value = check.values.front();
    if (IsIdentifier(value.text)) return;
    auto& fault = block_.diagnostics.Add(
        diag::Code::E101, value.span,
        fmt::format("`{}` takes a list in parentheses or a list's name", ast::OpName(check.op)));
    fault.help = fmt::format("write `{} ({})`", ast::OpName(check.op), value.text);
    fault.patches.push_back({value.span, fmt::format("({})", value.text)});
  }

  static ast::Op OperatorOf(std::string_view text) {
    if (text == "==") return ast::Op::kEq;
    for (int i = 0; i < static_cast<int>(ast::Op::kExists); ++i) {
      if (ast::OpName(static_cast<ast::Op>(i)) == text) return static_cast<ast::Op>(i);
    }
    return ast::Op::kExists;
  }

  const BlockText& block_;
};

}  // namespace

ast::Expr ConditionOf(const BlockText& block, Grammar::ExpressionContext* expression) {
  return ConditionBuilder(block).Of(expression);
}

}  // namespace sluice::parse
