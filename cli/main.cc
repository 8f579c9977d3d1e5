// main.cc - verbs, options and exit statuses; the only place that sees exceptions (CLI11 throws).
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/diag.h"

namespace {

using sluice::cli::Verb;

struct VerbRow {
  const char* name;
  const char* help;
  Verb (*add)(CLI::App& app);
};

constexpr VerbRow kVerbs[] = {
    {"check", "Compile rules and tell what is wrong with them", sluice::cli::AddCheck},
    {"explain", "Where each predicate of a rule is decided, and why; any stage of the compiler",
     sluice::cli::AddExplain},
    {"eval", "Judge one condition on one event, or a file of both", sluice::cli::AddEval},
    {"test", "Run the tests of rules, each judged three ways", sluice::cli::AddTest},
    {"record", "Keep what the kernel sends, in a capture", sluice::cli::AddRecord},
    {"learn", "Rules that say when a program does something new; exceptions for a noisy rule",
     sluice::cli::AddLearn},
    {"diff", "Which alerts of a capture a change of rules adds and removes", sluice::cli::AddDiff},
    {"replay", "Judge a capture or a stream of JSON events; alerts as JSON lines", sluice::cli::AddReplay},
    {"run", "Watch this host: raise alerts, deny and kill", sluice::cli::AddRun},
    {"fmt", "Lay rules out in the one way; meaning and comments stay", sluice::cli::AddFmt},
    {"import", "Print Falco's YAML rules as .rule text", sluice::cli::AddImport},
    {"config", "Check a configuration file", sluice::cli::AddConfig},
    {"status", "How the running agent is doing", sluice::cli::AddStatus},
    {"audit", "Switch the running agent between audit and enforcement", sluice::cli::AddAudit},
    {"stop", "End the running agent in an orderly way", sluice::cli::AddStop},
    {"top", "Rules by matches and by cost, hooks by rate, second by second", sluice::cli::AddTop},
    {"unpin", "Take away the mitigations that an agent which has ended left in force", sluice::cli::AddUnpin},
    {"fields", "Every field: its type, where it is supplied, where it can be decided",
     sluice::cli::AddFields},
};

// What a verb printed is there, or its status says that it is not.
int Flushed(int status) {
  const bool failed = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed) return status;
  sluice::cli::TellError(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
  return status == sluice::cli::kFine ? static_cast<int>(sluice::cli::kHost) : status;
}

int RunVerb(int argc, char** argv) {
  CLI::App app("Detection and prevention for Linux hosts: rules are compiled into the kernel.", "sluice");
  app.set_version_flag("--version", "sluice " SLUICE_VERSION);
  app.footer(
      "`sluice VERB --help` says more. Exit status: 0 fine, 1 rules failed, 2 wrong "
      "usage or unreadable file,\n3 the host cannot do it.");
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, Verb>> verbs;
  for (const VerbRow& row : kVerbs) {
    CLI::App* verb = app.add_subcommand(row.name, row.help);
    verbs.emplace_back(verb, row.add(*verb));
  }
  std::vector<std::string_view> names;
  for (const VerbRow& row : kVerbs) names.emplace_back(row.name);
  if (argc > 1 && argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end()) {
    const std::string nearest = sluice::diag::Nearest(argv[1], names);
    sluice::cli::TellError(fmt::format(
        "there is no verb `{}`; {}", argv[1],
        nearest.empty() ? "`sluice --help` lists them" : fmt::format("did you mean `{}`?", nearest)));
    return sluice::cli::kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;  // --help, --version
    if (!asked && argc == 1) {
      sluice::cli::Tell(app.help());
      return sluice::cli::kUsage;
    }
    if (asked) {
      app.exit(error, std::cout, std::cerr);
    } else {
      sluice::cli::TellError(
          fmt::format("{}; `sluice {}--help` says more", error.what(),
                      app.get_subcommands().empty() ? "" : app.get_subcommands().front()->get_name() + " "));
    }
    return asked ? sluice::cli::kFine : sluice::cli::kUsage;
  }
  for (const auto& [verb, run] : verbs) {
    if (verb->parsed()) return Flushed(run());
  }
  return sluice::cli::kUsage;
}

std::terminate_handler abort_with_a_message;

// As main() does, for the other threads. Needs no memory itself.
[[noreturn]] void EndForLackOfMemory() {
  try {
    if (std::current_exception() != nullptr) throw;
  } catch (const std::bad_alloc&) {
    constexpr std::string_view kText = "sluice: error: cannot go on: std::bad_alloc\n";
    [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, kText.data(), kText.size());
    _exit(sluice::cli::kHost);
  } catch (...) {
  }
  abort_with_a_message();
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  // The default, but fixed: it grows with every large block that is freed, and what a compiler's stage frees would then
  // stay here. A load of 10,000 rules takes 5 MB less at its peak.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
  abort_with_a_message = std::set_terminate(EndForLackOfMemory);
  try {
    return RunVerb(argc, argv);
  } catch (const std::exception& error) {
    sluice::cli::TellError(fmt::format("cannot go on: {}", error.what()));
    return sluice::cli::kHost;
  }
}
