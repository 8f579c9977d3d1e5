// config.h - what verbs that read a configuration share.
#pragma once

#include <optional>
#include <string>

#include "cli/rules.h"
#include "runtime/config/config.h"

namespace CLI {
class App;
}

namespace sluice::cli {

void AddConfigOption(CLI::App& app, std::string& path);  // -c FILE

// The defaults without a path. Nothing after a fault that has been told: then `status` is set.
std::optional<config::Config> ReadConfig(const std::string& path, int& status);

// The same for a verb that needs rules: the command line's, or the configuration's, which are put into `rules`.
std::optional<config::Config> ReadConfig(const std::string& path, RuleArguments& rules, int& status);

}  // namespace sluice::cli
