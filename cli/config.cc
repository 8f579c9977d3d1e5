// config.cc - sluice config check FILE: what is wrong with a configuration file, before the agent reads it.
#include "cli/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>

#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "runtime/alert/text.h"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string path;
};

// Why a path of `rules` gives no rule here; empty: it does, or only the agent's user can tell.
std::string FaultOf(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0 && errno != EACCES) {
    return fmt::format("{}; `sluice run` does not start without it", std::strerror(errno));
  }
  const auto files = RuleFiles({path}, TestFiles::kSkip);
  return files.ok() && files->empty() ? "no .rule file below this folder" : "";
}

int Check(const Arguments& arguments) {
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
  app.require_subcommand(1);
  return [arguments] { return Check(*arguments); };
}

}  // namespace sluice::cli
