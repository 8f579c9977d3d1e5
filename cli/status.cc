// status.cc - sluice status, sluice top, sluice audit, sluice stop: what the running agent says of itself and is told, over its
// control socket.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "runtime/alert/text.h"
#include "runtime/status/control.h"

namespace sluice::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kStopPatience{30};

struct Arguments {
  std::string socket = status::kDefaultSocket;
  bool json = false;
  uint64_t rounds = 0, rows = 15;
  std::string mode, rule;  // of `sluice audit`
};

// Null after a fault that has been told.
Json Ask(const Arguments& arguments, std::string& text) {
  const source::Result<std::string> read = status::Ask(arguments.socket, "");
  if (!read.ok()) {
    TellError(fmt::format("no agent answers: {}", MessageOf(read.status())));
    return nullptr;
  }
  text = *read;
  Json json = Json::parse(text, nullptr, false);
  if (json.is_object() && json.contains("outputs")) return json;
  TellError(fmt::format("{}: the answer is not an agent's", arguments.socket));
  return nullptr;
}

uint64_t Number(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_number() ? at->get<uint64_t>() : 0;
}

std::string Duration(double seconds) {
  const auto s = static_cast<uint64_t>(seconds);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} d {:02}:{:02}", s / 86400, s / 3600 % 24, s / 60 % 60);
}

// Every mitigation that does not simply refuse, and why.
void PrintMitigations(const Json& mitigations) {
  const Json rules = mitigations.value("rules", Json::object());
  const bool all = mitigations.value("audit_all", false);
  uint64_t refused = 0;
  std::string lines;
  for (const auto& [name, row] : rules.items()) {
    const bool audited = row.value("mode", "") == "audit";
    const double disarmed = row.value("disarmed_seconds", 0.0);
    refused += Number(row, "refused");
    std::string state = audited ? "audit" : "enforce";
    if (row.value("switched", false)) state += ", switched at run time";
    if (disarmed > 0) state += fmt::format(", disarmed by its fuse for {} more", Duration(disarmed + 1));
    if (state != "enforce") lines += fmt::format("  {}: {}\n", alert::Printable(name), state);
  }
  fmt::print("mitigate: {} that deny or kill{}, refused {} since they were loaded\n", rules.size(),
             all ? ", ALL IN AUDIT (`sluice audit off` enforces them)" : "", refused);
  fmt::print("{}", lines);
}

void PrintEngine(const Json& engine) {
  fmt::print("rules:    {} active, reloaded {}, failed {}{}\n", Number(engine, "rules_active"),
             Number(engine, "reloads"), Number(engine, "reloads_failed"),
             engine.value("last_reload_failed", false)
                 ? "; the last reload failed: the files and what runs differ"
                 : "");
  fmt::print("missed:   undecodable {}, lineage {}\n", Number(engine, "undecodable"),
             Number(engine, "lineage_lost"));
  PrintMitigations(engine.value("mitigations", Json::object()));
  const Json sets = engine.value("sets", Json::object());
  for (const auto& [set, members] : sets.items()) {
    fmt::print("set {}: {} for now\n", set, Count(members.size(), "member"));
    for (const auto& [member, seconds] : members.items())
      fmt::print("  {} for {} more\n", alert::Printable(member),
                 Duration(std::max(0.0, seconds.get<double>())));
  }
  fmt::print("\n{:<24}{:>12}{:>12}{:>10}{:>8}{:>8}\n", "HOOK", "SEEN", "DROPPED", "SENT", "LOST", "DENIED");
  const Json hooks = engine.value("hooks", Json::object());
  for (const auto& [hook, row] : hooks.items()) {
    fmt::print("{:<24}{:>12}{:>12}{:>10}{:>8}{:>8}\n", hook, Number(row, "seen"), Number(row, "dropped"),
               Number(row, "sent"), Number(row, "lost"), Number(row, "denied"));
  }
}

int PrintStatus(const Arguments& arguments) {
  std::string text;
  const Json json = Ask(arguments, text);
  if (json.is_null()) return kHost;
  if (arguments.json) {
    fmt::print("{}\n", text);
    return kFine;
  }
  const std::string health = json.value("health", "");
  fmt::print("sluice {}, process {}, up {}, {} MiB: {}\n", json.value("version", ""), Number(json, "pid"),
             Duration(json.value("uptime_seconds", 0.0)), Number(json, "resident_bytes") >> 20,
             health.empty() ? "well" : alert::Printable(health));
  if (json.contains("engine")) PrintEngine(json["engine"]);
  fmt::print("\n{:<24}{:>10}{:>10}{:>10}{:>10}{:>8}\n", "OUTPUT", "RAISED", "DELIVERED", "WAITING", "DEAD",
             "LOST");
  for (const auto& [name, row] : json["outputs"].items()) {
    fmt::print("{:<24}{:>10}{:>10}{:>10}{:>10}{:>8}{}\n", name,
               Number(row, "raised_total") + Number(row, "recovered_total"), Number(row, "delivered_total"),
               Number(row, "waiting"), Number(row, "dead_lettered_total"), Number(row, "lost_total"),
               row.value("failing", false) ? "  failing" : "");
  }
  return kFine;
}

// Rows of one table, the fastest first: name, total, and how many came since the last look.
void PrintRates(const char* title, const Json& now, const Json& before, const char* key, double seconds,
                size_t most) {
  struct Row {
    std::string name;
    uint64_t total;
    double rate;
  };
  std::vector<Row> rows;
  for (const auto& [name, row] : now.items()) {
    const auto old = before.find(name);
    const uint64_t total = Number(row, key), then = old == before.end() ? 0 : Number(*old, key);
    rows.push_back({name, total, static_cast<double>(total - std::min(total, then)) / seconds});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.rate != b.rate ? a.rate > b.rate : a.total > b.total;
  });
  fmt::print("{:>12}{:>14}  {}\n", "PER SECOND", "TOTAL", title);
  for (size_t i = 0; i < std::min(most, rows.size()); ++i) {
    fmt::print("{:>12.1f}{:>14}  {}\n", rows[i].rate, rows[i].total, alert::Printable(rows[i].name));
  }
}

int Top(const Arguments& arguments) {
  std::string text;
  Json before = Ask(arguments, text);
  if (before.is_null()) return kHost;
  const bool terminal = ColourOn(STDOUT_FILENO);
  for (uint64_t round = 0; arguments.rounds == 0 || round < arguments.rounds; ++round) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
    Json now = Ask(arguments, text);
    if (now.is_null()) return kHost;
    const double seconds =
        std::max(0.001, now.value("uptime_seconds", 0.0) - before.value("uptime_seconds", 0.0));
    if (terminal) fmt::print("\x1b[H\x1b[2J");
    const Json engine = now.value("engine", Json::object()), old = before.value("engine", Json::object());
    const auto part = [](const Json& json, const char* key) { return json.value(key, Json::object()); };
    PrintRates("RULE (matches)", part(engine, "rules"), part(old, "rules"), "matches", seconds,
               arguments.rows);
    PrintRates("RULE (microseconds of the processor, estimated)", part(engine, "rules"), part(old, "rules"),
               "cost_us", seconds, arguments.rows);
    PrintRates("HOOK (events)", part(engine, "hooks"), part(old, "hooks"), "seen", seconds, arguments.rows);
    PrintRates("OUTPUT (delivered)", now["outputs"], before["outputs"], "delivered_total", seconds,
               arguments.rows);
    std::fflush(stdout);
    before = std::move(now);
  }
  return kFine;
}

// Prints the answer to a command.
int Command(const Arguments& arguments, const std::string& request) {
  const source::Result<std::string> answer = status::Ask(arguments.socket, request);
  if (!answer.ok()) {
    TellError(fmt::format("no agent answers: {}", MessageOf(answer.status())));
    return kHost;
  }
  const Json json = Json::parse(*answer, nullptr, false);
  if (json.is_object() && json.contains("message")) {
    fmt::print("{}\n", alert::Printable(json.value("message", "")));
    return kFine;
  }
  const bool told = json.is_object() && json.contains("error");
  TellError(told ? alert::Printable(json.value("error", ""))
                 : fmt::format("{}: the answer is not an agent's", arguments.socket));
  return told ? kUsage : kHost;
}

int Audit(const Arguments& arguments) {
  AuditRequest request{.on = arguments.mode == "on", .rule = {}, .asker = {}};
  if (!arguments.rule.empty()) request.rule = arguments.rule;
  return Command(arguments, status::RequestOf(request));
}

// Returns when the agent has ended.
int Stop(const Arguments& arguments) {
  if (const int told = Command(arguments, status::kStopRequest); told != kFine) return told;
  const auto patience = std::chrono::steady_clock::now() + kStopPatience;
  while (status::Ask(arguments.socket, "").ok()) {
    if (std::chrono::steady_clock::now() > patience) {
      TellError("it has not ended yet: its outputs may still deliver (`drain`); `sluice status` shows them");
      return kHost;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return kFine;
}

void AddSocket(CLI::App& app, Arguments& arguments) {
  app.add_option("--socket", arguments.socket, "The agent's control socket")
      ->capture_default_str()
      ->type_name("PATH");
}

}  // namespace

Verb AddStatus(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  AddSocket(app, *arguments);
  app.add_flag("--json", arguments->json, "Everything, as one JSON object");
  return [arguments] { return PrintStatus(*arguments); };
}

Verb AddTop(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  AddSocket(app, *arguments);
  app.add_option("-n,--rounds", arguments->rounds, "So many seconds; 0: until it is stopped")
      ->capture_default_str();
  app.add_option("--rows", arguments->rows, "Rows of each table")->capture_default_str();
  return [arguments] { return Top(*arguments); };
}

Verb AddAudit(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  AddSocket(app, *arguments);
  app.add_option("MODE", arguments->mode, "on: say what would be refused, and refuse nothing; off: enforce")
      ->required()
      ->type_name("on|off")
      ->check(CLI::IsMember({"on", "off"}));
  app.add_option("RULE", arguments->rule, "The name of a rule that denies or kills; without it: all of them")
      ->type_name("");
  app.footer("It holds at once, over reloads, and until the agent ends. `sluice status` shows it.");
  return [arguments] { return Audit(*arguments); };
}

Verb AddStop(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  AddSocket(app, *arguments);
  app.footer(
      "The agent says in an alert who asked, delivers its alerts and ends. Also with `self_protection: "
      "true`, when it cannot "
      "be killed. Under systemd: `systemctl stop sluice`.");
  return [arguments] { return Stop(*arguments); };
}

}  // namespace sluice::cli
