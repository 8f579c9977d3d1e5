#include "runtime/status/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/alert/text.h"

namespace sluice::status {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSilentNs = 10 * kSecondNs;  // an engine that did not publish for so long hangs

struct HookColumn {
  const char* name;
  const char* help;
  __u64 sluice_hook_stats::*counter;
};
constexpr HookColumn kHookColumns[] = {
    {"seen", "Events of the hook; seen = dropped + sent + lost", &sluice_hook_stats::seen},
    {"dropped", "Events that no rule could match, decided in the kernel", &sluice_hook_stats::dropped},
    {"sent", "Events sent to user space", &sluice_hook_stats::sent},
    {"lost", "Events for which the ring buffer had no room", &sluice_hook_stats::lost},
    {"denied", "Calls that got an error", &sluice_hook_stats::denied},
    {"killed", "Processes that were killed", &sluice_hook_stats::killed},
    {"audited", "Mitigations that were not enforced", &sluice_hook_stats::audited},
    {"undecided", "Events with a value that could not be known", &sluice_hook_stats::undecided},
    {"no_scratch", "Undecided: no scratch memory", &sluice_hook_stats::no_scratch},
    {"no_path", "Undecided: no path", &sluice_hook_stats::no_path},
    {"skipped", "Outside of seen: what a stacked file system opens and changes below",
     &sluice_hook_stats::skipped},
};

struct OutputColumn {
  const char* name;
  const char* type;
  const char* help;
  uint64_t sink::OutputStats::*value;
};
constexpr OutputColumn kOutputColumns[] = {
    {"raised_total", "counter", "Alerts that the output was to deliver", &sink::OutputStats::raised},
    {"recovered_total", "counter", "Alerts left in the spool by an earlier process",
     &sink::OutputStats::recovered},
    {"delivered_total", "counter", "Alerts that the receiver has", &sink::OutputStats::delivered},
    {"dead_lettered_total", "counter", "Alerts in the dead-letter file", &sink::OutputStats::dead_lettered},
    {"lost_total", "counter", "Alerts for which there was no room anywhere", &sink::OutputStats::lost},
    {"filtered_total", "counter", "Alerts that are not for this output", &sink::OutputStats::filtered},
    {"limited_total", "counter", "Alerts held back by the output's rate limit", &sink::OutputStats::limited},
    {"attempts_total", "counter", "Deliveries tried", &sink::OutputStats::attempts},
    {"failures_total", "counter", "Deliveries that failed or were refused", &sink::OutputStats::failures},
    {"waiting", "gauge", "Alerts in memory and in the spool", &sink::OutputStats::waiting},
    {"spool_bytes", "gauge", "Bytes of the spool on disk", &sink::OutputStats::spool_bytes},
};

double Seconds(int64_t ns) { return static_cast<double>(ns) / static_cast<double>(kSecondNs); }

class Page {
 public:
  void Family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP sluice_{} {}\n# TYPE sluice_{} {}\n", name, help, name, type);
  }
  template <typename T>
  void Plain(std::string_view suffix, T value) {
    text_ += fmt::format("sluice_{}{} {}\n", name_, suffix, value);
  }
  template <typename T>
  void Sample(std::string_view label, std::string_view label_value, T value, std::string_view suffix = "") {
    text_ += fmt::format("sluice_{}{}{{{}=\"{}\"}} {}\n", name_, suffix, label, Escaped(label_value), value);
  }
  template <typename T>
  void One(std::string_view name, std::string_view type, std::string_view help, T value) {
    Family(name, type, help);
    Plain("", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  static std::string Escaped(std::string_view text) {
    std::string out;
    for (const char c : alert::ValidUtf8(text)) {
      out += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
    }
    return out;
  }

  std::string name_, text_;
};

void AddLag(const LagHistogram& lag, Page& page) {
  page.Family("alert_lag_seconds", "histogram", "From the hook to the alert");
  uint64_t total = 0;
  for (size_t i = 0; i < lag.counts.size(); ++i) {
    total += lag.counts[i];
    const bool bounded = i < LagHistogram::kBoundsNs.size();
    page.Sample("le", bounded ? fmt::format("{}", Seconds(LagHistogram::kBoundsNs[i])) : "+Inf", total,
                "_bucket");
  }
  page.Plain("_sum", Seconds(lag.sum_ns));
  page.Plain("_count", total);
}

bool IsDisarmed(const MitigationState& rule, int64_t now_ns) { return rule.disarmed_until_ns > now_ns; }

void AddEnforcement(const EngineSnapshot& engine, Page& page) {
  page.One("audit_all", "gauge", "1: no mitigation is enforced", engine.enforcement.audit_all ? 1 : 0);
  page.Family("rule_audited", "gauge", "1: the mitigation only says what it would refuse");
  for (const MitigationState& rule : engine.enforcement.rules)
    page.Sample("rule", rule.rule, rule.audited || engine.enforcement.audit_all ? 1 : 0);
  page.Family("rule_disarmed", "gauge", "1: the mitigation's fuse has blown");
  for (const MitigationState& rule : engine.enforcement.rules)
    page.Sample("rule", rule.rule, IsDisarmed(rule, engine.taken_ns) ? 1 : 0);
}

void AddEngine(const EngineSnapshot& engine, Page& page) {
  for (const HookColumn& column : kHookColumns) {
    page.Family(fmt::format("hook_{}_total", column.name), "counter", column.help);
    for (const load::HookCounters& row : engine.hooks)
      page.Sample("hook", row.hook, row.stats.*column.counter);
  }
  page.Family("rule_matches_total", "counter", "Alerts of the rule, with those that its throttle held back");
  for (const auto& [name, counts] : engine.rules) page.Sample("rule", name, counts.matches);
  page.Family("rule_suppressed_total", "counter", "Alerts that the rule's throttle held back");
  for (const auto& [name, counts] : engine.rules) page.Sample("rule", name, counts.suppressed);
  page.Family(
      "rule_cost_seconds_total", "counter",
      "Time of the processor in user space: judging the rule, estimated from samples, and making its alerts");
  for (const auto& [name, counts] : engine.rules)
    page.Sample("rule", name, Seconds(static_cast<int64_t>(counts.cost_ns)));
  AddEnforcement(engine, page);
  page.Family("set_members", "gauge", "Values that alerts have added to a set");
  for (const auto& [set, members] : engine.sets) page.Sample("set", set, members.size());
  page.One("set_members_refused_total", "counter", "Values for which a set had no room",
           engine.set_members_refused);
  AddLag(engine.lag, page);
  page.One("rules", "gauge", "Active rules", engine.rules_active);
  page.One("reloads_total", "counter", "Reloads that worked", engine.reloads);
  page.One("reloads_failed_total", "counter", "Reloads that failed", engine.reloads_failed);
  page.One("last_reload_failed", "gauge", "1: the rule files and what runs differ",
           engine.last_reload_failed ? 1 : 0);
  page.One("pinned_programs", "gauge", "Programs that stay in force when the agent ends", engine.pinned);
  page.One("agent_attempts_total", "counter", "Attempts on the agent that its own protection refused",
           engine.attempts);
  page.Family("unattended_mitigations_total", "counter",
              "Calls refused and processes killed by pinned programs before this agent took over");
  for (const auto& [hook, count] : engine.unattended) page.Sample("hook", hook, count);
  page.One("records_undecodable_total", "counter", "Records that did not parse", engine.stats.undecodable);
  page.One("lineage_records_lost_total", "counter", "Fork, exec and exit records that were lost",
           engine.stats.tree_records_lost);
  page.One("lineage_processes", "gauge", "Processes in the tree", engine.tree.processes);
  page.One("lineage_gaps", "gauge", "Of these, with a parent that is not known", engine.tree.gaps);
  page.One("lineage_evicted_total", "counter", "Processes dropped for want of room", engine.tree.evicted);
}

void AddOutputs(const std::vector<sink::OutputStats>& outputs, Page& page) {
  for (const OutputColumn& column : kOutputColumns) {
    page.Family(fmt::format("output_{}", column.name), column.type, column.help);
    for (const sink::OutputStats& output : outputs) page.Sample("output", output.name, output.*column.value);
  }
  page.Family("output_failing", "gauge", "1: the last delivery failed");
  for (const sink::OutputStats& output : outputs) page.Sample("output", output.name, output.failing ? 1 : 0);
}

Json LagJson(const LagHistogram& lag) {
  std::vector<double> bounds;
  for (const int64_t bound : LagHistogram::kBoundsNs) bounds.push_back(Seconds(bound));
  return {{"bounds_seconds", bounds}, {"counts", lag.counts}, {"sum_seconds", Seconds(lag.sum_ns)}};
}

Json EnforcementJson(const EngineSnapshot& engine) {
  Json rules = Json::object();
  for (const MitigationState& rule : engine.enforcement.rules) {
    Json& row = rules[alert::ValidUtf8(rule.rule)];
    row = {{"mode", rule.audited ? "audit" : "enforce"},
           {"switched", rule.switched},
           {"refused", rule.refused},
           {"fuse_blown", rule.blown},
           {"disarmed_seconds", 0.0}};
    if (IsDisarmed(rule, engine.taken_ns))
      row["disarmed_seconds"] = Seconds(rule.disarmed_until_ns - engine.taken_ns);
  }
  return {{"audit_all", engine.enforcement.audit_all}, {"rules", std::move(rules)}};
}

Json SetsJson(const EngineSnapshot& engine) {
  Json sets = Json::object();
  for (const auto& [set, members] : engine.sets) {
    for (const auto& [member, until_ns] : members)
      sets[set][alert::ValidUtf8(member)] = Seconds(static_cast<int64_t>(until_ns) - engine.taken_ns);
  }
  return sets;
}

Json EngineJson(const EngineSnapshot& engine) {
  Json hooks = Json::object(), rules = Json::object();
  for (const load::HookCounters& row : engine.hooks) {
    for (const HookColumn& column : kHookColumns)
      hooks[row.hook][column.name] = uint64_t{row.stats.*column.counter};
  }
  for (const auto& [name, counts] : engine.rules) {
    rules[alert::ValidUtf8(name)] = {
        {"matches", counts.matches}, {"suppressed", counts.suppressed}, {"cost_us", counts.cost_ns / 1000}};
  }
  return {{"rules_active", engine.rules_active},
          {"reloads", engine.reloads},
          {"reloads_failed", engine.reloads_failed},
          {"last_reload_failed", engine.last_reload_failed},
          {"undecodable", engine.stats.undecodable},
          {"lineage_lost", engine.stats.tree_records_lost},
          {"suppressed", engine.stats.suppressed},
          {"processes", engine.tree.processes},
          {"lag", LagJson(engine.lag)},
          {"pinned", engine.pinned},
          {"attempts", engine.attempts},
          {"unattended", engine.unattended},
          {"hooks", std::move(hooks)},
          {"rules", std::move(rules)},
          {"mitigations", EnforcementJson(engine)},
          {"sets", SetsJson(engine)},
          {"set_members_refused", engine.set_members_refused}};
}

}  // namespace

Status OfThisProcess(std::string version, int64_t started_ns) {
  Status status;
  status.version = std::move(version);
  status.process_id = static_cast<uint32_t>(getpid());
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  status.now_ns = int64_t{now.tv_sec} * kSecondNs + now.tv_nsec;
  status.started_ns = started_ns;
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0, resident = 0;
  if (statm >> pages >> resident)
    status.resident_bytes = resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return status;
}

std::string MetricsText(const Status& status) {
  Page page;
  page.Family("build_info", "gauge", "The program");
  page.Sample("version", status.version, 1);
  page.One("uptime_seconds", "gauge", "Since the start", Seconds(status.now_ns - status.started_ns));
  page.One("resident_memory_bytes", "gauge", "Memory of the process", status.resident_bytes);
  page.One("healthy", "gauge", "As /healthz", Health(status).empty() ? 1 : 0);
  AddOutputs(status.outputs, page);
  if (status.engine) AddEngine(*status.engine, page);
  return page.Take();
}

std::string StatusJson(const Status& status) {
  Json outputs = Json::object();
  for (const sink::OutputStats& output : status.outputs) {
    Json& row = outputs[output.name];
    for (const OutputColumn& column : kOutputColumns) row[column.name] = output.*column.value;
    row["failing"] = output.failing;
  }
  Json json = {{"version", status.version},
               {"pid", status.process_id},
               {"uptime_seconds", Seconds(status.now_ns - status.started_ns)},
               {"resident_bytes", status.resident_bytes},
               {"health", Health(status)},
               {"outputs", std::move(outputs)}};
  if (status.engine) json["engine"] = EngineJson(*status.engine);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// An output that fails or rules that cannot be reloaded do not end detection: metrics say so, health does not.
std::string Health(const Status& status) {
  if (!status.engine) return {};
  if (status.engine->taken_ns == 0) return "the rules are not active yet";
  const int64_t silent_ns = status.now_ns - status.engine->taken_ns;
  if (silent_ns > kSilentNs) return fmt::format("the engine is silent for {} s", silent_ns / kSecondNs);
  return {};
}

}  // namespace sluice::status
