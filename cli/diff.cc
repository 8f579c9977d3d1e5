// diff.cc - sluice diff OLD NEW CAPTURE: which alerts a change of rules adds and removes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "cli/replay_capture.h"
#include "cli/rules.h"
#include "cli/verbs.h"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string before, after, capture, format = "text";
};

struct Told {
  std::string rule, text, json;
  size_t order = 0;
};
using Alerts = std::map<std::string, Told>;  // by id: the record and the rule

std::optional<Alerts> AlertsOf(const std::string& rules, const std::string& capture, int& status) {
  RuleArguments arguments;
  arguments.paths = {rules};
  std::unique_ptr<Compilation> compilation = CompileRules(arguments, status);
  if (compilation == nullptr) return std::nullopt;
  Alerts alerts;
  uint64_t suppressed = 0;
  const auto keep = [&alerts](const alert::Alert& alert, const std::string& own) {
    if (!own.empty()) return;  // the agent's own: no rule's
    Told& told = alerts[alert.id];
    told.rule = alert.rule;
    told.json = alert::ToJson(alert);
    told.text = fmt::format("{} {}: {} ({})", ast::PriorityName(alert.priority), alert.rule, alert.output,
                            alert::DecisionName(alert.decision));
    told.order = alerts.size();
  };
  const int read =
      ReplayCapture(capture, std::move(compilation), arguments.CompileOptions(), keep, suppressed);
  if (read != kFine) status = read;
  return alerts;
}

struct Change {
  bool added = false;
  Told alert;
};

// In the order of the capture; of an alert that says something else, what it said before comes first.
std::vector<Change> Compare(const Alerts& before, const Alerts& after) {
  std::vector<Change> changes;
  for (const auto& [id, old] : before) {
    const auto found = after.find(id);
    if (found == after.end() || found->second.json != old.json) changes.push_back({false, old});
  }
  for (const auto& [id, fresh] : after) {
    const auto found = before.find(id);
    if (found == before.end() || found->second.json != fresh.json) changes.push_back({true, fresh});
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return a.alert.order < b.alert.order; });
  return changes;
}

void TellSummary(const std::vector<Change>& changes, size_t before, size_t after) {
  std::map<std::string, std::pair<size_t, size_t>> by_rule;
  for (const Change& change : changes) {
    auto& [added, removed] = by_rule[change.alert.rule];
    ++(change.added ? added : removed);
  }
  for (const auto& [rule, count] : by_rule)
    Tell(fmt::format("{}: {} added, {} removed\n", rule, count.first, count.second));
  Tell(fmt::format("{} before, {} after\n", Count(before, "alert"), Count(after, "alert")));
}

int Diff(const Arguments& arguments) {
  int status = kFine;
  const std::optional<Alerts> before = AlertsOf(arguments.before, arguments.capture, status);
  if (!before) return status;
  const std::optional<Alerts> after = AlertsOf(arguments.after, arguments.capture, status);
  if (!after) return status;
  const std::vector<Change> changes = Compare(*before, *after);
  for (const Change& change : changes) {
    if (arguments.format == "json") {
      fmt::print("{{\"change\":\"{}\",\"alert\":{}}}\n", change.added ? "added" : "removed",
                 change.alert.json);
    } else {
      fmt::print("{} {}\n", change.added ? '+' : '-', change.alert.text);
    }
  }
  TellSummary(changes, before->size(), after->size());
  return status;
}

}  // namespace

Verb AddDiff(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("OLD", arguments->before, "Rules as they were: a file or a folder")
      ->required()
      ->type_name("");
  app.add_option("NEW", arguments->after, "Rules as they are to be")->required()->type_name("");
  app.add_option("CAPTURE", arguments->capture, "What `sluice record` wrote")->required()->type_name("");
  app.add_option("--format", arguments->format, "text: a line an alert, + added, - removed; or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.footer("Record without rules to compare any two: a capture holds what its rules asked for.");
  return [arguments] { return Diff(*arguments); };
}

}  // namespace sluice::cli
