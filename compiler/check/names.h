// check/names.h - what a rule set declares: lists, resolved to any depth, and macros and rules by name.
// Private to check/.
//
// Threads: not synchronized; belongs to one Check(). Memory: borrows the lists and macros of the ast::RuleSet, which must
//          outlive it; its rules while constructing only.
// Errors:  E206, E211 and E213 diagnostics while constructing. Cost: linear in the lists after expansion.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/ast/ast.h"
#include "compiler/check/check.h"
#include "compiler/diag/diag.h"

namespace sluice::check {

using ListItems = std::vector<const ast::Word*>;  // every text once

class Names {
 public:
  Names(const ast::RuleSet& rules, const Limits& limits, diag::Diagnostics& diagnostics);

  // The items of a list, nested lists expanded; null when there is no such list. Marks it as used.
  const ListItems* UseList(std::string_view name);
  const ast::List* FindList(std::string_view name) const;
  const ast::Macro* FindMacro(std::string_view name) const;
  bool IsSet(std::string_view name) const;        // the target of some rule's `then`
  bool IsDuplicate(const ast::Rule& rule) const;  // a rule of this name came before
  // A list or macro of this name was left out for a fault that has been told, or a list that holds such a
  // list: what uses it is left out silently.
  bool IsBroken(std::string_view name) const;
  size_t lists() const { return lists_.size(); }
  bool AnyBroken() const { return !broken_.empty(); }

  // W201 for lists that nothing named.
  void WarnUnusedLists(diag::Diagnostics& diagnostics) const;

  // The nearest declared name, or "". Costs a pass over all names; not asked once diagnostics are full.
  std::string NearestList(std::string_view word) const;
  std::string NearestMacro(std::string_view word) const;

 private:
  struct Entry {
    const ast::List* list = nullptr;
    ListItems items;
    enum class State : uint8_t { kNew, kOpen, kDone } state = State::kNew;
    bool used = false;
  };

  void Declare(const ast::RuleSet& rules);
  void ExpandAll(const Limits& limits);
  bool Open(Entry& entry, std::vector<std::pair<Entry*, size_t>>& path);
  void Close(Entry& entry, const Limits& limits);
  Entry* Nested(const ast::Word& item);
  void ReportCycle(const std::vector<std::pair<Entry*, size_t>>& path, const Entry& again);

  std::unordered_map<std::string_view, Entry> lists_;
  std::vector<Entry*> lists_in_order_;
  std::unordered_map<std::string_view, const ast::Macro*> macros_;
  std::unordered_set<const ast::Rule*> duplicates_;
  std::unordered_set<std::string> sets_;
  std::unordered_set<std::string_view> broken_;
  diag::Diagnostics& diagnostics_;
  uint64_t total_items_ = 0;
  bool total_reported_ = false;
};

// True when a `# allow: slug` comment above the block names the code's slug.
bool IsAllowed(const std::vector<ast::Word>& allowed, diag::Code code);

}  // namespace sluice::check
