// run.cc - sluice run -r FILE...: watch this host; sluice record -o CAPTURE: and keep what the kernel sends.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>

#include "cli/missing_hooks.h"
#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "compiler/explain.h"
#include "runtime/engine.h"
#include "runtime/load/lsm_hooks.h"
#include "runtime/reload.h"
#include "runtime/sink/line_sink.h"

namespace sluice::cli {
namespace {

struct Arguments {
  RuleArguments rules;
  std::string format;
  std::string capture;
};

// `sluice record` without rules: every event, with all that a record can hold.
constexpr std::string_view kEveryEvent = R"(# allow: no-event-type
rule "every event" {
  desc:      "what a capture without rules asks for"
  condition: proc.pid exists
  output:    "%proc.env[PATH] %proc.cwd"
  priority:  debug
}
)";

std::unique_ptr<Compilation> RulesOf(const Arguments& arguments, int& status) {
  if (!arguments.rules.paths.empty()) return CompileRules(arguments.rules, status);
  return CompileTexts({{"every event", std::string(kEveryEvent)}}, {});
}

std::atomic<Engine*> running = nullptr;
std::atomic<bool> stopped_early = false;  // before there was an engine

void OnSignal(int signal) {
  Engine* engine = running;
  if (engine == nullptr) {
    if (signal != SIGHUP) stopped_early = true;
    return;
  }
  signal == SIGHUP ? engine->Reload() : engine->Stop();
}

// SIGINT too where the shell started us with it ignored. Who reads stdout or stderr may go away.
void HandleSignals(bool reloads) {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
  if (!reloads) sigaction(SIGHUP, &action, nullptr);
}

sink::Format FormatFor(const std::string& asked) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  if (asked == "json" || (asked.empty() && !terminal)) return sink::Format::kJson;
  return ColourOn(STDOUT_FILENO) ? sink::Format::kColourText : sink::Format::kText;
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

void TellCounters(const Engine& engine, const sink::LineStats& alerts) {
  for (const load::HookCounters& row : engine.counters()) {
    const sluice_hook_stats& stats = row.stats;
    Tell(fmt::format("counters hook={} seen={} dropped={} sent={} lost={} denied={}\n", row.hook, stats.seen,
                     stats.dropped, stats.sent, stats.lost, stats.denied));
  }
  Tell(fmt::format("alerts raised={} delivered={} lost={}\n", alerts.raised, alerts.delivered, alerts.lost));
  const EngineStats& missed = engine.stats();
  if (missed.undecodable + missed.orphaned + missed.tree_records_lost == 0) return;
  Tell(fmt::format("missed undecodable={} orphaned={} lineage={}\n", missed.undecodable, missed.orphaned,
                   missed.tree_records_lost));
}

void TellCapture(const std::string& path, const capture::Writer& writer) {
  Tell(fmt::format("capture {}: {} records, {} left out\n", path, writer.records() - writer.left_out(),
                   writer.left_out()));
}

int Run(const Arguments& arguments) {
  const bool every_event = arguments.rules.paths.empty();
  HandleSignals(!every_event);
  int status = kFine;
  std::unique_ptr<Compilation> compilation = RulesOf(arguments, status);
  if (compilation == nullptr) return status;
  if (const source::Status usable = Usable(*compilation); !usable.ok()) {
    TellError(usable);
    return kRulesFailed;
  }
  if (const source::Status host = load::ProbeHost(); !host.ok()) {
    TellError(host);
    return kHost;
  }
  std::unique_ptr<capture::Writer> writer;
  if (!arguments.capture.empty()) {
    auto created = capture::Writer::Create(arguments.capture);
    if (!created.ok()) {
      TellError(created.status());
      return kUsage;
    }
    writer = std::move(*created);
  }
  if (!every_event) Tell(Summary(*compilation));
  Tell(MissingHooksText(compilation->partition, load::MissingHooks()));
  const size_t rules = compilation->user.checked.rules.size();
  sink::LineSink sink(STDOUT_FILENO, FormatFor(arguments.format));
  Engine engine({.rule_files = arguments.rules.paths,
                 .compile = arguments.rules.CompileOptions(),
                 .load = {},
                 .capture = writer.get(),
                 .every_event = every_event},
                [&sink](const alert::Alert& alert) { sink.Push(alert); });
  running = &engine;
  if (stopped_early) engine.Stop();
  const source::Status ran = engine.Run(
      std::move(compilation),
      [&] {
        Tell(every_event ? "sluice: ready: recording every event\n"
                         : fmt::format("sluice: ready: {} active\n", Count(rules, "rule")));
      },
      TellReload);
  running = nullptr;
  const sink::LineStats alerts = sink.Close();
  const source::Status kept = writer == nullptr ? absl::OkStatus() : writer->Close();
  if (writer != nullptr) TellCapture(arguments.capture, *writer);
  if (!ran.ok()) {
    TellError(ran);
    return kHost;
  }
  TellCounters(engine, alerts);
  if (kept.ok()) return kFine;
  TellError(kept);
  return kHost;
}

}  // namespace

Verb AddRun(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  AddRulesOption(app, arguments->rules);
  AddWarningsOption(app, arguments->rules);
  app.add_option("--format", arguments->format, "Form of the alerts (text on a terminal, otherwise json)")
      ->check(CLI::IsMember({"text", "json"}));
  app.footer(
      "Needs root and a kernel with BPF LSM. SIGINT or SIGTERM ends it, SIGHUP reads the rule files again.");
  return [arguments] { return Run(*arguments); };
}

Verb AddRecord(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
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
