#include "compiler/check/conditions.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::check {

using diag::Code;

ConditionTable::ConditionTable(const ast::RuleSet& rules, Names& names, PredicateTable& predicates,
                               const Limits& limits, diag::Diagnostics& diagnostics)
    : names_(names),
      predicates_(predicates),
      limits_(limits),
      all_diagnostics_(diagnostics),
      diagnostics_(&diagnostics) {
  Declare(rules);
  BuildMacros(rules);
}

void ConditionTable::Declare(const ast::RuleSet& rules) {
  for (const ast::Macro& macro : rules.macros) {
    const auto [at, fresh] = macros_.try_emplace(macro.name.text);
    if (fresh) at->second.macro = &macro;
  }
  for (auto& [name, entry] : macros_) CollectUses(entry.macro->condition, entry);
}

void ConditionTable::CollectUses(const ast::Expr& expr, Entry& entry) {
  if (expr.kind == ast::Expr::Kind::kMacro) {
    const auto found = macros_.find(expr.macro->text);
    if (found != macros_.end()) entry.uses.push_back({&found->second, expr.macro->span});
  }
  for (const ast::Expr& child : expr.children) CollectUses(child, entry);
}

// Depth first with a path of its own: a chain of macros may be longer than the stack allows.
void ConditionTable::BuildMacros(const ast::RuleSet& rules) {
  for (const ast::Macro& macro : rules.macros) {
    Entry& root = macros_.find(macro.name.text)->second;
    if (root.state != Entry::State::kNew) continue;
    Path path = {{&root, 0}};
    root.state = Entry::State::kOpen;
    while (!path.empty()) {
      auto& [entry, next] = path.back();
      if (next == entry->uses.size()) {
        Close(*entry);
        path.pop_back();
        continue;
      }
      Entry* use = entry->uses[next++].first;
      if (use->state == Entry::State::kOpen) {
        ReportCycle(path, *use);
      } else if (use->state == Entry::State::kNew) {
        use->state = Entry::State::kOpen;
        path.push_back({use, 0});
      }
    }
  }
}

void ConditionTable::Close(Entry& entry) {
  if (!entry.macro->lenient) {
    BuildMacro(entry);
  } else {
    entry.held_back = std::make_unique<diag::Diagnostics>();
    ReportTo(*entry.held_back);
    BuildMacro(entry);
    ReportTo(all_diagnostics_);
  }
  if (entry.state == Entry::State::kBroken) {
    NoteUnknown(entry);
  } else {
    entry.held_back = nullptr;
  }
}

void ConditionTable::ReportTo(diag::Diagnostics& diagnostics) {
  diagnostics_ = &diagnostics;
  predicates_.ReportTo(diagnostics);
}

void ConditionTable::NoteUnknown(Entry& entry) {
  entry.unknown = FindUnknown(entry.macro->condition, names_);
  for (const auto& [use, span] : entry.uses) {
    if (!entry.unknown) entry.unknown = use->unknown;
  }
}

// The faults of a broken macro and of the broken ones that it uses, unless they have been told.
void ConditionTable::Report(Entry& entry) {
  std::vector<Entry*> open = {&entry};
  while (!open.empty()) {
    Entry& next = *open.back();
    open.pop_back();
    if (next.held_back == nullptr) continue;
    diagnostics_->Append(*next.held_back);
    next.held_back = nullptr;
    for (const auto& [use, span] : next.uses) open.push_back(use);
  }
}

void ConditionTable::MarkUses(const ast::Expr& expr) {
  std::vector<const ast::Expr*> open = {&expr};
  while (!open.empty()) {
    const ast::Expr& next = *open.back();
    open.pop_back();
    for (const ast::Expr& child : next.children) open.push_back(&child);
    if (next.check != nullptr) {
      for (const ast::Word& word : next.check->values) names_.UseList(word.text);
    }
    if (next.kind != ast::Expr::Kind::kMacro) continue;
    names_.UseList(next.macro->text);
    const auto found = macros_.find(next.macro->text);
    if (found == macros_.end()) continue;
    Entry& entry = found->second;
    entry.used = true;
    if (entry.state == Entry::State::kBroken && !std::exchange(entry.marked, true)) {
      open.push_back(&entry.macro->condition);
    }
  }
}

std::optional<Unknown> ConditionTable::FindUnknownInMacros(const ast::Expr& expr) const {
  if (expr.kind == ast::Expr::Kind::kMacro) {
    const auto found = macros_.find(expr.macro->text);
    return found == macros_.end() ? std::nullopt : found->second.unknown;
  }
  for (const ast::Expr& child : expr.children) {
    if (std::optional<Unknown> unknown = FindUnknownInMacros(child)) return unknown;
  }
  return std::nullopt;
}

std::vector<std::string> ConditionTable::LeftOut() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : macros_) {
    if (entry.held_back != nullptr) names.emplace_back(name);
  }
  return names;
}

void ConditionTable::BuildMacro(Entry& entry) {
  const bool ok = BuildNode(entry.macro->condition, entry.condition, entry.size);
  const bool fits = entry.size.nodes <= limits_.max_nodes && entry.size.depth <= limits_.max_depth;
  entry.state = ok && fits ? Entry::State::kReady : Entry::State::kBroken;
  if (!ok || fits) return;
  entry.condition = {};
  auto& fault = diagnostics_->Add(Code::E211, entry.macro->name.span,
                                  fmt::format("Macro `{}` grows to {} tests, {} deep", entry.macro->name.text,
                                              entry.size.nodes, entry.size.depth));
  fault.note =
      fmt::format("at most {} tests and a depth of {} are allowed", limits_.max_nodes, limits_.max_depth);
  fault.help = "macros that use a macro twice double it; use a list where values differ only";
}

void ConditionTable::ReportCycle(const Path& path, const Entry& again) {
  const auto begin =
      std::find_if(path.begin(), path.end(), [&](const auto& step) { return step.first == &again; });
  std::string chain;
  std::vector<diag::Label> labels;
  for (auto step = begin; step != path.end(); ++step) {
    const auto& [entry, next] = *step;
    chain += fmt::format("`{}` -> ", entry->macro->name.text);
    const auto& [use, span] = entry->uses[next - 1];
    if (std::next(step) != path.end()) {
      labels.push_back({span, fmt::format("`{}` uses `{}`", entry->macro->name.text, use->macro->name.text)});
    }
  }
  const auto& [last, next] = path.back();
  auto& fault = diagnostics_->Add(Code::E204, last->uses[next - 1].second,
                                  fmt::format("Macro `{}` refers to itself", again.macro->name.text));
  fault.others = std::move(labels);
  fault.note = fmt::format("{}`{}`", chain, again.macro->name.text);
}

bool ConditionTable::Build(const ast::Expr& expr, Condition& condition) {
  Size size;
  if (!BuildNode(expr, condition, size)) return false;
  if (size.nodes <= limits_.max_nodes && size.depth <= limits_.max_depth) return true;
  auto& fault = diagnostics_->Add(
      Code::E211, expr.span, fmt::format("The condition grows to {} tests, {} deep", size.nodes, size.depth));
  fault.note =
      fmt::format("at most {} tests and a depth of {} are allowed", limits_.max_nodes, limits_.max_depth);
  fault.help = "split the rule, or use a list where values differ only";
  return false;
}

// Goes on after an error, so that one run reports all. Past the limits it counts and builds no more.
bool ConditionTable::BuildNode(const ast::Expr& expr, Condition& condition, Size& size) {
  condition.span = expr.span;
  switch (expr.kind) {
    case ast::Expr::Kind::kMacro:
      return BuildMacroUse(*expr.macro, condition, size);
    case ast::Expr::Kind::kCheck: {
      size = {1, 1};
      if (expr.check == nullptr) return false;  // parse/ has reported it
      if (!Charge(1, expr.span)) return false;
      std::optional<Condition> built = predicates_.Build(*expr.check, expr.span);
      if (built) condition = std::move(*built);
      return built.has_value();
    }
    case ast::Expr::Kind::kAnd:
      condition.kind = Condition::Kind::kAnd;
      break;
    case ast::Expr::Kind::kOr:
      condition.kind = Condition::Kind::kOr;
      break;
    case ast::Expr::Kind::kNot:
      condition.kind = Condition::Kind::kNot;
      break;
  }
  size = {1, 0};
  bool ok = true;
  condition.children.reserve(expr.children.size());
  for (const ast::Expr& child : expr.children) {
    Size part;
    Condition built;
    ok = BuildNode(child, built, part) && ok;
    size.nodes += part.nodes;
    size.depth = std::max(size.depth, part.depth);
    if (size.nodes <= limits_.max_nodes) condition.children.push_back(std::move(built));
  }
  ++size.depth;
  return ok;
}

bool ConditionTable::BuildMacroUse(const ast::Word& name, Condition& condition, Size& size) {
  const auto found = macros_.find(name.text);
  if (found == macros_.end()) {
    if (!names_.IsBroken(name.text)) ReportUnknown(name);
    return false;
  }
  Entry& entry = found->second;
  entry.used = true;
  if (entry.state != Entry::State::kReady) {  // reported at the macro
    if (diagnostics_ == &all_diagnostics_) Report(entry);
    return false;
  }
  size = entry.size;
  if (!Charge(size.nodes, name.span)) return false;
  condition = entry.condition;
  return true;
}

// All conditions together are bounded too: many rules may each use a large macro.
bool ConditionTable::Charge(uint64_t nodes, source::Span where) {
  total_nodes_ += nodes;
  if (total_nodes_ <= limits_.max_total_nodes) return true;
  if (total_reported_) return false;
  total_reported_ = true;
  auto& fault = all_diagnostics_.Add(
      Code::E211, where,
      fmt::format("All conditions together grow to more than {} tests", limits_.max_total_nodes));
  fault.help = "large macros are used by many rules: test the rare fields in fewer rules";
  return false;
}

void ConditionTable::ReportUnknown(const ast::Word& name) {
  if (const ast::List* list = names_.FindList(name.text)) {
    names_.UseList(name.text);
    auto& fault = diagnostics_->Add(
        Code::E205, name.span, fmt::format("`{}` is a list, and a condition is expected here", name.text));
    fault.others.push_back({list->name.span, "declared here"});
    fault.help = fmt::format("compare a field with it: `proc.name in ({})`", name.text);
    return;
  }
  auto& fault = diagnostics_->Add(Code::E202, name.span, fmt::format("There is no macro `{}`", name.text));
  const std::string near = names_.NearestMacro(name.text);
  if (near.empty()) {
    fault.help = "declare it: `macro NAME = CONDITION`";
    return;
  }
  fault.others.push_back({names_.FindMacro(near)->name.span, "a macro of a similar name"});
  fault.help = fmt::format("did you mean `{}`?", near);
  fault.patches.push_back({name.span, near});
}

void ConditionTable::WarnUnusedMacros() const {
  if (names_.AnyBroken()) return;  // the use may stand in what was left out
  std::vector<const ast::Macro*> unused;
  for (const auto& [name, entry] : macros_) {
    if (!entry.used && !IsAllowed(entry.macro->allowed_warnings, Code::W201)) unused.push_back(entry.macro);
  }
  std::sort(unused.begin(), unused.end(), [](const ast::Macro* a, const ast::Macro* b) { return a < b; });
  for (const ast::Macro* macro : unused) {
    diagnostics_->Add(Code::W201, macro->name.span, fmt::format("Macro `{}` is never used", macro->name.text))
        .help = "remove it, or write `# allow: unused` above it";
  }
}

}  // namespace sluice::check
