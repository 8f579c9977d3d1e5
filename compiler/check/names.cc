#include "compiler/check/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::check {
namespace {

template <typename Map>
std::vector<std::string_view> KeysOf(const Map& map) {
  std::vector<std::string_view> keys;
  keys.reserve(map.size());
  for (const auto& [name, value] : map) keys.push_back(name);
  std::sort(keys.begin(), keys.end());  // the same suggestion whatever the hash order
  return keys;
}

void ReportDuplicate(std::string_view kind, const ast::Word& name, const ast::Word& first,
                     diag::Diagnostics& diagnostics) {
  auto& fault = diagnostics.Add(diag::Code::E206, name.span,
                                fmt::format("There is already a {} `{}`", kind, name.text));
  fault.others.push_back({first.span, "first declared here"});
  fault.help = "give one of them another name, or remove it";
}

}  // namespace

bool IsAllowed(const std::vector<ast::Word>& allowed, diag::Code code) {
  const std::string_view slug = diag::RowOf(code).slug;
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](const ast::Word& word) { return word.text == slug; });
}

Names::Names(const ast::RuleSet& rules, const Limits& limits, diag::Diagnostics& diagnostics)
    : diagnostics_(diagnostics) {
  Declare(rules);
  ExpandAll(limits);
}

void Names::Declare(const ast::RuleSet& rules) {
  for (const ast::List& list : rules.lists) {
    const auto [at, fresh] = lists_.try_emplace(list.name.text);
    if (!fresh) {
      ReportDuplicate("list", list.name, at->second.list->name, diagnostics_);
      continue;
    }
    at->second.list = &list;
    lists_in_order_.push_back(&at->second);  // nodes of an unordered_map stay where they are
  }
  for (const ast::Macro& macro : rules.macros) {
    const auto [at, fresh] = macros_.try_emplace(macro.name.text, &macro);
    if (!fresh) ReportDuplicate("macro", macro.name, at->second->name, diagnostics_);
  }
  std::unordered_map<std::string_view, const ast::Word*> names;
  for (const ast::Rule& rule : rules.rules) {
    const auto [at, fresh] = names.try_emplace(rule.name.text, &rule.name);
    if (!fresh) {
      ReportDuplicate("rule", rule.name, *at->second, diagnostics_);
      duplicates_.insert(&rule);
    }
    if (rule.then) sets_.insert(rule.then->set.text);
  }
  for (const ast::Word& name : rules.broken) broken_.insert(name.text);
}

Names::Entry* Names::Nested(const ast::Word& item) {
  if (item.quoted) return nullptr;
  const auto found = lists_.find(item.text);
  return found == lists_.end() ? nullptr : &found->second;
}

// Depth first with a path of its own: lists may be nested deeper than the stack allows.
void Names::ExpandAll(const Limits& limits) {
  for (Entry* root : lists_in_order_) {
    if (root->state != Entry::State::kNew) continue;
    std::vector<std::pair<Entry*, size_t>> path = {{root, 0}};
    root->state = Entry::State::kOpen;
    while (!path.empty()) {
      auto& [entry, next] = path.back();
      if (next == entry->list->items.size()) {
        Close(*entry, limits);
        path.pop_back();
        continue;
      }
      Entry* nested = Nested(entry->list->items[next++]);
      if (nested == nullptr) continue;
      nested->used = true;
      if (nested->state == Entry::State::kOpen) {
        ReportCycle(path, *nested);
      } else if (nested->state == Entry::State::kNew) {
        nested->state = Entry::State::kOpen;
        path.push_back({nested, 0});
      }
    }
  }
}

void Names::Close(Entry& entry, const Limits& limits) {
  entry.state = Entry::State::kDone;
  uint64_t total = 0;
  for (const ast::Word& item : entry.list->items) {
    const Entry* nested = Nested(item);
    total += nested == nullptr ? 1 : nested->items.size();
  }
  if (total > limits.max_list_items) {
    diagnostics_
        .Add(diag::Code::E211, entry.list->name.span,
             fmt::format("List `{}` has {} items, more than {}", entry.list->name.text, total,
                         limits.max_list_items))
        .help = "split it into several lists";
    return;
  }
  total_items_ += total;
  if (total_items_ > limits.max_total_list_items) {
    if (std::exchange(total_reported_, true)) return;
    diagnostics_
        .Add(diag::Code::E211, entry.list->name.span,
             fmt::format("All lists together have more than {} items", limits.max_total_list_items))
        .help = "a list that holds another has all its items again";
    return;
  }
  if (!broken_.empty() &&
      std::any_of(entry.list->items.begin(), entry.list->items.end(),
                  [this](const ast::Word& item) { return !item.quoted && IsBroken(item.text); })) {
    broken_.insert(entry.list->name.text);
  }
  std::unordered_set<std::string_view> seen;
  seen.reserve(total);
  entry.items.reserve(total);
  for (const ast::Word& item : entry.list->items) {
    const Entry* nested = Nested(item);
    if (nested == nullptr) {
      if (seen.insert(item.text).second) entry.items.push_back(&item);
      continue;
    }
    for (const ast::Word* word : nested->items) {
      if (seen.insert(word->text).second) entry.items.push_back(word);
    }
  }
}

void Names::ReportCycle(const std::vector<std::pair<Entry*, size_t>>& path, const Entry& again) {
  const auto begin =
      std::find_if(path.begin(), path.end(), [&](const auto& step) { return step.first == &again; });
  std::string chain;
  for (auto step = begin; step != path.end(); ++step)
    chain += fmt::format("`{}` holds ", step->first->list->name.text);
  const auto& [last, next] = path.back();
  auto& fault = diagnostics_.Add(diag::Code::E213, last->list->items[next - 1].span,
                                 fmt::format("List `{}` refers to itself", again.list->name.text));
  fault.others.push_back({again.list->name.span, "declared here"});
  fault.note = fmt::format("{}`{}`", chain, again.list->name.text);
  fault.help = "remove the item, or quote it if the text is meant";
}

const ListItems* Names::UseList(std::string_view name) {
  const auto found = lists_.find(name);
  if (found == lists_.end()) return nullptr;
  found->second.used = true;
  return &found->second.items;
}

const ast::List* Names::FindList(std::string_view name) const {
  const auto found = lists_.find(name);
  return found == lists_.end() ? nullptr : found->second.list;
}

const ast::Macro* Names::FindMacro(std::string_view name) const {
  const auto found = macros_.find(name);
  return found == macros_.end() ? nullptr : found->second;
}

bool Names::IsBroken(std::string_view name) const { return broken_.count(name) != 0; }

bool Names::IsSet(std::string_view name) const {
  return !sets_.empty() && sets_.count(std::string(name)) != 0;
}

bool Names::IsDuplicate(const ast::Rule& rule) const { return duplicates_.count(&rule) != 0; }

void Names::WarnUnusedLists(diag::Diagnostics& diagnostics) const {
  if (AnyBroken()) return;  // the use may stand in what was left out
  for (const Entry* entry : lists_in_order_) {
    if (entry->used || IsSet(entry->list->name.text) ||
        IsAllowed(entry->list->allowed_warnings, diag::Code::W201)) {
      continue;
    }
    diagnostics
        .Add(diag::Code::W201, entry->list->name.span,
             fmt::format("List `{}` is never used", entry->list->name.text))
        .help = "remove it, or write `# allow: unused` above it";
  }
}

std::string Names::NearestList(std::string_view word) const {
  if (diagnostics_.all().size() >= diag::kMaxDiagnostics) return {};
  return diag::NearestSpelling(word, KeysOf(lists_));
}

std::string Names::NearestMacro(std::string_view word) const {
  if (diagnostics_.all().size() >= diag::kMaxDiagnostics) return {};
  return diag::Nearest(word, KeysOf(macros_));
}

}  // namespace sluice::check
