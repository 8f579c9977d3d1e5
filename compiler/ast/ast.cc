#include "compiler/ast/ast.h"

namespace sluice::ast {

std::shared_ptr<const Operand> Exception::ReferenceAt(size_t row, size_t column) const {
  for (const Reference& reference : references) {
    if (reference.row == row && reference.column == column) return reference.operand;
  }
  return nullptr;
}

std::string_view OpName(Op op) {
  switch (op) {
    case Op::kEq:
      return "=";
    case Op::kNe:
      return "!=";
    case Op::kLt:
      return "<";
    case Op::kLe:
      return "<=";
    case Op::kGt:
      return ">";
    case Op::kGe:
      return ">=";
    case Op::kContains:
      return "contains";
    case Op::kIContains:
      return "icontains";
    case Op::kBContains:
      return "bcontains";
    case Op::kStartsWith:
      return "startswith";
    case Op::kBStartsWith:
      return "bstartswith";
    case Op::kEndsWith:
      return "endswith";
    case Op::kGlob:
      return "glob";
    case Op::kIGlob:
      return "iglob";
    case Op::kRegex:
      return "regex";
    case Op::kIn:
      return "in";
    case Op::kIntersects:
      return "intersects";
    case Op::kPmatch:
      return "pmatch";
    case Op::kExists:
      return "exists";
  }
  return "";
}

std::string_view PriorityName(Priority priority) {
  switch (priority) {
    case Priority::kEmergency:
      return "Emergency";
    case Priority::kAlert:
      return "Alert";
    case Priority::kCritical:
      return "Critical";
    case Priority::kError:
      return "Error";
    case Priority::kWarning:
      return "Warning";
    case Priority::kNotice:
      return "Notice";
    case Priority::kInformational:
      return "Informational";
    case Priority::kDebug:
      return "Debug";
  }
  return "";
}

std::string_view ActionName(Action action) {
  switch (action) {
    case Action::kAlert:
      return "alert";
    case Action::kDeny:
      return "deny";
    case Action::kKill:
      return "kill";
  }
  return "";
}

std::string_view ExpectedName(Expected expected) {
  switch (expected) {
    case Expected::kAlert:
      return "alert";
    case Expected::kDeny:
      return "deny";
    case Expected::kKill:
      return "kill";
    case Expected::kAudit:
      return "audit";
    case Expected::kUndecided:
      return "undecided";
    case Expected::kNo:
      return "no";
    case Expected::kNothing:
      return "nothing";
    case Expected::kNothingElse:
      return "nothing else";
    case Expected::kDropped:
      return "dropped";
  }
  return "";
}

std::string_view SourceOf(const RuleKeys& rule) {
  return rule.source && !rule.source->text.empty() ? std::string_view(rule.source->text) : "syscall";
}

const Scope& ScopeOf(const RuleKeys& rule) {
  static const Scope all;
  return rule.scope ? *rule.scope : all;
}

}  // namespace sluice::ast
