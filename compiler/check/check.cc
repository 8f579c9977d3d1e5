#include "compiler/check/check.h"

#include <fmt/format.h>

#include <map>

#include "compiler/check/conditions.h"
#include "compiler/check/exceptions.h"
#include "compiler/check/output.h"
#include "compiler/check/results.h"
#include "compiler/check/sets.h"
#include "compiler/check/terms.h"
#include "compiler/check/unknown_field.h"
#include "compiler/check/warnings.h"

namespace sluice::check {
namespace {

using diag::Code;

// A scope and a fuse bound what a rule refuses.
void WarnOfIdleKeys(const ast::Rule& rule, diag::Diagnostics& diagnostics) {
  if (rule.action != ast::Action::kAlert) return;
  if (IsAllowed(rule.allowed_warnings, Code::W212)) return;
  const auto warn = [&](source::Span span, std::string_view key) {
    diagnostics
        .Add(Code::W212, span,
             fmt::format("`{}` has no effect: the rule `{}` refuses nothing", key, rule.name.text))
        .help = "it bounds what `action: deny` and `action: kill` do";
  };
  if (rule.fuse) warn(rule.fuse->span, "fuse");
  if (rule.scope) warn(rule.scope->span, "scope");
}

class RuleChecker {
 public:
  RuleChecker(const ast::RuleSet& rules, const Limits& limits, diag::Diagnostics& diagnostics)
      : rules_(rules),
        diagnostics_(diagnostics),
        names_(rules, limits, diagnostics),
        predicates_(names_, diagnostics),
        conditions_(rules, names_, predicates_, limits, diagnostics),
        results_(predicates_, limits.results_known, diagnostics),
        warnings_(rules, predicates_, diagnostics) {}

  CheckedRules Check() {
    result_.rules.reserve(rules_.rules.size());
    for (const ast::Rule& rule : rules_.rules) {
      if (Check(rule)) result_.rules.Edit().back().rule = rule;
    }
    return Finish();
  }

  // `rules`: those of the constructor. Frees each when it is checked.
  CheckedRules CheckTaking(std::deque<ast::Rule>& rules) {
    result_.rules.reserve(rules.size());
    for (; !rules.empty(); rules.pop_front()) {
      ast::Rule& rule = rules.front();
      if (!Check(rule)) continue;
      rule.desc.text = rule.output.text = std::string();
      result_.rules.Edit().back().rule =
          rule;  // a copy: what is moved would keep the freed ones' pages in use
    }
    return Finish();
  }

  CheckedRules CheckAlone(const ast::Expr& condition) {
    CheckedRule checked;
    checked.rule.name.text = "condition";
    predicates_.KeepTypeTests();
    if (conditions_.Build(condition, checked.condition)) result_.rules.push_back(std::move(checked));
    return Take();
  }

 private:
  CheckedRules Finish() {
    WarnOfOtherSources();
    names_.WarnUnusedLists(diagnostics_);
    conditions_.WarnUnusedMacros();
    return Take();
  }

  // True: it is the last of the result, without its keys.
  bool Check(const ast::Rule& rule) {
    if (SkipsSource(rule) || (rule.skip_if_unknown_field && SkipsUnknown(rule))) {
      LeaveOut(rule);
      return false;
    }
    CheckedRule checked;
    bool ok = BuildCondition(rule, checked.condition);
    ok = ParseOutput(rule.output, diagnostics_, output_pieces_, checked.output) && ok;
    if (rule.then && ResolveThen(*rule.then, diagnostics_, checked.then_field.emplace())) {
      additions_.push_back({*rule.then, *checked.then_field, rule.allowed_warnings});
    } else if (rule.then) {
      ok = false;
    }
    WarnOfIdleKeys(rule, diagnostics_);
    if (rule.throttle) {
      for (const ast::Field& field : rule.throttle->by) {
        ok = ResolveUse(field, diagnostics_, checked.throttle_by.emplace_back()) && ok;
      }
    }
    if (!ok || !rule.enabled || names_.IsDuplicate(rule)) return false;
    const auto id = static_cast<RuleId>(result_.rules.size());
    if (!results_.Fold(rule, id, checked.condition, result_.assumptions)) return false;
    warnings_.Look(rule, checked);
    result_.rules.push_back(std::move(checked));
    return true;
  }

  bool BuildCondition(const ast::Rule& rule, Condition& condition) {
    if (rule.exceptions.empty()) return conditions_.Build(rule.condition, condition);
    ast::Expr joined = rule.condition;
    const bool ok = JoinExceptions(rule, diagnostics_, joined);
    return conditions_.Build(joined, condition) && ok;
  }

  bool SkipsUnknown(const ast::Rule& rule) {
    std::optional<Unknown> unknown = FindUnknown(rule, names_);
    if (!unknown) unknown = conditions_.FindUnknownInMacros(rule.condition);
    if (!unknown) return false;
    const std::string& name = unknown->word.text;
    auto& warning = diagnostics_.Add(Code::W204, unknown->word.span,
                                     fmt::format("Rule `{}` is left out: it names an unknown {}{}",
                                                 rule.name.text, unknown->event_type ? "event type" : "field",
                                                 name.empty() ? "" : fmt::format(", `{}`", name)));
    warning.note = "`skip-if-unknown-filter` says so";
    return true;
  }

  bool SkipsSource(const ast::Rule& rule) {
    if (ast::SourceOf(rule) == "syscall") return false;
    if (IsAllowed(rule.allowed_warnings, Code::W211)) return true;
    const auto [at, fresh] = other_sources_.try_emplace(rule.source->text);
    if (fresh) at->second = {rule.name.text, rule.source->span, 0};
    ++at->second.rules;
    return true;
  }

  // Once a source: a file for another source holds dozens of such rules.
  void WarnOfOtherSources() {
    for (const auto& [source, other] : other_sources_) {
      const std::string subject = other.rules == 1 ? fmt::format("Rule `{}` is", other.first)
                                                   : fmt::format("{} rules are", other.rules);
      auto& fault =
          diagnostics_.Add(Code::W211, other.first_at,
                           fmt::format("{} for the event source `{}`, and left out", subject, source));
      fault.note = "the only source here is `syscall`";
    }
  }

  // What only such a rule uses is not unused.
  void LeaveOut(const ast::Rule& rule) {
    result_.left_out_rules.push_back(rule.name.text);
    conditions_.MarkUses(rule.condition);
    for (const ast::Exception& exception : rule.exceptions) {
      for (const auto& row : exception.values) {
        for (const auto& column : row) {
          for (const ast::Word& word : column) names_.UseList(word.text);
        }
      }
    }
  }

  CheckedRules Take() {
    CheckSets(additions_, predicates_, diagnostics_);
    output_pieces_ = {};
    result_.left_out_macros = conditions_.LeftOut();
    predicates_.MoveInto(result_);
    result_.tests = rules_.tests;
    return std::move(result_);
  }

  struct OtherSource {
    std::string first;  // rule of it
    source::Span first_at;
    size_t rules = 0;
  };

  const ast::RuleSet& rules_;
  diag::Diagnostics& diagnostics_;
  Names names_;
  PredicateTable predicates_;
  ConditionTable conditions_;
  ResultFolder results_;
  RuleWarnings warnings_;
  std::map<std::string, OtherSource> other_sources_;
  OutputPieces output_pieces_;
  std::vector<Addition> additions_;  // what rules put into sets
  CheckedRules result_;
};

}  // namespace

CheckedRules Check(const ast::RuleSet& rules, const Limits& limits, diag::Diagnostics& diagnostics) {
  return RuleChecker(rules, limits, diagnostics).Check();
}

CheckedRules Check(ast::RuleSet&& rules, const Limits& limits, diag::Diagnostics& diagnostics) {
  ast::RuleSet taken = std::move(rules);
  return RuleChecker(taken, limits, diagnostics).CheckTaking(taken.rules);
}

CheckedRules CheckCondition(const ast::Expr& condition, const Limits& limits,
                            diag::Diagnostics& diagnostics) {
  const ast::RuleSet none;
  return RuleChecker(none, limits, diagnostics).CheckAlone(condition);
}

}  // namespace sluice::check
