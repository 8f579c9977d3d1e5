// check/conditions.h - expressions -> conditions: macros put in as trees, checks as predicates. Private to
// check/.
//
// Every macro is built once, in the order of its uses, and copied into what names it; so a fault in a macro
// is reported once, however many rules use it. The faults of a lenient macro are kept back until a rule does.
//
// Threads: none shared. Memory: borrows the ast::RuleSet. Errors: E202, E204, E205, E211 and those of
//          predicates.h.
// Cost:    linear in the conditions after expansion, which Limits bounds in nodes and in depth.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/check/names.h"
#include "compiler/check/predicates.h"
#include "compiler/check/unknown_field.h"

namespace sluice::check {

class ConditionTable {
 public:
  // Builds all macros.
  ConditionTable(const ast::RuleSet& rules, Names& names, PredicateTable& predicates, const Limits& limits,
                 diag::Diagnostics& diagnostics);

  // False after an error, which is reported here or was reported at a macro.
  bool Build(const ast::Expr& expr, Condition& condition);

  // Takes the names in `expr` as used, whatever they are: it belongs to a rule that is left out.
  void MarkUses(const ast::Expr& expr);

  // The first field or event type that nobody knows in a macro that `expr` uses, at any depth.
  std::optional<Unknown> FindUnknownInMacros(const ast::Expr& expr) const;

  // Lenient macros with faults that no rule brought to light.
  std::vector<std::string> LeftOut() const;

  // W201 for macros that nothing names.
  void WarnUnusedMacros() const;

 private:
  struct Size {
    uint64_t nodes = 0;
    uint32_t depth = 0;
  };
  struct Entry {
    const ast::Macro* macro = nullptr;
    Condition condition;
    Size size;
    enum class State : uint8_t { kNew, kOpen, kReady, kBroken } state = State::kNew;
    bool used = false;
    bool marked = false;                                // kBroken: what it names counts as used
    std::vector<std::pair<Entry*, source::Span>> uses;  // macros that it names, and where
    std::unique_ptr<diag::Diagnostics> held_back;       // kBroken and lenient: not reported yet
    std::optional<Unknown> unknown;                     // kBroken: a name that nobody knows
  };
  using Path = std::vector<std::pair<Entry*, size_t>>;

  void Declare(const ast::RuleSet& rules);
  void CollectUses(const ast::Expr& expr, Entry& entry);
  void BuildMacros(const ast::RuleSet& rules);
  void Close(Entry& entry);
  void BuildMacro(Entry& entry);
  void NoteUnknown(Entry& entry);
  void Report(Entry& entry);
  void ReportTo(diag::Diagnostics& diagnostics);
  void ReportCycle(const Path& path, const Entry& again);
  bool BuildNode(const ast::Expr& expr, Condition& condition, Size& size);
  bool BuildMacroUse(const ast::Word& name, Condition& condition, Size& size);
  bool Charge(uint64_t nodes, source::Span where);
  void ReportUnknown(const ast::Word& name);

  Names& names_;
  PredicateTable& predicates_;
  const Limits& limits_;
  diag::Diagnostics& all_diagnostics_;
  diag::Diagnostics* diagnostics_;  // of what is being built
  std::unordered_map<std::string_view, Entry> macros_;
  uint64_t total_nodes_ = 0;
  bool total_reported_ = false;
};

}  // namespace sluice::check
