// run.cc - sluice run -r FILE...: watch this host; sluice record -o CAPTURE: and keep what the kernel sends.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>

#include "cli/config.h"
#include "cli/introspection.h"
#include "cli/log.h"
#include "cli/outputs.h"
#include "cli/privileges.h"
#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "compiler/explain.h"
#include "runtime/engine.h"
#include "runtime/load/blind_spots.h"
#include "runtime/load/companions.h"
#include "runtime/load/lsm_hooks.h"
#include "runtime/load/pins.h"
#include "runtime/reload.h"
#include "runtime/rule_watch.h"
#include "runtime/trusted.h"

namespace sluice::cli {
namespace {

struct Arguments {
  RuleArguments rules;
  std::string config, format, capture;
  bool record = false;  // `sluice record`
  bool audit = false;
  unsigned seconds = 0;  // once it is ready, end after so many; 0: no end

  bool every_event() const { return record && rules.paths.empty(); }
};

// `sluice record` without rules: every event, with all that a record can hold.
constexpr std::string_view kEveryEvent = R"(# allow: no-event-type
rule "every event" {
  desc:      "what a capture without rules asks for"
  condition: proc.pid exists or evt.hook = module_hidden
  output:    "%proc.env[PATH] %proc.cwd"
  priority:  debug
}
)";

std::unique_ptr<Compilation> RulesOf(const Arguments& arguments, int& status) {
  if (!arguments.every_event()) return CompileRules(arguments.rules, status);
  return CompileTexts({{"every event", std::string(kEveryEvent)}}, {});
}

// Who decides what, of rule sets that are read; what the stages of a large one take is better left to the engine.
void TellDecisions(const Compilation& compilation) {
  constexpr size_t kMostTold = 200;
  if (compilation.written.rules > kMostTold)
    return Tell("`sluice explain` says what the kernel decides of each rule\n");
  Tell(Summary(*CompileTexts(SourcesOf(compilation), {})));
}

std::atomic<Engine*> running = nullptr;
std::atomic<sink::Outputs*> outputs_in_use = nullptr;
std::atomic<RuleWatch*> watch_in_use = nullptr;         // null: no watch, or no engine
std::atomic<status::Service*> ready_service = nullptr;  // null: not ready yet
std::atomic<bool> stop_asked = false, reload_asked = false;

// Async-signal-safe. What is asked before there is an engine, it does first.
void AskReload() {
  reload_asked = true;
  if (Engine* engine = running; engine != nullptr) engine->Reload();
}

void OnSignal(int signal) {
  Engine* engine = running;
  if (signal != SIGHUP) {
    stop_asked = true;
    if (engine != nullptr) return engine->Stop();
    if (sink::Outputs* outputs = outputs_in_use) outputs->Hurry();  // who asks again does not want to wait
    return;
  }
  if (engine != nullptr) outputs_in_use.load()->Reopen();
  if (RuleWatch* watch = watch_in_use; watch != nullptr) return watch->Reopen();
  AskReload();
}

// SIGINT too where the shell started us with it ignored. Who reads stdout or stderr may go away.
void HandleSignals(bool reloads) {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGALRM, SIGHUP}) sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGPIPE, SIGXFSZ}) sigaction(signal, &action, nullptr);
  if (!reloads) sigaction(SIGHUP, &action, nullptr);
}

// The command line over the file.
std::optional<config::Config> ConfigOf(Arguments& arguments, int& status) {
  std::optional<config::Config> config =
      arguments.record ? config::Default() : ReadConfig(arguments.config, arguments.rules, status);
  if (!config || arguments.format.empty()) return config;
  for (config::Output& output : config->outputs) {
    if (output.type != config::OutputType::kStdout) continue;
    output.format = arguments.format == "json" ? config::Format::kJson : config::Format::kText;
  }
  return config;
}

// Who gives a configuration runs a service: then nobody else may decide what it does.
source::Status AllTrusted(const Arguments& arguments) {
  if (arguments.config.empty()) return absl::OkStatus();
  if (source::Status status = Trusted(arguments.config); !status.ok()) return status;
  source::Result<std::vector<std::string>> files = RuleFiles(arguments.rules.paths, TestFiles::kSkip);
  if (!files.ok()) return files.status();
  for (const std::string& file : *files) {
    if (source::Status status = Trusted(file); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void TellReload(const source::Status& status, const Compilation* compilation) {
  if (compilation != nullptr) {
    Tell(diag::RenderText(compilation->diagnostics, compilation->files, ColourOn(STDERR_FILENO)));
  }
  if (status.ok()) {
    Tell(fmt::format("sluice: reloaded: {}\n", Count(compilation->written.rules, "rule")));
    return;
  }
  Tell(fmt::format("sluice: reload failed: {}; the rules from before stay active\n", MessageOf(status)));
}

void TellCounters(const EngineSnapshot& engine, const std::vector<sink::OutputStats>& outputs) {
  for (const load::HookCounters& row : engine.hooks) {
    const sluice_hook_stats& stats = row.stats;
    Tell(fmt::format("counters hook={} seen={} dropped={} sent={} lost={} denied={}\n", row.hook, stats.seen,
                     stats.dropped, stats.sent, stats.lost, stats.denied));
  }
  const EngineStats& missed = engine.stats;
  TellOutputs(outputs, missed.suppressed);
  if (missed.undecodable + missed.tree_records_lost == 0) return;
  Tell(fmt::format("missed undecodable={} lineage={}\n", missed.undecodable, missed.tree_records_lost));
}

void TellTakenOver(const EngineSnapshot& engine) {
  for (const std::string& warning : engine.warnings) Log(Severity::kWarning, warning);
  if (engine.taken_over == 0) return;
  uint64_t mitigated = 0;
  for (const auto& [hook, count] : engine.unattended) mitigated += count;
  Log(mitigated > 0 ? Severity::kWarning : Severity::kInfo,
      fmt::format("took over from an earlier agent: {}; {} refused or killed that no agent told of",
                  Count(engine.taken_over, "program"), Count(mitigated, "call")));
}

void TellPinned(const EngineSnapshot& engine) {
  if (engine.pinned == 0) return;
  const std::vector<MitigationState>& rules = engine.enforcement.rules;
  const auto audited =
      engine.enforcement.audit_all
          ? std::ssize(rules)
          : std::count_if(rules.begin(), rules.end(), [](const MitigationState& row) { return row.audited; });
  Log(Severity::kInfo,
      fmt::format(
          "{} and with them the mitigations stay in force (`pin: true`); `sluice unpin` takes them away",
          Count(engine.pinned, "program")));
  if (audited == 0) return;
  Log(Severity::kWarning,
      fmt::format("{} of {} rules that deny or kill are in audit and refuse nothing until an "
                  "agent runs again",
                  audited, rules.size()));
}

// Null without a watch, or after a fault that has been told: SIGHUP reloads all the same. Opened before the rules are
// read: what changes from then on is reloaded.
std::unique_ptr<RuleWatch> WatchRules(const config::Config& config, const Arguments& arguments) {
  if (!config.watch) return nullptr;
  const auto changed = [] {
    if (status::Service* service = ready_service; service != nullptr) service->Reloading();
    AskReload();
  };
  auto watch = RuleWatch::Open(arguments.rules.paths, changed,
                               [](const std::string& fault) { Log(Severity::kWarning, fault); });
  if (watch.ok()) return std::move(*watch);
  Log(Severity::kWarning, fmt::format("rule files are not watched: {}", MessageOf(watch.status())));
  return nullptr;
}

void TellCapture(const std::string& path, const capture::Writer& writer) {
  Tell(fmt::format("capture {}: {} records, {} left out\n", path, writer.records() - writer.left_out(),
                   writer.left_out()));
}

// The exit status of what has ended.
int Told(const source::Status& status) {
  if (status.ok()) return kFine;
  TellError(status);
  return kHost;
}

int Watch(const Arguments& arguments, const config::Config& config, std::unique_ptr<Compilation> compilation,
          std::unique_ptr<RuleWatch> watch, capture::Writer* writer) {
  int status = kFine;
  const std::string active = arguments.every_event()
                                 ? "recording every event"
                                 : Count(compilation->user.checked.rules.size(), "rule") + " active";
  const std::unique_ptr<sink::Outputs> outputs = OpenOutputs(config, status);
  if (outputs == nullptr) return status;
  outputs_in_use = outputs.get();
  struct Forget {
    ~Forget() { outputs_in_use = nullptr; }
  } forget;
  load::Options load;
  if (config.pin) load.pin_folder = load::kPinFolder;
  load.self_protection = config.self_protection;
  Engine engine({.rule_files = arguments.rules.paths,
                 .trusted_files = !arguments.config.empty(),
                 .compile = arguments.rules.CompileOptions(),
                 .load = std::move(load),
                 .capture = writer,
                 .every_event = arguments.every_event(),
                 .audit = arguments.audit},
                [&outputs](const alert::Alert& alert) { outputs->Push(alert); });
  const Agent agent = arguments.record ? Agent::kReplay : Agent::kRun;
  const std::optional<Introspection> introspection = Introspect(
      config, agent, [&engine] { return engine.Snapshot(); },
      {.audit = [&engine](const AuditRequest& request) { return engine.Audit(request); },
       .stop = [&engine](const std::string& asker) { engine.StopFor(asker); }},
      *outputs, status);
  if (!introspection) return status;
  status::Service& service = *introspection->service;
  running = &engine;
  watch_in_use = watch.get();
  if (stop_asked) engine.Stop();
  if (reload_asked) engine.Reload();
  const source::Status ran = engine.Run(
      std::move(compilation),
      [&] {
        TellTakenOver(engine.Snapshot());
        Tell(fmt::format("sluice: ready: {}{}\n", active, arguments.audit ? ", all in audit" : ""));
        alarm(arguments.seconds);
        service.Ready(active);
        ready_service = &service;
      },
      [&service](const source::Status& outcome, const Compilation* compiled) {
        TellReload(outcome, compiled);
        service.Ready(outcome.ok() ? "reloaded" : "the last reload failed");
      });
  watch_in_use = nullptr;
  watch.reset();  // it may be calling back
  running = nullptr;
  ready_service = nullptr;
  service.Stopping();
  const std::vector<sink::OutputStats> alerts = outputs->Close();
  const source::Status kept = writer == nullptr ? absl::OkStatus() : writer->Close();
  if (writer != nullptr) TellCapture(arguments.capture, *writer);
  if (!ran.ok()) return Told(ran);
  TellCounters(engine.Snapshot(), alerts);
  TellPinned(engine.Snapshot());
  return Told(kept);
}

int Run(Arguments arguments) {
  if (!arguments.record) DropPrivileges();
  HandleSignals(!arguments.every_event());
  int status = kFine;
  const std::optional<config::Config> config = ConfigOf(arguments, status);
  if (!config) return status;
  std::unique_ptr<RuleWatch> watch = WatchRules(*config, arguments);
  if (const source::Status trusted = AllTrusted(arguments); !trusted.ok()) {
    TellError(trusted);
    return kUsage;
  }
  std::unique_ptr<Compilation> compilation = RulesOf(arguments, status);
  if (compilation == nullptr) return status;
  if (const source::Status usable = Usable(*compilation); !usable.ok()) {
    TellError(usable);
    return kRulesFailed;
  }
  if (const source::Status host = load::ProbeHost(); !host.ok()) return Told(host);
  std::unique_ptr<capture::Writer> writer;
  if (arguments.record) {
    auto created = capture::Writer::Create(arguments.capture);
    if (!created.ok()) {
      TellError(created.status());
      return kUsage;
    }
    writer = std::move(*created);
  }
  if (!config->pin && load::AnyLeftPinned(load::kPinFolder))
    Log(Severity::kWarning,
        "mitigations of an earlier agent with `pin: true` are in force as well; `sluice unpin` takes them "
        "away");
  if (!arguments.every_event()) TellDecisions(*compilation);
  Tell(load::MissingHooksText(compilation->partition, load::MissingHooks()));
  Tell(load::UnseenCallsText(load::CallsWithoutFunction(compilation->kernel.companions)));
  return Watch(arguments, *config, std::move(compilation), std::move(watch), writer.get());
}

}  // namespace

int RecordEverything(const std::string& capture, unsigned seconds) {
  Arguments arguments;
  arguments.record = true;
  arguments.capture = capture;
  arguments.seconds = seconds;
  return Run(std::move(arguments));
}

Verb AddRun(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  AddRulesOption(app, arguments->rules)->required(false);
  AddConfigOption(app, arguments->config);
  AddWarningsOption(app, arguments->rules);
  app.add_option("--format", arguments->format, "Form of the alerts (text on a terminal, otherwise json)")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--audit", arguments->audit, "Refuse nothing and say what would be, until `sluice audit off`");
  app.footer(
      "Needs root and a kernel with BPF LSM. SIGINT or SIGTERM ends "
      "it, SIGHUP reads the rule files again and opens files again.");
  return [arguments] { return Run(*arguments); };
}

Verb AddRecord(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  arguments->record = true;
  app.add_option("-o", arguments->capture, "The file to write; docs/capture.md has its format")
      ->required()
      ->type_name("CAPTURE");
  app.add_option(
         "-r", arguments->rules.paths,
         "Rule files: what these ask for is recorded, and their alerts are printed. Without: every event")
      ->type_name("FILE...");
  AddWarningsOption(app, arguments->rules);
  app.add_option("--format", arguments->format, "Form of the alerts (text on a terminal, otherwise json)")
      ->check(CLI::IsMember({"text", "json"}));
  app.footer(
      "Needs root and a kernel with BPF LSM. SIGINT or SIGTERM ends it. `sluice replay CAPTURE -r FILE` "
      "reads it.");
  return [arguments] { return Run(*arguments); };
}

}  // namespace sluice::cli
