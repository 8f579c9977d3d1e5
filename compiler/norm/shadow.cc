#include "compiler/norm/shadow.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_map>

#include "compiler/norm/canonical.h"
#include "compiler/norm/implies.h"

namespace sluice::norm {
namespace {

using check::RuleId;
using diag::Code;
using Kind = Condition::Kind;

constexpr size_t kBudget = 1'000'000;  // steps for each of the two warnings, whatever the number of rules
constexpr size_t kMaxSiblings = 100;   // children of one node that are compared with each other
constexpr size_t kMaxKeys = 16;        // values under which a test is found

bool IsAllowed(const ast::RuleKeys& rule, Code code) {
  const std::string_view slug = diag::RowOf(code).slug;
  return std::any_of(rule.allowed_warnings.begin(), rule.allowed_warnings.end(),
                     [&](const ast::Word& word) { return word.text == slug; });
}

uint64_t Mix(uint64_t a, uint64_t b) { return (a ^ b) * 0x9e3779b97f4a7c15u + (a >> 29); }

class Shadows {
 public:
  Shadows(const NormalRules& rules, diag::Diagnostics& diagnostics)
      : rules_(rules), diagnostics_(diagnostics), implication_(rules.checked.predicates, kBudget) {}

  void Warn() {
    for (RuleId id = 0; id < rules_.conditions.size(); ++id) Index(id);
    for (RuleId id = 0; id < rules_.conditions.size() && !implication_.spent(); ++id) {
      if (!IsAllowed(Rule(id), Code::W216)) LookFor(id);
    }
  }

 private:
  const ast::RuleKeys& Rule(RuleId id) const { return rules_.checked.rules[id].rule; }

  static std::vector<const Condition*> Conjuncts(const Condition& condition) {
    if (condition.kind != Kind::kAnd) return {&condition};
    std::vector<const Condition*> conjuncts;
    for (const Condition& child : condition.children) conjuncts.push_back(&child);
    return conjuncts;
  }

  // What a conjunct is found under, and a conjunct that implies it asks for. A list has a key for each value;
  // one that implies it asks for its own first value.
  std::vector<uint64_t> Keys(const Condition& conjunct, bool asks) {
    if (conjunct.kind != Kind::kLiteral) return {Shape(conjunct)};
    const check::Predicate& predicate = rules_.checked.predicates[conjunct.predicate];
    const uint64_t left = Left(conjunct.predicate);
    if (conjunct.negated || !IsMembership(predicate) || predicate.values.empty()) return {Mix(left, 1)};
    const auto key = [&](const check::Value& value) {
      return Mix(left, std::hash<std::string>{}(value.text));
    };
    if (asks) return {key(predicate.values[0]), Mix(left, 1)};
    if (predicate.values.size() > kMaxKeys) return {Mix(left, 1)};
    std::vector<uint64_t> keys;
    for (const check::Value& value : predicate.values) keys.push_back(key(value));
    return keys;
  }

  uint64_t Left(check::PredicateId id) {
    if (lefts_.size() <= id) lefts_.resize(rules_.checked.predicates.size());
    if (lefts_[id] == 0) {
      check::Predicate bare;
      bare.left = rules_.checked.predicates[id].left;
      lefts_[id] = check::HashOf(bare) | 1;
    }
    return lefts_[id];
  }

  static uint64_t Shape(const Condition& condition) {
    uint64_t hash =
        Mix(static_cast<uint64_t>(condition.kind) + 7, condition.predicate * 2ull + condition.negated);
    for (const Condition& child : condition.children) hash = Mix(hash, Shape(child));
    return hash;
  }

  // Under the conjunct that is rarest so far: who implies the rule implies that one too.
  void Index(RuleId id) {
    const Condition& condition = rules_.conditions[id];
    if (condition.kind == Kind::kTrue || condition.kind == Kind::kFalse) return;
    std::vector<uint64_t> best;
    size_t best_load = 0;
    for (const Condition* conjunct : Conjuncts(condition)) {
      const std::vector<uint64_t> keys = Keys(*conjunct, false);
      size_t load = 0;
      for (const uint64_t key : keys) load += index_.count(key) == 0 ? 0 : index_[key].size();
      if (!best.empty() && load >= best_load) continue;
      best = keys;
      best_load = load;
    }
    for (const uint64_t key : best) index_[key].push_back(id);
  }

  void LookFor(RuleId id) {
    const Condition& condition = rules_.conditions[id];
    if (condition.kind == Kind::kTrue || condition.kind == Kind::kFalse) return;
    for (const Condition* conjunct : Conjuncts(condition)) {
      for (const uint64_t key : Keys(*conjunct, true)) {
        const auto found = index_.find(key);
        if (found == index_.end()) continue;
        for (const RuleId other : found->second) {
          if (Shadow(other, id)) return;
        }
      }
    }
  }

  bool Shadow(RuleId general, RuleId special) {
    const ast::RuleKeys &one = Rule(general), &two = Rule(special);
    if (general == special || one.action != two.action || one.priority != two.priority ||
        one.mode != two.mode)
      return false;
    if (!implication_.Implies(rules_.conditions[special], rules_.conditions[general])) return false;
    // Of two that mean the same the later one is told.
    const bool same = implication_.Implies(rules_.conditions[general], rules_.conditions[special]);
    if (same && general > special) return false;
    auto& fault = diagnostics_.Add(
        Code::W216, two.name.span,
        same
            ? fmt::format("Rule `{}` matches exactly when rule `{}` does", two.name.text, one.name.text)
            : fmt::format("Whenever rule `{}` matches, rule `{}` matches too", two.name.text, one.name.text));
    fault.others.push_back({one.name.span, same ? "the same condition" : "the wider condition"});
    fault.note = "with the same action and priority, so one event is told twice";
    fault.help = "remove one of them, or keep the special case out of the wider rule";
    return true;
  }

  const NormalRules& rules_;
  diag::Diagnostics& diagnostics_;
  Implication implication_;
  std::vector<uint64_t> lefts_;  // by PredicateId; 0: not known yet
  std::unordered_map<uint64_t, std::vector<RuleId>> index_;
};

class Redundancy {
 public:
  Redundancy(const NormalRules& rules, diag::Diagnostics& diagnostics)
      : rules_(rules), diagnostics_(diagnostics), implication_(rules.checked.predicates, kBudget) {}

  void Warn(const std::vector<Repeat>& repeats) {
    for (const Repeat& repeat : repeats) Tell(repeat.rule, repeat.repeated, repeat.kept);
    for (RuleId id = 0; id < rules_.conditions.size() && !implication_.spent(); ++id)
      Look(id, rules_.conditions[id]);
  }

 private:
  void Look(RuleId id, const Condition& condition) {
    for (const Condition& child : condition.children) Look(id, child);
    if (condition.children.size() > kMaxSiblings) return;
    const bool conjunction = condition.kind == Kind::kAnd;
    for (const Condition& a : condition.children) {
      for (const Condition& b : condition.children) {
        if (&a == &b || !Together(id, a.span, b.span)) continue;
        if (conjunction ? implication_.Implies(b, a) : implication_.Implies(a, b)) Tell(id, a.span, b.span);
      }
    }
  }

  // Both stand in the rule's own words, or in those of one macro; what comes together by putting macros in is
  // no fault.
  bool Together(RuleId id, source::Span a, source::Span b) const {
    const source::Span rule = rules_.checked.rules[id].rule.span;
    if (a.file != b.file || (a.begin < b.end && b.begin < a.end)) return false;
    const auto within = [&](source::Span span) { return rule.begin <= span.begin && span.end <= rule.end; };
    return a.file != rule.file || (within(a) && within(b));
  }

  void Tell(RuleId id, source::Span redundant, source::Span because) {
    if (!Together(id, redundant, because) || IsAllowed(rules_.checked.rules[id].rule, Code::W217)) return;
    if (!told_.insert({redundant.file, redundant.begin}).second) return;
    auto& fault = diagnostics_.Add(Code::W217, redundant, "This test adds nothing");
    fault.others.push_back({because, "this one decides"});
    fault.help = "remove it, or check that `and` and `or` stand as they are meant";
  }

  const NormalRules& rules_;
  diag::Diagnostics& diagnostics_;
  Implication implication_;
  std::set<std::pair<source::FileId, uint32_t>> told_;
};

}  // namespace

void WarnShadowed(const NormalRules& rules, const std::vector<Repeat>& repeats,
                  diag::Diagnostics& diagnostics) {
  Redundancy(rules, diagnostics).Warn(repeats);
  Shadows(rules, diagnostics).Warn();
}

}  // namespace sluice::norm
