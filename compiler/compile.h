// compile.h - the pipeline: one line per stage, top to bottom. The file to read first.
//
// Threads: pure functions. Errors: a fault in a rule is in `diagnostics`; a file that cannot be read is a
//          Status.
// Cost:    10,000 rules in about a second.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/check/check.h"
#include "compiler/check/sets.h"
#include "compiler/diag/diag.h"
#include "compiler/kplan/kernel_plan.h"
#include "compiler/parse/parse.h"
#include "compiler/split/partition.h"
#include "compiler/uplan/user_plan.h"

namespace sluice {

struct Options {
  parse::Limits parse;
  check::Limits check;
  split::Budget split;
  bool warnings_are_errors = false;
  check::SetMembers members;  // of sets that rules fill (`then`), beside the lists of their names
  // The AST, and where each predicate is decided, stay in the Compilation: for explain, import and tests. Without
  // them a large rule set takes half the memory.
  bool keeps_stages = true;
};

// How many of each were written.
struct Written {
  size_t rules = 0, macros = 0, lists = 0, tests = 0;
};

// Everything that was made on the way, so that any stage can be printed; see Options::keeps_stages.
struct Compilation {
  source::Files files;
  std::vector<source::FileId> sources;  // that were given
  diag::Diagnostics diagnostics;
  Written written;
  ast::RuleSet ast;
  split::Partition partition;  // holds checked and normal rules
  kplan::KernelPlan kernel;
  uplan::UserPlan user;
  check::SetMembers members;  // that were compiled in

  bool ok() const { return diagnostics.ok(); }
};

// Reads and compiles. A host fault (unreadable file) is returned; rule faults are in the Compilation.
source::Result<std::unique_ptr<Compilation>> CompileFiles(const std::vector<std::string>& paths,
                                                          const Options& options);

// What was compiled, to be compiled again with other Options::members.
std::vector<std::pair<std::string, std::string>> SourcesOf(const Compilation& compilation);

// Compiles texts: (name, text) pairs.
std::unique_ptr<Compilation> CompileTexts(const std::vector<std::pair<std::string, std::string>>& texts,
                                          const Options& options);

// What was written, without the rules of other sources and those that skip-if-unknown-filter drops, and
// without the macros with faults that only such rules use: what is left compiles as .rule text.
ast::RuleSet WithoutLeftOut(const Compilation& compilation);

// Stages by name: parse check norm split kplan uplan. Empty optional: no such stage.
std::optional<std::string> PrintStage(const Compilation& compilation, std::string_view stage);

}  // namespace sluice
