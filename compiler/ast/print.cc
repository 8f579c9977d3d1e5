// The tree as text. Short forms stand on one line; a longer `and`, `or` or `not` has one child a line.
#include <fmt/format.h>

#include "compiler/ast/ast.h"

namespace sluice::ast {
namespace {

constexpr size_t kMaxLine = 100;

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string Text(const Word& word) { return word.quoted || word.text.empty() ? Quote(word.text) : word.text; }

std::string Texts(const std::vector<Word>& words) {
  std::string out;
  for (const Word& word : words) {
    if (!out.empty()) out += ' ';
    out += Text(word);
  }
  return out;
}

std::string Text(const Field& field) {
  if (!field.argument) return field.name.text;
  return fmt::format("{}[{}]", field.name.text, Text(*field.argument));
}

std::string Texts(const std::vector<Field>& fields) {
  std::string out;
  for (const Field& field : fields) out += " " + Text(field);
  return out;
}

std::string Text(const Operand& operand);

std::string Texts(const std::vector<Operand>& operands) {
  std::string out;
  for (const Operand& operand : operands) {
    if (!out.empty()) out += ", ";
    out += Text(operand);
  }
  return out;
}

std::string Text(const Operand& operand) {
  switch (operand.kind) {
    case Operand::Kind::kField:
      return Text(operand.field);
    case Operand::Kind::kLiteral:
      return Text(*operand.literal);
    case Operand::Kind::kTuple:
      return "(" + Texts(operand.tuple) + ")";
    case Operand::Kind::kTransform:
      break;
  }
  std::string out = fmt::format("{}({})", operand.transform->name.text, Texts(operand.transform->arguments));
  if (operand.transform->index) out += fmt::format("[{}]", Text(*operand.transform->index));
  return out;
}

std::string_view QuantifierName(Quantifier quantifier) {
  switch (quantifier) {
    case Quantifier::kNone:
      return "";
    case Quantifier::kOneOf:
      return " oneof";
    case Quantifier::kAnyOf:
      return " anyof";
    case Quantifier::kAllOf:
      return " allof";
  }
  return "";
}

std::string Text(const Check& check) {
  std::string out =
      fmt::format("({}{} {}", OpName(check.op), QuantifierName(check.quantifier), Text(check.left));
  if (check.right) {
    const bool field = check.right->kind == Operand::Kind::kField;
    out += " " + (field ? "val(" + Text(*check.right) + ")" : Text(*check.right));
  } else if (check.parenthesised) {
    out += " (" + Texts(check.values) + ")";
  } else if (check.op != Op::kExists) {
    out += " " + Texts(check.values);
  }
  return out + ")";
}

std::string_view Head(Expr::Kind kind) {
  return kind == Expr::Kind::kAnd ? "and" : kind == Expr::Kind::kOr ? "or" : "not";
}

// Appends `expr`, whose first line starts at column `indent`.
void Append(const Expr& expr, size_t indent, std::string& out) {
  if (expr.kind == Expr::Kind::kCheck) {
    out += expr.check ? Text(*expr.check) : "(?)";
    return;
  }
  if (expr.kind == Expr::Kind::kMacro) {
    out += expr.macro->text;
    return;
  }
  std::vector<std::string> children;
  size_t width = indent + Head(expr.kind).size() + 2;
  bool broken = false;
  for (const Expr& child : expr.children) {
    Append(child, indent + 2, children.emplace_back());
    width += children.back().size() + 1;
    broken = broken || children.back().find('\n') != std::string::npos;
  }
  const std::string separator = broken || width > kMaxLine ? "\n" + std::string(indent + 2, ' ') : " ";
  out += fmt::format("({}", Head(expr.kind));
  for (const std::string& child : children) out += separator + child;
  out += ")";
}

std::string Duration(uint64_t ns) {
  constexpr struct {
    uint64_t ns;
    std::string_view unit;
  } kUnits[] = {{86'400'000'000'000, "d"},
                {3'600'000'000'000, "h"},
                {60'000'000'000, "m"},
                {1'000'000'000, "s"},
                {1'000'000, "ms"}};
  for (const auto& unit : kUnits) {
    if (ns != 0 && ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.unit);
  }
  return fmt::format("{}ns", ns);
}

void AppendRate(std::string_view key, const source::Boxed<Rate>& rate, std::string& out) {
  if (!rate) return;
  out += fmt::format("\n  ({} {}{} {}", key, rate->count, rate->of_processes ? " processes" : "",
                     Duration(rate->period_ns));
  if (!rate->by.empty()) out += fmt::format(" (by{})", Texts(rate->by));
  out += ")";
}

void AppendScope(const Scope& scope, std::string& out) {
  switch (scope.kind) {
    case Scope::Kind::kAll:
      break;
    case Scope::Kind::kUid:
      out += fmt::format("\n  (scope uid {})", scope.number);
      break;
    case Scope::Kind::kCgroup:
      out += fmt::format("\n  (scope cgroup {})", Quote(scope.path));
      break;
    case Scope::Kind::kPercent:
      out += fmt::format("\n  (scope percent {})", scope.number);
      break;
  }
}

std::string ExceptionValue(const Exception& exception, size_t row, size_t column) {
  if (const auto operand = exception.ReferenceAt(row, column)) return Text(*operand);
  const std::vector<Word>& words = exception.values[row][column];
  return words.size() == 1 ? Texts(words) : "(" + Texts(words) + ")";
}

void AppendException(const Exception& exception, std::string& out) {
  out += fmt::format("\n  (exception {}\n    (fields", Text(exception.name));
  for (const Operand& field : exception.fields) out += " " + Text(field);
  out += fmt::format(")\n    (comps {})", Texts(exception.comps));
  for (size_t row = 0; row < exception.values.size(); ++row) {
    out += "\n    (row";
    for (size_t column = 0; column < exception.values[row].size(); ++column)
      out += " " + ExceptionValue(exception, row, column);
    out += ")";
  }
  out += ")";
}

void AppendAllowed(const std::vector<Word>& slugs, std::string& out) {
  if (!slugs.empty()) out += fmt::format("\n  (allow {})", Texts(slugs));
}

void Append(const List& list, std::string& out) {
  std::string items = Texts(list.items);
  if (!items.empty()) items.insert(0, items.size() > kMaxLine ? "\n  " : " ");
  out += fmt::format("(list {}{}", Text(list.name), items);
  AppendAllowed(list.allowed_warnings, out);
  out += ")\n";
}

void Append(const Macro& macro, std::string& out) {
  out += fmt::format("(macro {}\n  ", Text(macro.name));
  Append(macro.condition, 2, out);
  AppendAllowed(macro.allowed_warnings, out);
  out += ")\n";
}

void Append(const Rule& rule, std::string& out) {
  out += fmt::format("(rule {}\n  (desc {})\n  (condition\n    ", Text(rule.name), Text(rule.desc));
  Append(rule.condition, 4, out);
  out += fmt::format(")\n  (output {})\n  (priority {})", Text(rule.output), PriorityName(rule.priority));
  if (rule.action != Action::kAlert) out += fmt::format("\n  (action {})", ActionName(rule.action));
  if (rule.errno_value != 1) out += fmt::format("\n  (errno {})", rule.errno_value);
  if (rule.on_unknown == OnUnknown::kDeny) out += "\n  (on_unknown deny)";
  if (rule.mode == Mode::kAudit) out += "\n  (mode audit)";
  if (!rule.tags.empty()) out += fmt::format("\n  (tags {})", Texts(rule.tags));
  if (!rule.enabled) out += "\n  (enabled false)";
  if (SourceOf(rule) != "syscall") out += fmt::format("\n  (source {})", Text(*rule.source));
  for (const Exception& exception : rule.exceptions) AppendException(exception, out);
  AppendRate("throttle", rule.throttle, out);
  if (rule.then) {
    out += fmt::format("\n  (then add {} {} {})", Text(rule.then->field), Text(rule.then->set),
                       Duration(rule.then->period_ns));
  }
  AppendScope(ScopeOf(rule), out);
  AppendRate("fuse", rule.fuse, out);
  AppendAllowed(rule.allowed_warnings, out);
  out += ")\n";
}

void AppendValues(const std::vector<TestValue>& values, std::string& out) {
  for (const TestValue& value : values) {
    const std::string words = Texts(value.words);
    out += fmt::format(" ({} {})", Text(value.key), value.array ? "[" + words + "]" : words);
  }
}

void Append(const Test& test, std::string& out) {
  out += fmt::format("(test {}", Text(test.name));
  for (const TestEvent& event : test.events) {
    out += "\n  (event";
    if (event.chain.empty()) out += " " + Text(event.type);
    if (!event.chain.empty()) out += fmt::format(" (chain {})", Texts(event.chain));
    AppendValues(event.values, out);
    out += ")";
  }
  for (const Expectation& expectation : test.expectations) {
    out += "\n  (expect ";
    out += ExpectedName(expectation.what);
    if (NamesRule(expectation.what)) out += " " + Text(expectation.rule);
    if (expectation.output) out += fmt::format(" (output {})", Text(*expectation.output));
    if (expectation.times) out += fmt::format(" (times {})", *expectation.times);
    AppendValues(expectation.fields, out);
    out += ")";
  }
  if (test.capture) out += fmt::format("\n  (capture {})", Text(*test.capture));
  if (test.trigger) out += fmt::format("\n  (trigger {})", Text(*test.trigger));
  out += ")\n";
}

template <typename Blocks>
void AppendAll(const Blocks& blocks, std::string& out) {
  for (const auto& block : blocks) {
    if (!out.empty()) out += '\n';
    Append(block, out);
  }
}

}  // namespace

std::string Print(const Expr& expr) {
  std::string out;
  Append(expr, 0, out);
  return out;
}

std::string Print(const RuleSet& rules) {
  std::string out;
  AppendAll(rules.lists, out);
  AppendAll(rules.macros, out);
  AppendAll(rules.rules, out);
  AppendAll(rules.tests, out);
  return out;
}

}  // namespace sluice::ast
