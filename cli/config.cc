// config.cc - sluice config check FILE: what is wrong with a configuration file, before the agent reads it.
#include "cli/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "runtime/alert/text.h"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string path, environment;
};

std::string_view Stripped(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

// NAME=value lines as systemd reads them from a unit's EnvironmentFile, but for lines that go on after a backslash.
source::Status SetEnvironment(const std::string& path) {
  std::ifstream file(path);
  if (!file.good()) return absl::NotFoundError(fmt::format("{}: {}", path, std::strerror(errno)));
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    const std::string_view line = Stripped(text);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    const size_t equals = line.find('=');
    const bool goes_on = line.ends_with('\\');
    if (equals == std::string_view::npos || equals == 0 || goes_on) {
      return absl::InvalidArgumentError(
          fmt::format("{}:{}: {}", path, number,
                      goes_on ? "a line that goes on in the next is not read" : "no NAME=value"));
    }
    const std::string name(Stripped(line.substr(0, equals)));
    std::string_view value = Stripped(line.substr(equals + 1));
    const bool quoted =
        value.size() > 1 && value.front() == value.back() && (value[0] == '"' || value[0] == '\'');
    if (quoted) value = value.substr(1, value.size() - 2);
    setenv(name.c_str(), std::string(value).c_str(), 1);
  }
  if (file.bad()) return absl::UnavailableError(fmt::format("{}: cannot be read", path));
  return absl::OkStatus();
}

// Why a path of `rules` gives no rule here; empty: it does, or only the agent's user can tell.
std::string FaultOf(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0 && errno != EACCES) {
    return fmt::format("{}; `sluice run` does not start without it", std::strerror(errno));
  }
  const auto files = RuleFiles({path}, TestFiles::kSkip);
  if (absl::IsNotFound(files.status()))
    return fmt::format("{}; `sluice run` does not start with it", MessageOf(files.status()));
  return files.ok() && files->empty() ? "no .rule file below this folder" : "";
}

int Check(const Arguments& arguments) {
  if (!arguments.environment.empty()) {
    if (source::Status set = SetEnvironment(arguments.environment); !set.ok()) {
      TellError(set);
      return kUsage;
    }
  }
  int status = kFine;
  if (const std::optional<config::Config> config = ReadConfig(arguments.path, status)) {
    for (const std::string& path : config->rules) {
      const std::string fault = FaultOf(path);
      if (fault.empty()) continue;
      Tell(fmt::format("sluice: warning: {}: rules: {}: {}\n", alert::Printable(arguments.path),
                       alert::Printable(path), fault));
    }
    Tell(fmt::format("sluice: {}: {}, {}\n", arguments.path, Count(config->outputs.size(), "output"),
                     Count(config->rules.size(), "rule path")));
  }
  return status;
}

}  // namespace

void AddConfigOption(CLI::App& app, std::string& path) {
  app.add_option("-c,--config", path, "Configuration: outputs, rules and more, as YAML")->type_name("FILE");
}

std::optional<config::Config> ReadConfig(const std::string& path, int& status) {
  if (path.empty()) return config::Default();
  const source::Result<std::unique_ptr<config::Loaded>> loaded = config::Read(path);
  if (!loaded.ok()) {
    TellError(loaded.status());
    status = kUsage;
    return std::nullopt;
  }
  Tell(diag::RenderText((*loaded)->diagnostics, (*loaded)->files, ColourOn(STDERR_FILENO)));
  if ((*loaded)->diagnostics.ok()) return (*loaded)->config;
  status = kRulesFailed;
  return std::nullopt;
}

std::optional<config::Config> ReadConfig(const std::string& path, RuleArguments& rules, int& status) {
  std::optional<config::Config> config = ReadConfig(path, status);
  if (!config) return config;
  if (rules.paths.empty()) rules.paths = config->rules;
  if (config->warnings_are_errors) rules.warnings = {"error"};
  if (!rules.paths.empty()) return config;
  TellError("no rules are given: `--rules FILE`, or `rules` in the configuration");
  status = kUsage;
  return std::nullopt;
}

Verb AddConfig(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* check = app.add_subcommand("check", "Say what is wrong with a configuration file");
  check->add_option("FILE", arguments->path, "The configuration file")->required()->type_name("");
  check
      ->add_option("--env-file", arguments->environment,
                   "NAME=value lines for the `${NAME}` in it, as of a systemd unit")
      ->type_name("FILE");
  app.require_subcommand(1);
  return [arguments] { return Check(*arguments); };
}

}  // namespace sluice::cli
