// learn.cc - sluice learn: rules that say when a program does something else than it did in a capture; or exceptions for
// a rule that fires too often.
#include "learn/learn.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "compiler/fmt/format.h"
#include "runtime/alert/text.h"
#include "runtime/replay.h"

namespace sluice::cli {
namespace {

struct Arguments {
  RuleArguments rules;
  std::string capture, rule;
  std::vector<std::string> programs;
  bool live = false;
  unsigned seconds = 0;
};

constexpr std::string_view kAnyEvent = R"(# allow: no-event-type
rule "every event" {
  desc:      "for the events alone"
  condition: proc.pid exists
  output:    "%proc.pid"
  priority:  debug
}
)";

using Raise = std::function<void(const alert::Alert&)>;

// Null when the capture cannot be read; a fault in it is told, and what came before it is used.
std::optional<Replayed> ReplayAll(const std::string& capture, Compilation& compilation,
                                  const Judge::Observer& observe, const Raise& raise, bool tells) {
  ReplayOptions options;
  options.grow = Recompiling(compilation, {});
  options.plan = std::make_shared<const uplan::UserPlan>(std::move(compilation.user));
  options.throttled = false;
  options.observe = observe;
  options.raise = [&raise](const alert::Alert& alert, const std::string& own) {
    if (own.empty()) raise(alert);
  };
  const source::Result<Replayed> done = Replay(capture, options);
  if (!done.ok()) {
    TellError(done.status());
    return std::nullopt;
  }
  if (!tells) return *done;
  if (!done->read.ok()) TellError(fmt::format("{}: {}", capture, MessageOf(done->read)));
  if (done->lacks_events)
    Tell(fmt::format(
        "{}: warning: recorded with rules; what those did not ask for is not in it. Record without -r\n",
        capture));
  if (done->left_out != 0)
    Tell(fmt::format("{}: warning: {} left out by the recorder\n", capture, Count(done->left_out, "record")));
  return *done;
}

// What fires on the capture, by rule; nothing when the text does not compile (`told`: and that is told).
std::optional<std::map<std::string, uint64_t>> FiresOn(
    const std::string& capture, const std::vector<std::pair<std::string, std::string>>& texts, bool told) {
  const std::unique_ptr<Compilation> compiled = CompileTexts(texts, {});
  if (!compiled->ok()) {
    if (told) Tell(diag::RenderText(compiled->diagnostics, compiled->files, ColourOn(STDERR_FILENO)));
    return std::nullopt;
  }
  std::map<std::string, uint64_t> fired;
  if (!ReplayAll(
          capture, *compiled, {}, [&fired](const alert::Alert& alert) { ++fired[alert.rule]; }, false))
    return std::nullopt;
  return fired;
}

// In the layout of `sluice fmt`.
std::string LaidOut(const std::string& text) {
  source::Files files;
  diag::Diagnostics diagnostics;
  const fmt_stage::Formatted formatted =
      fmt_stage::Format(files, files.Add("learned.rule", text), {}, diagnostics);
  return formatted.outcome == fmt_stage::Formatted::Outcome::kDone ? formatted.text : text;
}

int LearnRules(const Arguments& arguments, const std::string& capture, const std::string& from) {
  learn::Observer observer([&](const std::string& exepath) {
    return arguments.programs.empty() ||
           std::any_of(arguments.programs.begin(), arguments.programs.end(), [&](const std::string& program) {
             return fnmatch(program.c_str(), exepath.c_str(), 0) == 0;
           });
  });
  const auto every = CompileTexts({{"every event", std::string(kAnyEvent)}}, {});
  const auto done = ReplayAll(
      capture, *every, [&observer](eval::Evaluator&, const eval::RecordEvent& event) { observer.See(event); },
      [](const alert::Alert&) {}, true);
  if (!done) return kUsage;
  if (observer.observed().empty()) {
    TellError(fmt::format("{}: no program that is asked for opens, starts or connects to anything", from));
    return kRulesFailed;
  }
  std::set<std::string> without;
  std::string text = learn::RulesOf(observer.observed(), without, from);
  const auto fired = FiresOn(capture, {{"learned.rule", text}}, true);
  if (!fired) {
    TellError("what was learned does not compile; please report it with the capture");
    return kRulesFailed;
  }
  for (const auto& [rule, count] : *fired) without.insert(rule);
  if (!without.empty()) text = learn::RulesOf(observer.observed(), without, from);
  fmt::print("{}", LaidOut(text));
  if (observer.unknown() != 0)
    Tell(fmt::format("{} could not be had and are not learned\n", Count(observer.unknown(), "value")));
  Tell(fmt::format("{} learned from {}; silent on it\n", Count(observer.observed().size(), "program"),
                   Count(done->records, "record")));
  return done->read.ok() ? kFine : kUsage;
}

// The rule's own text with the items in its `exceptions:`, which is added where there is none.
std::string WithExceptions(const Compilation& rules, const ast::Rule& rule, const std::string& items) {
  std::string text(rules.files.text(rule.span.file).substr(rule.span.begin, rule.span.end - rule.span.begin));
  if (rule.exceptions.empty()) {
    text.insert(text.rfind('}'), "  exceptions: [\n" + items + "  ]\n");
  } else {
    text.insert(rule.exceptions.front().span.begin - rule.span.begin,
                "\n" + items.substr(0, items.size() - 1) + ",\n    ");
  }
  return text;
}

int LearnExceptions(const Arguments& arguments, const std::string& capture) {
  int status = kFine;
  RuleArguments told = arguments.rules;
  told.keeps_stages = true;  // the rule's own text
  const std::unique_ptr<Compilation> rules = CompileRules(told, status);
  if (rules == nullptr) return status;
  const ast::Rule* rule = nullptr;
  for (const ast::Rule& candidate : rules->ast.rules) {
    if (candidate.name.text == arguments.rule) rule = &candidate;
  }
  if (rule == nullptr) {
    TellError(fmt::format("there is no rule `{}`", arguments.rule));
    return kUsage;
  }
  const std::string file(rules->files.name(rule->span.file));
  if (!file.ends_with(".rule")) {
    TellError(fmt::format("{}: exceptions are written for .rule files; `sluice import` makes one", file));
    return kUsage;
  }
  std::map<learn::Subject, uint64_t> subjects;
  uint64_t alerts = 0;
  const eval::RecordEvent* event = nullptr;
  const auto done = ReplayAll(
      capture, *rules, [&event](eval::Evaluator&, const eval::RecordEvent& seen) { event = &seen; },
      [&](const alert::Alert& alert) {
        if (alert.rule != arguments.rule) return;
        ++alerts;
        if (const auto subject = learn::SubjectOf(*event)) ++subjects[*subject];
      },
      true);
  if (!done) return kUsage;
  if (subjects.empty()) {
    TellError(fmt::format("`{}` does not fire on the capture", arguments.rule));
    return kRulesFailed;
  }
  std::set<std::string> taken;
  for (const ast::Exception& exception : rule->exceptions) taken.insert(exception.name.text);
  for (const bool exact : {false, true}) {
    const std::string text = WithExceptions(*rules, *rule, learn::ExceptionsOf(subjects, exact, taken));
    std::vector<std::pair<std::string, std::string>> files;
    for (source::FileId id = 0; id < rules->files.size(); ++id) {
      std::string whole(rules->files.text(id));
      if (id == rule->span.file) whole.replace(rule->span.begin, rule->span.end - rule->span.begin, text);
      files.emplace_back(rules->files.name(id), std::move(whole));
    }
    const auto fired = FiresOn(capture, files, exact);
    if (!fired || fired->count(arguments.rule) != 0) continue;
    fmt::print("{}", LaidOut(fmt::format(
                         "# Learned by `sluice learn` from {}, in which the rule fires {}. Read "
                         "it before you use it.\n{}\n",
                         arguments.capture.empty() ? "this host" : alert::Printable(arguments.capture),
                         Count(alerts, "time"), text)));
    return done->read.ok() ? kFine : kUsage;
  }
  TellError(
      fmt::format("no exceptions keep `{}` silent: what it fires on has no program or path", arguments.rule));
  return kRulesFailed;
}

int Learn(const Arguments& arguments) {
  if (arguments.live == !arguments.capture.empty()) {
    TellError(arguments.live || arguments.rules.paths.empty()
                  ? "give a capture, or --live"
                  : "give a capture, or --live; before `-r`, which takes all that follows it for rules");
    return kUsage;
  }
  std::string capture = arguments.capture;
  char temporary[] = "/tmp/sluice-learn-XXXXXX";
  if (arguments.live) {
    if (mkdtemp(temporary) == nullptr) {
      TellError(fmt::format("{}: cannot be made", temporary));
      return kHost;
    }
    capture = std::string(temporary) + "/capture";
    if (const int status = RecordEverything(capture, arguments.seconds); status != kFine) {
      std::filesystem::remove_all(temporary);
      return status;
    }
  }
  const int status = arguments.rule.empty()
                         ? LearnRules(arguments, capture, arguments.live ? "this host" : capture)
                         : LearnExceptions(arguments, capture);
  if (arguments.live) std::filesystem::remove_all(temporary);
  return status;
}

}  // namespace

Verb AddLearn(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("CAPTURE", arguments->capture, "What `sluice record` wrote, best without rules")
      ->type_name("");
  CLI::Option* live =
      app.add_flag("--live", arguments->live, "Watch this host instead, until interrupted. Needs root");
  app.add_option("--for", arguments->seconds, "--live: end after so many seconds")
      ->type_name("SECONDS")
      ->needs(live);
  app.add_option("--program", arguments->programs,
                 "Only programs whose path PATTERN matches (`/usr/sbin/*`). Repeats")
      ->type_name("PATTERN")
      ->expected(1)
      ->take_all();
  CLI::Option* rules = AddRulesOption(app, arguments->rules)->required(false);
  app.add_option("--exceptions-for", arguments->rule,
                 "The rule RULE of -r, with exceptions for what it fires on")
      ->type_name("RULE")
      ->needs(rules);
  app.footer(
      "Prints .rule text, proven by a replay: it compiles, and is silent on what it was learned from.");
  return [arguments] { return Learn(*arguments); };
}

}  // namespace sluice::cli
