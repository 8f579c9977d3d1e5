// explain.h - where each predicate of each rule runs, and why: for `sluice explain` and the first lines of
// `run`.
//
// Threads: pure functions. Errors: none. Cost: linear in the decisions of the partition.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/compile.h"

namespace sluice {

// What is said of one predicate of a rule at a hook.
struct PredicateLine {
  std::string text;   // canonical Falco text
  std::string where;  // "kernel", "user", "true" or "false" (constant at this hook)
  std::string why;    // in the kernel: by which table; else: the reason
  std::string code;   // "N301" or ""
};

// A rule at one hook at which it can be true.
struct HookLines {
  std::string hook;
  size_t kernel = 0, asked = 0;  // predicates that the kernel decides, of those that are not constant
  bool exact = false;            // nothing is left to user space
  bool every_event = false;      // the kernel cannot tell any event of this hook from a match
  std::vector<PredicateLine> predicates;
};

struct RuleLines {
  std::string name;
  std::string action;
  std::vector<std::string> bounds;     // of a mitigation: mode, scope, fuse, as words for people
  std::vector<PredicateLine> assumed;  // taken as true or false before any hook is asked: results, idioms
  std::vector<HookLines> hooks;        // none: it can never match
};

// Every rule in load order.
std::vector<RuleLines> Explain(const Compilation& compilation);

std::string ExplainText(const Compilation& compilation);
std::string ExplainJson(const Compilation& compilation);  // one object, ends with a newline

// What PrintStage() says, for tools: one object, ends with a newline. Empty optional: no such stage.
std::optional<std::string> StageJson(const Compilation& compilation, std::string_view stage);

// A line a rule: `"Name" (deny): the kernel decides 4 of 5 predicates at file_open`; at most `max_rules` of
// them.
std::string Summary(const Compilation& compilation, size_t max_rules = 20);

}  // namespace sluice
