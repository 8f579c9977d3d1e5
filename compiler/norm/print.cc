// Normal rules as text, like check's: an indented tree, a literal with its `not` on one line.
#include <fmt/format.h>

#include "compiler/norm/normal.h"

namespace sluice::norm {
namespace {

void Append(const Condition& condition, const check::CheckedRules& checked, size_t indent, std::string& out) {
  out.append(indent, ' ');
  switch (condition.kind) {
    case Condition::Kind::kTrue:
      out += "true\n";
      return;
    case Condition::Kind::kFalse:
      out += "false\n";
      return;
    case Condition::Kind::kLiteral:
      if (condition.negated) out += "not ";
      out += check::Print(checked.predicates[condition.predicate]) + "\n";
      return;
    case Condition::Kind::kAnd:
      out += "and\n";
      break;
    case Condition::Kind::kOr:
      out += "or\n";
      break;
  }
  for (const Condition& child : condition.children) Append(child, checked, indent + 2, out);
}

}  // namespace

std::string Print(const Condition& condition, const check::CheckedRules& checked) {
  std::string out;
  Append(condition, checked, 0, out);
  return out;
}

std::string Print(const NormalRules& rules) {
  std::string out;
  for (size_t id = 0; id < rules.conditions.size(); ++id) {
    if (!out.empty()) out += '\n';
    const check::CheckedRule& rule = rules.checked.rules[id];
    out += fmt::format("rule \"{}\" {}\n", rule.rule.name.text, ast::ActionName(rule.rule.action));
    Append(rules.conditions[id], rules.checked, 2, out);
  }
  return out;
}

}  // namespace sluice::norm
