#include <algorithm>
#include <unordered_map>

#include "compiler/norm/canonical.h"
#include "compiler/norm/normal.h"
#include "compiler/norm/shadow.h"

namespace sluice::norm {
namespace {

using Kind = Condition::Kind;

bool SameShape(const Condition& a, const Condition& b) {
  if (a.kind != b.kind || a.predicate != b.predicate || a.negated != b.negated) return false;
  return std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(), SameShape);
}

source::Span Join(source::Span a, source::Span b) { return a.file == b.file ? source::Cover(a, b) : a; }

Condition Constant(bool truth, source::Span span) {
  Condition condition;
  condition.kind = truth ? Kind::kTrue : Kind::kFalse;
  condition.span = span;
  return condition;
}

class Normalizer {
 public:
  Normalizer(std::vector<check::Predicate>& predicates, bool replaces) : predicates_(predicates, replaces) {}

  void BeginRule(check::RuleId rule) { rule_ = rule; }
  const std::vector<Repeat>& repeats() const { return repeats_; }

  // Every predicate by its canonical number.
  void Renumber(check::Condition& condition) {
    if (condition.kind == check::Condition::Kind::kPredicate)
      condition.predicate = predicates_.Canonical(condition.predicate);
    for (check::Condition& child : condition.children) Renumber(child);
  }

  Condition Normalize(const check::Condition& condition, bool negated) {
    switch (condition.kind) {
      case check::Condition::Kind::kTrue:
      case check::Condition::Kind::kFalse:
        return Constant((condition.kind == check::Condition::Kind::kTrue) != negated, condition.span);
      case check::Condition::Kind::kNot:
        return Normalize(condition.children[0], !negated);
      case check::Condition::Kind::kPredicate: {
        Condition literal;
        literal.kind = Kind::kLiteral;
        literal.predicate = predicates_.Canonical(condition.predicate);
        literal.negated = negated;
        literal.span = condition.span;
        return literal;
      }
      case check::Condition::Kind::kAnd:
      case check::Condition::Kind::kOr:
        break;
    }
    const bool conjunction = (condition.kind == check::Condition::Kind::kAnd) != negated;
    std::vector<Condition> children;
    children.reserve(condition.children.size());
    for (const check::Condition& child : condition.children) {
      Condition normal = Normalize(child, negated);
      if (normal.kind == (conjunction ? Kind::kFalse : Kind::kTrue))
        return Constant(!conjunction, condition.span);
      if (normal.kind == (conjunction ? Kind::kTrue : Kind::kFalse)) continue;
      if (normal.kind == (conjunction ? Kind::kAnd : Kind::kOr)) {
        std::vector<Condition>& inner = normal.children.Edit();
        std::move(inner.begin(), inner.end(), std::back_inserter(children));
      } else {
        children.push_back(std::move(normal));
      }
    }
    return Combine(std::move(children), conjunction, condition.span);
  }

 private:
  Condition Combine(std::vector<Condition> children, bool conjunction, source::Span span) {
    Merge(children, conjunction);
    std::sort(children.begin(), children.end(),
              [&](const auto& a, const auto& b) { return Compare(a, b) < 0; });
    NoteRepeats(children);
    children.erase(std::unique(children.begin(), children.end(), SameShape), children.end());
    if (HasComplement(children)) return Constant(!conjunction, span);
    if (children.empty()) return Constant(conjunction, span);
    if (children.size() == 1) return std::move(children.front());
    Condition condition;
    condition.kind = conjunction ? Kind::kAnd : Kind::kOr;
    children.shrink_to_fit();
    condition.children = std::move(children);
    condition.span = span;
    return condition;
  }

  // `a = x or a in (y, z)` is `a in (x, y, z)`; likewise `not a = x and not a in (y, z)`.
  void Merge(std::vector<Condition>& children, bool conjunction) {
    std::vector<std::vector<size_t>> groups;
    for (size_t i = 0; i < children.size(); ++i) {
      const Condition& child = children[i];
      if (child.kind != Kind::kLiteral || child.negated != conjunction) continue;
      const check::Predicate& predicate = predicates_.at(child.predicate);
      if (!IsMembership(predicate)) continue;
      const auto group = std::find_if(groups.begin(), groups.end(), [&](const std::vector<size_t>& known) {
        return predicates_.at(children[known[0]].predicate).left == predicate.left;
      });
      if (group == groups.end()) {
        groups.push_back({i});
      } else {
        group->push_back(i);
      }
    }
    std::vector<size_t> gone;
    for (const std::vector<size_t>& group : groups) {
      if (group.size() < 2) continue;
      Condition& first = children[group[0]];
      std::vector<check::PredicateId> ids;
      for (const size_t i : group) {
        ids.push_back(children[i].predicate);
        first.span = Join(first.span, children[i].span);
      }
      first.predicate = predicates_.Union(ids);
      gone.insert(gone.end(), group.begin() + 1, group.end());
    }
    std::sort(gone.rbegin(), gone.rend());
    for (const size_t i : gone) children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
  }

  // REQUIRES: sorted.
  void NoteRepeats(const std::vector<Condition>& children) {
    for (size_t i = 1; i < children.size(); ++i) {
      const Condition &a = children[i - 1], &b = children[i];
      if (a.span.file != b.span.file || !SameShape(a, b)) continue;
      const bool in_order = a.span.begin < b.span.begin;
      repeats_.push_back({rule_, in_order ? a.span : b.span, in_order ? b.span : a.span});
    }
  }

  // REQUIRES: sorted.
  static bool HasComplement(const std::vector<Condition>& children) {
    for (size_t i = 1; i < children.size(); ++i) {
      const Condition &a = children[i - 1], &b = children[i];
      if (a.kind == Kind::kLiteral && b.kind == Kind::kLiteral && a.predicate == b.predicate) return true;
    }
    return false;
  }

  // Literals first, by field, then the rest; a literal stands beside its negation.
  int Compare(const Condition& a, const Condition& b) const {
    if (a.kind != b.kind)
      return a.kind == Kind::kLiteral ? -1 : b.kind == Kind::kLiteral ? 1 : a.kind < b.kind ? -1 : 1;
    if (a.kind == Kind::kLiteral) {
      if (a.predicate != b.predicate) return predicates_.Before(a.predicate, b.predicate) ? -1 : 1;
      return a.negated == b.negated ? 0 : a.negated ? 1 : -1;
    }
    const size_t shared = std::min(a.children.size(), b.children.size());
    for (size_t i = 0; i < shared; ++i) {
      const int order = Compare(a.children[i], b.children[i]);
      if (order != 0) return order;
    }
    return a.children.size() == b.children.size() ? 0 : a.children.size() < b.children.size() ? -1 : 1;
  }

  CanonicalPredicates predicates_;
  check::RuleId rule_ = 0;
  std::vector<Repeat> repeats_;
};

}  // namespace

NormalRules Normalize(check::CheckedRules checked, diag::Diagnostics& diagnostics, bool drops_written) {
  NormalRules result;
  result.checked = std::move(checked);
  Normalizer normalizer(result.checked.predicates.Edit(), drops_written);
  result.conditions.reserve(result.checked.rules.size());
  for (check::CheckedRule& rule : result.checked.rules.Edit()) {
    normalizer.BeginRule(static_cast<check::RuleId>(result.conditions.size()));
    result.conditions.push_back(normalizer.Normalize(rule.condition, false));
    if (!drops_written) continue;
    if (rule.rule.action == ast::Action::kAlert) {
      rule.condition = {};
    } else {  // alerts of the agent's own look for paths in it
      normalizer.Renumber(rule.condition);
    }
  }
  WarnShadowed(result, normalizer.repeats(), diagnostics);
  result.checked.predicates.Edit().shrink_to_fit();  // the plan keeps them
  result.checked.predicate_at.resize(result.checked.predicates.size());
  return result;
}

}  // namespace sluice::norm
