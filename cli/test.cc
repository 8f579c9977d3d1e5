// test.cc - sluice test PATH...: the tests of rules, each judged three ways.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "harness/live.h"
#include "harness/mutate.h"
#include "harness/report.h"
#include "runtime/load/kernel.h"
#include "runtime/reload.h"

namespace sluice::cli {
namespace {

struct Arguments {
  std::vector<std::string> paths;
  std::vector<std::string> filters;
  harness::ReportOptions report;
  size_t jobs = 0;
  uint64_t seed = 0;
  bool shuffle = false, watch = false, verbose = false;
  bool coverage = false, mutate = false, live = false;
  unsigned time_limit_s = 30;  // of one trigger
  std::string lcov, html;
  double fail_under = 0;

  bool WantsCoverage() const { return coverage || !lcov.empty() || !html.empty() || fail_under > 0; }
};

// `word` holds `pattern`; with `*` or `?` in it, it is a shell pattern over the whole.
bool Matches(const std::string& pattern, const std::string& word) {
  if (pattern.find_first_of("*?") == std::string::npos) return word.find(pattern) != std::string::npos;
  size_t p = 0, w = 0, star = std::string::npos, mark = 0;
  while (w < word.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == word[w])) {
      ++p, ++w;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++, mark = w;
    } else if (star != std::string::npos) {
      p = star + 1, w = ++mark;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string::npos;
}

bool IsWanted(const harness::Suite& suite, const harness::Case& test,
              const std::vector<std::string>& filters) {
  if (filters.empty()) return true;
  const std::string file(suite.files().name(test.test->name.span.file));
  return std::any_of(filters.begin(), filters.end(), [&](const std::string& filter) {
    if (Matches(filter, test.test->name.text) || Matches(filter, file)) return true;
    return std::any_of(test.rules.begin(), test.rules.end(), [&](const auto& rule) {
      return rule && Matches(filter, suite.rule(*rule).rule.name.text);
    });
  });
}

// Errors of rules and tests; warnings are `check`'s affair. False when there were any.
bool TellFaults(const diag::Diagnostics& diagnostics, const source::Files& files,
                const Arguments& arguments) {
  if (diagnostics.ok()) return true;
  fmt::print("{}", harness::RenderFaults(diagnostics, files, arguments.report.format));
  diag::Diagnostics errors;
  for (const diag::Diagnostic& diagnostic : diagnostics.all()) {
    if (diag::RowOf(diagnostic.code).severity != diag::Severity::kError) continue;
    errors.Add(diagnostic.code, diagnostic.primary.span, diagnostic.message) = diagnostic;
  }
  Tell(diag::RenderText(errors, files, ColourOn(STDERR_FILENO)));
  return false;
}

bool Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file.fail()) return true;
  TellError(fmt::format("{}: cannot be written", path));
  return false;
}

// The text goes where the results go, unless machines read those.
int TellCoverage(const harness::Coverage& coverage, const Arguments& arguments) {
  const bool text = arguments.report.format == harness::Format::kText;
  if (arguments.coverage) fmt::print(text ? stdout : stderr, "{}", harness::CoverageText(coverage));
  if (!arguments.lcov.empty() && !Write(arguments.lcov, harness::CoverageLcov(coverage))) return kUsage;
  if (!arguments.html.empty() && !Write(arguments.html, harness::CoverageHtml(coverage))) return kUsage;
  if (coverage.Percent() >= arguments.fail_under) return kFine;
  TellError(fmt::format("coverage is {:.2f} %, less than {} %", coverage.Percent(), arguments.fail_under));
  return kRulesFailed;
}

// A test that fails already catches anything.
void TellMutants(const harness::Suite& suite, const std::vector<size_t>& order,
                 const std::vector<harness::Result>& results, const Arguments& arguments) {
  if (!std::all_of(results.begin(), results.end(), [](const auto& result) { return result.passed(); })) {
    TellError("--mutate needs tests that pass");
    return;
  }
  const bool text = arguments.report.format == harness::Format::kText;
  fmt::print(text ? stdout : stderr, "{}",
             harness::MutantsText(suite, harness::TryMutants(suite, order, arguments.jobs),
                                  ColourOn(text ? STDOUT_FILENO : STDERR_FILENO)));
}

std::atomic<bool> interrupted = false;

// The triggers of the tests, in place of their events.
int RunTriggers(const harness::Suite& suite, const std::vector<std::string>& files,
                const std::vector<size_t>& order, const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const auto host = [](const source::Status& status) {
    TellError(status);
    return kHost;
  };
  if (std::none_of(order.begin(), order.end(),
                   [&](size_t i) { return suite.cases[i].test->trigger.has_value(); })) {
    TellError("no test has a `trigger:`");
    return kUsage;
  }
  if (const source::Status can = load::ProbeHost(); !can.ok()) return host(can);
  auto rules = CompileFiles(files, {});
  if (!rules.ok()) return host(rules.status());
  if (const source::Status usable = Usable(**rules); !usable.ok()) {
    TellError(usable);
    return kRulesFailed;
  }
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { interrupted = true; });
  harness::LiveOptions options{.limit = std::chrono::seconds(arguments.time_limit_s), .stop = &interrupted};
  const auto run = harness::RunLive(suite, std::move(*rules), order, options);
  if (!run.ok()) return host(run.status());
  fmt::print("{}", harness::Render(suite, run->results, arguments.report));
  std::fflush(stdout);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  Tell(fmt::format("live: {}{} without a trigger; took {:.1f} s\n", harness::Summary(run->results, {}, false),
                   Count(order.size() - run->results.size(), "test"), took.count()));
  if (run->lost > 0)
    Tell(fmt::format("warning: {} did not fit the buffer; a rule may have fired unseen\n",
                     Count(run->lost, "record")));
  if (interrupted) TellError("interrupted");
  const bool passed =
      std::all_of(run->results.begin(), run->results.end(), [](const auto& r) { return r.passed(); });
  return passed && !interrupted ? kFine : kRulesFailed;
}

// `captures`: gets the files that tests name; may be null.
int RunTests(const Arguments& arguments, std::set<std::string>* captures = nullptr) {
  const auto begin = std::chrono::steady_clock::now();
  const auto unreadable = [](const source::Status& status) {
    TellError(status);
    return kUsage;
  };
  const auto files = RuleFiles(arguments.paths, TestFiles::kTake);
  if (!files.ok()) return unreadable(files.status());
  const auto read = harness::ReadSuite(*files);
  if (!read.ok()) return unreadable(read.status());
  const harness::Suite& suite = **read;
  if (captures != nullptr) *captures = harness::CapturesOf(*suite.live);
  if (!TellFaults(suite.live->diagnostics, suite.live->files, arguments)) return kRulesFailed;
  if (!TellFaults(suite.diagnostics, suite.files(), arguments)) return kRulesFailed;
  std::vector<size_t> order;
  for (size_t i = 0; i < suite.cases.size(); ++i) {
    if (IsWanted(suite, suite.cases[i], arguments.filters)) order.push_back(i);
  }
  if (order.empty()) {
    TellError(suite.cases.empty() ? "there is no test" : "no test matches --filter");
    return kUsage;
  }
  if (arguments.shuffle) std::shuffle(order.begin(), order.end(), std::mt19937_64(arguments.seed));
  if (arguments.live) return RunTriggers(suite, *files, order, arguments);
  harness::KernelCount kernel;
  std::optional<harness::Coverage> coverage;
  if (arguments.WantsCoverage()) coverage.emplace(suite);
  const std::vector<harness::Result> results =
      harness::RunAll(suite, order, arguments.jobs, arguments.seed, kernel, coverage ? &*coverage : nullptr);
  fmt::print("{}", harness::Render(suite, results, arguments.report));
  if (arguments.mutate) TellMutants(suite, order, results, arguments);
  const int covered = coverage ? TellCoverage(*coverage, arguments) : static_cast<int>(kFine);
  std::fflush(stdout);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  Tell(fmt::format("{}took {:.2f} s{}\n", harness::Summary(results, kernel, arguments.verbose), took.count(),
                   arguments.shuffle ? fmt::format("; --seed {}", arguments.seed) : ""));
  const bool passed = std::all_of(results.begin(), results.end(), [](const auto& r) { return r.passed(); });
  if (covered == kUsage) return covered;
  return passed ? covered : kRulesFailed;
}

// What the paths hold and the captures of their tests, to see that something was written.
using Look = std::map<std::string, std::pair<std::filesystem::file_time_type, uintmax_t>>;

Look LookAt(const std::vector<std::string>& paths, const std::set<std::string>& captures) {
  Look look;
  const auto files = RuleFiles(paths, TestFiles::kTake);
  const auto take = [&look](const std::string& file) {
    std::error_code error;
    look[file] = {std::filesystem::last_write_time(file, error), std::filesystem::file_size(file, error)};
  };
  for (const std::string& file : files.ok() ? *files : paths) take(file);
  for (const std::string& file : captures) take(file);
  return look;
}

int Watch(const Arguments& arguments) {
  std::set<std::string> captures;
  while (true) {
    Look before = LookAt(arguments.paths, captures);
    if (isatty(STDOUT_FILENO) == 1) fmt::print("\x1b[H\x1b[2J\x1b[3J");
    RunTests(arguments, &captures);
    before.merge(LookAt({}, captures));  // of those that were not known
    Tell("watching; a change runs the tests again\n");
    while (LookAt(arguments.paths, captures) == before)
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

}  // namespace

Verb AddTest(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("PATH", arguments->paths,
                 "Rules and tests: .rule files, Falco's YAML; a folder stands for the .rule files below it")
      ->required()
      ->type_name("");
  app.add_option("--filter", arguments->filters,
                 "Only tests whose name, file or rule holds PATTERN; `*` and `?` make it a shell pattern")
      ->type_name("PATTERN")
      ->expected(1)
      ->take_all();
  const std::map<std::string, harness::Format> formats = {{"text", harness::Format::kText},
                                                          {"tap", harness::Format::kTap},
                                                          {"junit", harness::Format::kJunit},
                                                          {"github", harness::Format::kGithub}};
  app.add_option("--format", arguments->report.format, "text, tap, junit or github; on stdout")
      ->type_name("FORMAT")
      ->option_text("text|tap|junit|github")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  app.add_option("-j,--jobs", arguments->jobs, "Threads; as many as there are processors")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  CLI::Option* seed =
      app.add_option("--seed", arguments->seed, "Run in the order that N gives")->type_name("N");
  app.add_flag("--shuffle", arguments->shuffle, "Run in an order of chance, and say its seed");
  app.add_flag("--watch", arguments->watch, "Run again whenever a file changes, until interrupted");
  app.add_flag("-q,--quiet", arguments->report.quiet, "text: only what fails");
  app.add_flag("-v,--verbose", arguments->verbose, "Say why verdicts of the kernel plan were left out");
  app.add_flag("--coverage", arguments->coverage,
               "Say which rules never fired and which predicates were not seen true and false");
  app.add_flag(
      "--mutate", arguments->mutate,
      "Change the conditions a little, one change at a time, and list the changes that no test catches");
  CLI::Option* live = app.add_flag(
      "--live", arguments->live,
      "Run the tests' triggers under this host's kernel and compare its alerts. They change the host: for "
      "a machine that is thrown away. Needs root");
  app.add_option("--time-limit", arguments->time_limit_s, "--live: seconds that one trigger may take")
      ->type_name("SECONDS")
      ->needs(live)
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  app.add_option("--lcov", arguments->lcov, "Coverage as LCOV's tracefile")->type_name("FILE");
  app.add_option("--html", arguments->html, "Coverage as a page: the rules, coloured")->type_name("FILE");
  app.add_option("--fail-under", arguments->fail_under, "Fail when fewer percent of the outcomes were seen")
      ->type_name("PERCENT")
      ->check(CLI::Range(0.0, 100.0));
  for (const char* other : {"--coverage", "--mutate", "--watch", "--lcov", "--html", "--fail-under"})
    live->excludes(app.get_option(other));
  return [arguments, seed] {
    if (arguments->jobs == 0) arguments->jobs = std::max(1u, std::thread::hardware_concurrency());
    if (seed->count() > 0) {
      arguments->shuffle = true;
    } else if (arguments->shuffle) {
      arguments->seed = std::random_device()();
    }
    arguments->report.colour = ColourOn(STDOUT_FILENO);
    return arguments->watch ? Watch(*arguments) : RunTests(*arguments);
  };
}

}  // namespace sluice::cli
