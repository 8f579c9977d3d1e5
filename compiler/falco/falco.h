// falco/falco.h - Falco's YAML rule files -> the same ast::RuleSet as .rule files.
//
// Lists, macros and rules with append, override, exceptions, enabled and the rest keep Falco's meaning: items
// are taken in order over all files, a later definition replaces an earlier one and keeps its place, and an
// appended condition is joined as text (`a or b` with `and not c` appended reads `a or (b and not c)`). Lists
// are resolved on the tree, never as text. Spans point into the YAML, at the words of a condition.
//
// Threads: one Loader belongs to one compilation. Memory: adds derived texts to `files`.
// Errors:  E1xx diagnostics, as many as there are; broken items are left out. Unknown keys are warnings, as
//          in Falco.
#pragma once

#include <memory>

#include "compiler/ast/ast.h"
#include "compiler/diag/diag.h"
#include "compiler/parse/limits.h"
#include "compiler/source/source.h"

namespace sluice::falco {

// The level of Falco's rule language that is understood; `required_engine_version` is compared with it.
inline constexpr int kEngineMinor = 63;  // 0.63.0

class Loader {
 public:
  // `beside`: what .rule files declare, which YAML can use and not change; it must outlive the calls of Add().
  Loader(source::Files& files, const parse::Limits& limits, diag::Diagnostics& diagnostics,
         const ast::RuleSet* beside = nullptr);
  ~Loader();

  void Add(source::FileId file);     // the next file, in order
  void Finish(ast::RuleSet& rules);  // appends what the files came to

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::falco
