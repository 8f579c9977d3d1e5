#include "compiler/check/event.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace sluice::check {
namespace {

std::vector<EventRow> BuildEvents() {
  std::vector<EventRow> rows = {
#define EVENT(name, hooks, nr64, nr32) {0, name, hooks, nr64, nr32},
#include "compiler/check/events.def"
#undef EVENT
  };
  EventType next = 0;
  for (EventRow& row : rows) row.type = ++next;
  return rows;
}

std::unordered_map<std::string_view, EventType> BuildIndex() {
  std::unordered_map<std::string_view, EventType> index;
  for (const EventRow& row : Events()) index.emplace(row.name, row.type);
  return index;
}

}  // namespace

const std::vector<HookRow>& Hooks() {
  static const std::vector<HookRow> rows = {
#define HOOK(id, name, family, can_deny, help) {id, name, family, can_deny, help},
#include "compiler/check/hooks.def"
#undef HOOK
  };
  return rows;
}

const HookRow* FindHook(HookId id) {
  for (const HookRow& row : Hooks()) {
    if (row.id == id) return &row;
  }
  return nullptr;
}

const HookRow* FindHook(std::string_view name) {
  for (const HookRow& row : Hooks()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

HookId EventRow::FirstHook() const {
  HookId hook = kNoHook;
  while (hooks != 0 && !IsAt(hook)) ++hook;
  return hook;
}

bool ReturnsDescriptor(EventType type) {
  constexpr std::string_view kNames[] = {
      "dup",        "dup2",          "dup3",          "memfd_create",    "userfaultfd", "io_uring_setup",
      "pidfd_open", "fanotify_init", "inotify_init1", "perf_event_open", "open_tree",   "open_tree_attr",
      "fsopen",     "fspick",        "fsmount",       "memfd_secret"};
  return std::find(std::begin(kNames), std::end(kNames), EventName(type)) != std::end(kNames);
}

HookId HookOf(EventType type, std::string_view flags) {
  static const EventType unshare = FindEvent("unshare");
  if (type == unshare && !flags.empty() && flags.find("CLONE_NEWUSER") == std::string_view::npos)
    return SLUICE_HOOK_SYS_EXIT;
  return Events()[type - 1].FirstHook();
}

const std::vector<EventRow>& Events() {
  static const std::vector<EventRow> rows = BuildEvents();
  return rows;
}

EventType FindEvent(std::string_view name) {
  static const std::unordered_map<std::string_view, EventType> index = BuildIndex();
  const auto found = index.find(name);
  return found == index.end() ? kNoType : found->second;
}

std::string_view EventName(EventType type) {
  return type == kNoType || type > Events().size() ? std::string_view() : Events()[type - 1].name;
}

}  // namespace sluice::check
