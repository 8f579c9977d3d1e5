// split/condition.h - building conditions in normal form: flat, without constants inside, no lonely child.
//
// Threads: pure functions. Errors: none.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/norm/normal.h"

namespace sluice::split {

norm::Condition True();
norm::Condition False();

// The conjunction or disjunction of `parts`, in their order: constants folded, nested ones of the same kind
// taken in, equal neighbours dropped. The empty conjunction is true, the empty disjunction false.
norm::Condition All(std::vector<norm::Condition> parts);
norm::Condition Any(std::vector<norm::Condition> parts);

// Same structure; places in the source do not count.
bool Same(const norm::Condition& a, const norm::Condition& b);

// The predicate as people read it, cut when its values are many.
std::string Brief(const check::Predicate& predicate);

// The condition on one line, with Brief() predicates.
std::string OneLine(const norm::Condition& condition, const check::CheckedRules& checked);

// Calls `visit` for every literal, in order.
void ForEachLiteral(const norm::Condition& condition,
                    const std::function<void(const norm::Condition&)>& visit);

}  // namespace sluice::split
