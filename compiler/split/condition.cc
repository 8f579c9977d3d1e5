#include "compiler/split/condition.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::split {
namespace {

using Kind = norm::Condition::Kind;

norm::Condition Constant(Kind kind) {
  norm::Condition condition;
  condition.kind = kind;
  return condition;
}

// `unit` changes nothing in the join, `zero` decides it.
norm::Condition Join(Kind kind, Kind unit, Kind zero, std::vector<norm::Condition> parts) {
  norm::Condition joined = Constant(kind);
  const auto add = [&](norm::Condition part) {
    for (const norm::Condition& child : joined.children) {
      if (part.kind == Kind::kLiteral && Same(child, part)) return;
    }
    joined.children.push_back(std::move(part));
  };
  // Looking for an equal child is quadratic; a long list is joined as it is.
  const bool small = parts.size() <= 32;
  joined.children.reserve(parts.size());
  for (norm::Condition& part : parts) {
    if (part.kind == zero) return Constant(zero);
    if (part.kind == unit) continue;
    if (part.kind == kind) {
      for (norm::Condition& child : part.children) {
        small ? add(std::move(child)) : joined.children.push_back(std::move(child));
      }
    } else {
      small ? add(std::move(part)) : joined.children.push_back(std::move(part));
    }
  }
  if (joined.children.empty()) return Constant(unit);
  if (joined.children.size() == 1) {
    norm::Condition only = std::move(joined.children.front());
    return only;
  }
  joined.span = joined.children.front().span;
  return joined;
}

}  // namespace

norm::Condition True() { return Constant(Kind::kTrue); }
norm::Condition False() { return Constant(Kind::kFalse); }

norm::Condition All(std::vector<norm::Condition> parts) {
  return Join(Kind::kAnd, Kind::kTrue, Kind::kFalse, std::move(parts));
}

norm::Condition Any(std::vector<norm::Condition> parts) {
  return Join(Kind::kOr, Kind::kFalse, Kind::kTrue, std::move(parts));
}

bool Same(const norm::Condition& a, const norm::Condition& b) {
  if (a.kind != b.kind || a.children.size() != b.children.size()) return false;
  if (a.kind == Kind::kLiteral) return a.predicate == b.predicate && a.negated == b.negated;
  for (size_t i = 0; i < a.children.size(); ++i) {
    if (!Same(a.children[i], b.children[i])) return false;
  }
  return true;
}

std::string Brief(const check::Predicate& predicate) {
  constexpr size_t kMaxValues = 5, kMaxBytes = 100;
  std::string text;
  if (predicate.values.size() > kMaxValues) {
    check::Predicate cut = predicate;
    cut.values.resize(kMaxValues);
    text = check::Print(cut);
    if (!text.empty() && text.back() == ')') text.pop_back();
    text += fmt::format(", ... {} more)", predicate.values.size() - kMaxValues);
  } else {
    text = check::Print(predicate);
  }
  if (text.size() <= kMaxBytes) return text;
  size_t end = kMaxBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a code point
  return text.substr(0, end) + "...";
}

std::string OneLine(const norm::Condition& condition, const check::CheckedRules& checked) {
  switch (condition.kind) {
    case Kind::kTrue:
      return "true";
    case Kind::kFalse:
      return "false";
    case Kind::kLiteral:
      return (condition.negated ? "not " : "") + Brief(checked.predicates[condition.predicate]);
    case Kind::kAnd:
    case Kind::kOr:
      break;
  }
  std::string text;
  for (const norm::Condition& child : condition.children) {
    if (!text.empty()) text += condition.kind == Kind::kAnd ? " and " : " or ";
    const bool nested = child.kind != Kind::kLiteral;
    text += nested ? "(" + OneLine(child, checked) + ")" : OneLine(child, checked);
  }
  return text;
}

void ForEachLiteral(const norm::Condition& condition,
                    const std::function<void(const norm::Condition&)>& visit) {
  if (condition.kind == Kind::kLiteral) visit(condition);
  for (const norm::Condition& child : condition.children) ForEachLiteral(child, visit);
}

}  // namespace sluice::split
