// rules.h - what verbs that read rules share: the arguments, the compilation, the complaints.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "runtime/rule_files.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sluice::cli {

struct RuleArguments {
  std::vector<std::string> paths;  // files and folders
  std::vector<std::string> warnings;
  bool keeps_stages = false;   // for verbs that print them
  bool results_known = false;  // events are written ones and may carry the call's result

  Options CompileOptions() const;
};

CLI::Option* AddRulesOption(CLI::App& app, RuleArguments& arguments);  // -r FILE..., required
void AddWarningsOption(CLI::App& app, RuleArguments& arguments);       // -W error

// Reads and compiles; rules may have errors, see ok(). Null after a fault that has been told: then `status`
// is set.
std::unique_ptr<Compilation> ReadRules(const RuleArguments& arguments, TestFiles tests, int& status);

// Tells diagnostics on stderr. False when they stop the verb: errors, or warnings under -W error.
bool TellDiagnostics(const Compilation& compilation, const RuleArguments& arguments);
bool Acceptable(const Compilation& compilation, const RuleArguments& arguments);

// ReadRules and TellDiagnostics: null unless the rules can be used.
std::unique_ptr<Compilation> CompileRules(const RuleArguments& arguments, int& status);

// On stderr; a reader that went away is no reason to stop. REQUIRES: SIGPIPE is ignored where that matters.
void Tell(std::string_view text);
// One line on stderr.
void TellError(std::string_view text);
void TellError(const source::Status& status);
std::string_view MessageOf(const source::Status& status);
bool ColourOn(int fd);

std::string Count(size_t number, std::string_view noun);  // "1 rule", "2 rules"

}  // namespace sluice::cli
