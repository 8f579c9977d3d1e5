// check/warnings.h - what people get wrong in a rule that compiles: W202 to W205, W208, W213 to W215, W220, W221. Private
// to check/.
//
// Threads: none shared. Memory: borrows the ast::RuleSet. Errors: none; adds warnings, unless `# allow: slug`
//          above the rule, or above the macro that holds the words, names them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "compiler/check/contradictions.h"
#include "compiler/check/type_set.h"
#include "compiler/check/type_truth.h"

namespace sluice::check {

class RuleWarnings {
 public:
  RuleWarnings(const ast::RuleSet& rules, const PredicateTable& predicates, diag::Diagnostics& diagnostics);

  // REQUIRES: results are folded (results.h).
  void Look(const ast::Rule& rule, const CheckedRule& checked);

 private:
  bool IsAllowedAt(const ast::Rule& rule, diag::Code code, source::Span span) const;

  void LookAtPredicates(const ast::Rule& rule, const Condition& condition);
  bool IsNewlyAbsent(const ast::Rule& rule, const FieldUse& use, source::Span span, std::string& name);
  void WarnTypes(const ast::Rule& rule, const Predicate& predicate, source::Span span);
  void WarnDoubtful(const ast::Rule& rule, const Condition& condition);
  void WarnHostName(const ast::Rule& rule, const Predicate& predicate, source::Span span);
  void LookAtOutput(const ast::Rule& rule, const CheckedRule& checked);

  bool NeverMatches(const ast::Rule& rule, const Condition& condition, const TypeSet& types);
  const ConstantTest* ConstantOfType(PredicateId id);  // null: none, or told already
  bool FalseByType(const ast::Rule& rule, const Condition& conjunct);
  void LookAtConstants(const ast::Rule& rule, const Condition& condition);
  diag::Diagnostic& AddNever(const ast::Rule& rule, source::Span span, std::string note);

  static bool OfEveryType(const TypeSet& types);
  const Condition* FindLooseBranch(const Condition& condition);
  void LookAtTypes(const ast::Rule& rule, const CheckedRule& checked, const TypeSet& types);
  void LookAtMitigation(const ast::Rule& rule, const Condition& condition, const TypeSet& types);
  // Whether some test compares the field with this text, or asks by `contains` for one that it is a part of.
  bool Compares(const Condition& condition, std::string_view field, std::string_view text) const;
  void LookAtClones(const ast::Rule& rule, const Condition& condition, const TypeSet& types);
  void LookAtUntyped(const ast::Rule& rule, const Condition& condition, const TypeSet& types);
  bool AsksFile(const Condition& condition) const;
  void LookAtFastOpen(const ast::Rule& rule, const TypeSet& types);

  const PredicateTable& predicates_;
  diag::Diagnostics& diagnostics_;
  TypeFinder types_;
  ContradictionFinder contradictions_;
  std::map<std::pair<source::FileId, uint32_t>, const ast::Macro*>
      allowing_macros_;                                      // by where its words begin
  std::vector<bool> constants_known_;                        // by PredicateId
  std::unordered_map<PredicateId, ConstantTest> constants_;  // of those that are
  std::unordered_set<std::string> absent_fields_;            // warned about
  std::vector<bool> settled_;                                // by PredicateId: nothing is left to warn about
  TypeSet absent_types_;
  bool of_sockets_ = false,
       of_links_ = false;  // the rule: there a name, or what a link says, is as somebody gave it
};

}  // namespace sluice::check
