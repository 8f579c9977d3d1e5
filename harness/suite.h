// harness/suite.h - rules and their tests, ready to run.
//
// The rules are compiled twice: as `sluice run` does, for the kernel plan, and as written (a written event
// may carry the call's result), which is what a test's author means.
//
// Threads: immutable after Read(). Memory: self-contained. Errors: a file that cannot be read is a Status;
//          faults of rules and of tests are in `diagnostics`, and then nothing is run.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "harness/written.h"

namespace sluice::harness {

struct Case {
  const ast::Test* test = nullptr;
  std::vector<WrittenEvent> events;                 // none: it has a trigger alone, for live runs (live.h)
  std::string capture;                              // in place of events: the file
  std::vector<std::optional<check::RuleId>> rules;  // by expectation; nothing where it names none
};

// A test of the call's result, that the rule as run has replaced by its truth.
struct Folded {
  check::PredicateId predicate = 0;  // in the rules as written
  bool value = false;
};

// What decides whether a rule's verdict in the kernel can be compared.
struct RuleFacts {
  const ast::Rule* source = nullptr;
  std::set<check::FieldUse> fields;  // of the condition
  std::vector<Folded> folded;
  std::map<check::HookId, std::vector<uint32_t>> clauses;  // of a mitigation, by hook
  // By hook: a field that the kernel decides there and that kernel_subject.h does not read.
  std::map<check::HookId, std::string> unread;
};

struct Suite {
  std::unique_ptr<Compilation> live;     // as `run` compiles
  std::unique_ptr<Compilation> written;  // as written; spans and files are the same
  std::shared_ptr<const uplan::UserPlan> live_plan, written_plan;
  diag::Diagnostics diagnostics;  // of the tests
  std::vector<Case> cases;        // in the order of files and lines
  std::vector<RuleFacts> rules;   // by RuleId

  bool ok() const { return live->ok() && diagnostics.ok(); }
  const check::CheckedRule& rule(check::RuleId id) const { return written_plan->checked.rules[id]; }
  const source::Files& files() const { return written->files; }
};

// `files`: rules and tests in any order, no folders.
source::Result<std::unique_ptr<Suite>> ReadSuite(const std::vector<std::string>& files);

// The same rules, without the tests, when alerts have added members to sets. An error: they do not compile with them.
source::Result<std::unique_ptr<Suite>> WithMembers(const Suite& suite, const check::SetMembers& members);

// The files that tests name, with faults or without.
std::set<std::string> CapturesOf(const Compilation& compilation);

// The faults of the tests of rules that compiled, into their diagnostics: for `sluice check`.
void CheckTests(Compilation& compilation);

}  // namespace sluice::harness
