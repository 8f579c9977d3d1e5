#include "compiler/naive/naive.h"

#include <fmt/format.h>

#include <cstdlib>
#include <unordered_map>

namespace sluice::naive {
namespace {

using ast::Op;
using ast::Quantifier;
using Kind = Value::Kind;

[[noreturn]] void Fail(const std::string& why) {
  fmt::print(stderr, "naive: {}\n", why);
  std::abort();
}

Truth Known(bool truth) { return truth ? Truth::kTrue : Truth::kFalse; }

Truth Not(Truth truth) {
  if (truth == Truth::kUnknown) return truth;
  return Known(truth == Truth::kFalse);
}

bool HoldsForWords(const ast::Check& check, const std::vector<std::string>& words, const Value& left) {
  size_t held = 0;
  const std::string& field = check.left.field.name.text;
  const bool unsigned32 =
      check.left.kind == ast::Operand::Kind::kField && (field == "user.uid" || field == "group.gid");
  for (const std::string& word : words) {
    Value right = As(left.kind, check.op, word);
    if (unsigned32 && right.number < 0 && right.number >= INT32_MIN) right.number += int64_t{1} << 32;
    held += Compare(check.op, left, right);
  }
  switch (check.quantifier) {
    case Quantifier::kNone:
    case Quantifier::kAnyOf:
      return held > 0;
    case Quantifier::kOneOf:
      return held == 1;
    case Quantifier::kAllOf:
      return held > 0 && held == words.size();
  }
  Fail("quantifier");
}

std::string Print(const Value& value) {
  switch (value.kind) {
    case Kind::kAbsent:
      return "absent";
    case Kind::kUnknown:
      return "unknown";
    case Kind::kString:
      return "\"" + value.text + "\"";
    case Kind::kInt:
    case Kind::kPort:
      return std::to_string(value.number);
    case Kind::kDouble:
      return std::to_string(value.real);
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kNet:
      return value.text;
    case Kind::kList:
      break;
  }
  std::string out;
  for (const Value& element : value.list) out += (out.empty() ? "" : ", ") + Print(element);
  return "[" + out + (value.partial ? ", ..." : "") + "]";
}

// The operator of an exception: "in", "startswith", "= anyof".
void ReadComparison(const std::string& text, ast::Check& check) {
  const std::string op = text.substr(0, text.find(' '));
  bool found = false;
  for (int i = 0; i <= static_cast<int>(Op::kExists); ++i) {
    if (ast::OpName(static_cast<Op>(i)) != (op == "==" ? "=" : op)) continue;
    check.op = static_cast<Op>(i);
    found = true;
  }
  if (!found) Fail("no operator " + text);
  if (text.find("oneof") != std::string::npos) check.quantifier = Quantifier::kOneOf;
  if (text.find("anyof") != std::string::npos) check.quantifier = Quantifier::kAnyOf;
  if (text.find("allof") != std::string::npos) check.quantifier = Quantifier::kAllOf;
}

}  // namespace

struct Evaluator::State {
  explicit State(const ast::RuleSet& rules) {
    for (const ast::Macro& macro : rules.macros) macros.emplace(macro.name.text, &macro);
    for (const ast::List& list : rules.lists) lists.emplace(list.name.text, &list);
  }

  Truth Of(const ast::Expr& expr, const Event& event);
  Truth Of(const ast::Check& check, const Event& event);
  Truth OfScalar(const ast::Check& check, const Value& left, const Event& event);
  Truth OfRight(const ast::Check& check, const Value& left, const Value& right);
  Truth Joined(const ast::Expr& expr, Truth decisive, const Event& event);
  Truth Excepted(const ast::Exception& exception, const Event& event);
  const std::vector<std::string>& WordsOf(const ast::Check& check);
  void AddWords(const std::vector<ast::Word>& from, std::vector<std::string>& words);

  std::unordered_map<std::string_view, const ast::Macro*> macros;
  std::unordered_map<std::string_view, const ast::List*> lists;
  std::unordered_map<const ast::Check*, std::vector<std::string>> words_of;
};

Truth Evaluator::State::Of(const ast::Expr& expr, const Event& event) {
  switch (expr.kind) {
    case ast::Expr::Kind::kNot:
      return Not(Of(expr.children[0], event));
    case ast::Expr::Kind::kAnd:
      return Joined(expr, Truth::kFalse, event);
    case ast::Expr::Kind::kOr:
      return Joined(expr, Truth::kTrue, event);
    case ast::Expr::Kind::kMacro: {
      const auto macro = macros.find(expr.macro->text);
      if (macro == macros.end()) Fail("no macro " + expr.macro->text);
      return Of(macro->second->condition, event);
    }
    case ast::Expr::Kind::kCheck:
      return Of(*expr.check, event);
  }
  Fail("expression");
}

// `decisive` decides; else unknown when any part is; else the other.
Truth Evaluator::State::Joined(const ast::Expr& expr, Truth decisive, const Event& event) {
  Truth joined = Not(decisive);
  for (const ast::Expr& child : expr.children) {
    const Truth truth = Of(child, event);
    if (truth == decisive) return decisive;
    if (truth == Truth::kUnknown) joined = truth;
  }
  return joined;
}

void Evaluator::State::AddWords(const std::vector<ast::Word>& from, std::vector<std::string>& words) {
  for (const ast::Word& word : from) {
    const auto list = word.quoted ? lists.end() : lists.find(word.text);
    if (list != lists.end()) {
      AddWords(list->second->items, words);
    } else {
      words.push_back(word.text);
    }
  }
}

const std::vector<std::string>& Evaluator::State::WordsOf(const ast::Check& check) {
  const auto [found, fresh] = words_of.try_emplace(&check);
  if (!fresh) return found->second;
  const bool takes_lists = check.op == Op::kIn || check.op == Op::kIntersects || check.op == Op::kPmatch ||
                           check.quantifier != Quantifier::kNone;
  if (takes_lists) {
    AddWords(check.values, found->second);
  } else {
    found->second = {check.values.at(0).text};
  }
  return found->second;
}

Truth Evaluator::State::Of(const ast::Check& check, const Event& event) {
  Value made;
  if (check.left.kind != ast::Operand::Kind::kField) made = ValueOf(event, check.left);
  const Value& left = check.left.kind == ast::Operand::Kind::kField ? ValueOf(event, check.left.field) : made;
  if (left.kind == Kind::kAbsent) return Truth::kFalse;
  if (left.kind == Kind::kUnknown) return Truth::kUnknown;
  if (left.kind != Kind::kList) return OfScalar(check, left, event);
  const bool all = left.many == Value::Many::kAll;
  const bool every = all ? check.op == Op::kIn : left.many == Value::Many::kEither && check.op == Op::kNe;
  if (left.list.empty() && !left.partial) return Known(all && (every || check.op == Op::kExists));
  const Truth decisive = Known(!every);
  Truth truth = left.partial ? Truth::kUnknown : Not(decisive);
  for (const Value& element : left.list) {
    if (element.kind == Kind::kAbsent) continue;
    const Truth one = OfScalar(check, element, event);
    if (one == decisive) return decisive;
    if (one == Truth::kUnknown) truth = one;
  }
  return truth;
}

Truth Evaluator::State::OfScalar(const ast::Check& check, const Value& left, const Event& event) {
  if (left.kind == Kind::kUnknown) return Truth::kUnknown;
  if (check.op == Op::kExists) {
    // A variable that is not set is empty (Falco): it exists when it is not.
    const bool variable = check.left.kind == ast::Operand::Kind::kField &&
                          check.left.field.name.text == "proc.env" && check.left.field.argument;
    return variable ? Known(!left.text.empty()) : Truth::kTrue;
  }
  if (check.right) return OfRight(check, left, ValueOf(event, *check.right));
  return Known(HoldsForWords(check, WordsOf(check), left));
}

Truth Evaluator::State::OfRight(const ast::Check& check, const Value& left, const Value& right) {
  if (right.kind == Kind::kAbsent) return Truth::kFalse;
  if (right.kind == Kind::kUnknown) return Truth::kUnknown;
  if (right.kind != Kind::kList) return Known(Compare(check.op, left, right));
  Truth any = right.partial ? Truth::kUnknown : Truth::kFalse;
  for (const Value& element : right.list) {
    if (Compare(check.op, left, element)) any = Truth::kTrue;
  }
  return any;
}

// Any row with all of its columns.
Truth Evaluator::State::Excepted(const ast::Exception& exception, const Event& event) {
  Truth any = Truth::kFalse;
  for (size_t number = 0; number < exception.values.size(); ++number) {
    const auto& row = exception.values[number];
    Truth all = Truth::kTrue;
    for (size_t i = 0; i < row.size() && all != Truth::kFalse; ++i) {
      ast::Check check;
      check.left = exception.fields.at(i);
      check.values = row[i];
      ReadComparison(exception.comps.at(i).text, check);
      const bool list = check.op == Op::kIn || check.op == Op::kIntersects || check.op == Op::kPmatch ||
                        check.quantifier != Quantifier::kNone;
      if (!list) check.right = exception.ReferenceAt(number, i);
      const Truth one = Of(check, event);
      words_of.erase(&check);  // another check may stand there next
      if (one != Truth::kTrue) all = one;
    }
    if (all == Truth::kTrue) return all;
    if (all == Truth::kUnknown) any = all;
  }
  return any;
}

Evaluator::Evaluator(const ast::RuleSet& rules) : state_(std::make_unique<State>(rules)) {}
Evaluator::~Evaluator() = default;

Truth Evaluator::Holds(const ast::Expr& condition, const Event& event) {
  return state_->Of(condition, event);
}

Truth Evaluator::Holds(const ast::Rule& rule, const Event& event) {
  Truth truth = state_->Of(rule.condition, event);
  for (const ast::Exception& exception : rule.exceptions) {
    if (truth == Truth::kFalse) return truth;
    const Truth excepted = state_->Excepted(exception, event);
    if (excepted == Truth::kTrue) return Truth::kFalse;
    if (excepted == Truth::kUnknown) truth = excepted;
  }
  return truth;
}

Value Value::Unknown() {
  Value value;
  value.kind = Kind::kUnknown;
  return value;
}

Value Value::Of(std::string text) {
  Value value;
  value.kind = Kind::kString;
  value.text = std::move(text);
  return value;
}

Value Value::Of(int64_t number) {
  Value value;
  value.kind = Kind::kInt;
  value.number = number;
  return value;
}

Value Value::OfPort(int64_t number) {
  Value value = Of(number);
  value.kind = Kind::kPort;
  return value;
}

Value Value::OfDouble(double real) {
  Value value;
  value.kind = Kind::kDouble;
  value.real = real;
  return value;
}

Value Value::OfBool(bool boolean) {
  Value value;
  value.kind = Kind::kBool;
  value.boolean = boolean;
  return value;
}

Value Value::Of(std::vector<Value> list, bool partial, Many many) {
  Value value;
  value.kind = Kind::kList;
  value.list = std::move(list);
  value.many = many;
  value.partial = partial;
  return value;
}

std::string Print(const Event& event) {
  std::string out;
  for (const auto& [field, value] : event) out += fmt::format("  {} = {}\n", field, Print(value));
  return out;
}

}  // namespace sluice::naive
