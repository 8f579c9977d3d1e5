// falco/read_rule.h - a `- rule:` item of a file -> RuleItem: its keys, override map and exceptions.
//
// Threads: pure functions. Errors: diagnostics; see falco.h. Private to falco/.
#pragma once

#include <set>
#include <string>

#include "compiler/falco/items.h"

namespace sluice::falco {

enum class Merge : uint8_t { kDefine, kAppend, kReplace };

// What a rule item says, and how each of its keys joins what is there already.
struct RuleEdit {
  RuleItem item;
  std::map<std::string, Merge> merge;  // by key given; kDefine for all of them: a whole new definition
  std::set<std::string> given;
  bool define = true;         // replaces the whole rule
  bool only_enabled = false;  // the old way to switch a rule on or off
  size_t excused = 0;         // faults of single values: the rest can be looked at all the same
};

// Empty when the item cannot be used.
std::optional<RuleEdit> ReadRule(const Node& node, diag::Diagnostics& diagnostics);

// Joins an edit to a rule that exists.
void Apply(const RuleEdit& edit, RuleItem& rule, diag::Diagnostics& diagnostics);

// Helpers that lists and macros share.
const Node* Scalar(const Node& item, std::string_view key, diag::Diagnostics& diagnostics);
bool Boolean(const Node& value, std::string_view key, bool fallback, diag::Diagnostics& diagnostics);
void WarnUnknownKeys(const Node& item, const std::vector<std::string_view>& known,
                     diag::Diagnostics& diagnostics);
// `append: true` or `override: {key: append|replace}` of an item whose overridable keys are `keys`.
std::map<std::string, Merge> ReadMerge(const Node& item, const std::vector<std::string_view>& appendable,
                                       const std::vector<std::string_view>& replaceable,
                                       diag::Diagnostics& diagnostics);

}  // namespace sluice::falco
