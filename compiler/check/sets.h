// check/sets.h - sets that alerts fill: `then: add %FIELD to SET for TIME`, and `FIELD in (SET)`.
//
// A set is the list of its name, to which a running agent adds members for a time. So every stage sees a list, and what the
// kernel decides of a list it decides of a set. An empty set holds a placeholder, a value that no event has, so that the
// rules which ask for it are placed like any other.
//
// Threads: pure functions. Errors: diagnostics; E212, W219.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/check/predicates.h"

namespace sluice::check {

using SetMembers = std::map<std::string, std::vector<std::string>>;  // by set

// Puts the members into the lists, which are made where they are not declared. Members of sets that no rule fills are
// left out. Without a `then` in the rules nothing changes.
void AddMembers(const SetMembers& members, ast::RuleSet& rules);

// Whether one of its values is the placeholder of a set. REQUIRES: as written, before norm/.
bool AsksASet(const Predicate& predicate);

// The field of a `then`; false after a diagnostic.
bool ResolveThen(const ast::Then& then, diag::Diagnostics& diagnostics, FieldUse& use);

// A rule's `then`.
struct Addition {
  ast::Then then;
  FieldUse use;                             // its field
  std::vector<ast::Word> allowed_warnings;  // the rule's
};

// What is added against what is asked, once all rules are known.
void CheckSets(const std::vector<Addition>& additions, const PredicateTable& predicates,
               diag::Diagnostics& diagnostics);

}  // namespace sluice::check
