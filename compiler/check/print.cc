// Checked rules as text: conditions as indented trees whose leaves are canonical Falco text.
#include <fmt/format.h>

#include "compiler/check/checked.h"
#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

void AppendEscaped(unsigned char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      if (c < 0x20 || c == 0x7f) {
        out += fmt::format("\\x{:02x}", c);
      } else {
        out += static_cast<char>(c);
      }
  }
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) AppendEscaped(static_cast<unsigned char>(c), out);
  return out + "\"";
}

bool IsBare(std::string_view text) {
  if (text.empty() || text == "oneof" || text == "anyof" || text == "allof") return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || std::string_view("()\"'=,").find(c) != std::string_view::npos)
      return false;
  }
  return true;
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string ValueText(const Predicate& predicate, const Value& value) {
  if (predicate.op == ast::Op::kBContains || predicate.op == ast::Op::kBStartsWith) return Hex(value.text);
  return IsBare(value.text) ? value.text : Quoted(value.text);
}

std::string_view QuantifierText(ast::Quantifier quantifier) {
  switch (quantifier) {
    case ast::Quantifier::kNone:
      return "";
    case ast::Quantifier::kOneOf:
      return " oneof";
    case ast::Quantifier::kAnyOf:
      return " anyof";
    case ast::Quantifier::kAllOf:
      return " allof";
  }
  return "";
}

std::string OutputText(const Output& pieces) {
  std::string out;
  for (const auto& piece : pieces) {
    if (!out.empty()) out += ' ';
    if (!piece->term) {
      out += Quoted(piece->text);
      continue;
    }
    out += '%';
    if (piece->width != 0) out += std::to_string(piece->width);
    out += TermText(*piece->term);
  }
  return out;
}

void AppendCondition(const CheckedRules& rules, const Condition& condition, size_t indent, std::string& out) {
  out.append(indent, ' ');
  switch (condition.kind) {
    case Condition::Kind::kTrue:
      out += "true\n";
      return;
    case Condition::Kind::kFalse:
      out += "false\n";
      return;
    case Condition::Kind::kPredicate:
      out += Print(rules.predicates[condition.predicate]) + "\n";
      return;
    case Condition::Kind::kAnd:
      out += "and\n";
      break;
    case Condition::Kind::kOr:
      out += "or\n";
      break;
    case Condition::Kind::kNot:
      out += "not\n";
      break;
  }
  for (const Condition& child : condition.children) AppendCondition(rules, child, indent + 2, out);
}

}  // namespace

std::string TermText(const Term& term) {
  std::string out;
  switch (term.kind) {
    case Term::Kind::kField:
      return term.field.Name();
    case Term::Kind::kLiteral:
      return Quoted(term.texts[0]);
    case Term::Kind::kTuple:
      for (const std::string& text : term.texts) out += (out.empty() ? "" : ", ") + Quoted(text);
      break;
    case Term::Kind::kTransform:
      break;
  }
  for (const Term& argument : term.arguments) out += (out.empty() ? "" : ", ") + TermText(argument);
  if (term.kind == Term::Kind::kTuple) return "(" + out + ")";
  out = fmt::format("{}({})", TransformName(term.transform), out);
  return term.index == '\0' ? out : fmt::format("{}[{}]", out, term.index);
}

std::string Print(const Predicate& predicate) {
  std::string out = fmt::format("{} {}", TermText(predicate.left), ast::OpName(predicate.op));
  if (predicate.op == ast::Op::kExists) return out;
  out += QuantifierText(predicate.quantifier);
  if (!predicate.right.empty()) {
    const Term& right = predicate.right[0];
    const bool field = right.kind == Term::Kind::kField;
    return out + (field ? " val(" + TermText(right) + ")" : " " + TermText(right));
  }
  const bool list = predicate.op == ast::Op::kIn || predicate.op == ast::Op::kIntersects ||
                    predicate.op == ast::Op::kPmatch || predicate.quantifier != ast::Quantifier::kNone;
  if (!list) return out + " " + ValueText(predicate, predicate.values[0]);
  std::string values;
  for (const Value& value : predicate.values) {
    if (!values.empty()) values += ", ";
    values += ValueText(predicate, value);
  }
  return out + " (" + values + ")";
}

std::string Print(const CheckedRules& rules) {
  std::string out;
  for (const CheckedRule& rule : rules.rules) {
    if (!out.empty()) out += '\n';
    out += fmt::format("rule {} {}\n", Quoted(rule.rule.name.text), ast::ActionName(rule.rule.action));
    AppendCondition(rules, rule.condition, 2, out);
    if (!rule.output.empty()) out += fmt::format("  output {}\n", OutputText(rule.output));
    for (const FieldUse& use : rule.throttle_by) out += fmt::format("  throttle by {}\n", use.Name());
  }
  return out;
}

}  // namespace sluice::check
