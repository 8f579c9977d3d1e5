// explain.cc - sluice explain FILE...: where each predicate is decided, and why.
#include "compiler/explain.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "runtime/load/blind_spots.h"
#include "runtime/load/companions.h"
#include "runtime/load/lsm_hooks.h"

namespace sluice::cli {
namespace {

struct Arguments {
  RuleArguments rules;
  std::string stage;
  std::string format = "text";
};

int Explain(const Arguments& arguments) {
  const bool json = arguments.format == "json";
  int status = kFine;
  const TestFiles tests = arguments.stage == "parse" ? TestFiles::kTake : TestFiles::kSkip;
  const std::unique_ptr<Compilation> compilation = ReadRules(arguments.rules, tests, status);
  if (compilation == nullptr) return status;
  const bool acceptable = TellDiagnostics(*compilation, arguments.rules);
  if (!arguments.stage.empty()) {
    // The stages before a fault can be looked at all the same.
    const std::optional<std::string> text =
        json ? StageJson(*compilation, arguments.stage) : PrintStage(*compilation, arguments.stage);
    if (text.has_value()) fmt::print("{}", *text);
    return acceptable ? kFine : kRulesFailed;
  }
  if (!acceptable) return kRulesFailed;
  Tell(load::MissingHooksText(compilation->partition, load::MissingHooks()));
  Tell(load::UnseenCallsText(load::CallsWithoutFunction(compilation->kernel.companions)));
  fmt::print("{}", json ? ExplainJson(*compilation) : ExplainText(*compilation));
  return kFine;
}

}  // namespace

Verb AddExplain(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  arguments->rules.keeps_stages = true;
  app.add_option("FILE", arguments->rules.paths, "Rule files; a folder stands for the .rule files below it")
      ->required()
      ->type_name("");
  app.add_option("--emit", arguments->stage, "What a stage of the compiler made of the rules")
      ->type_name("STAGE")
      ->check(CLI::IsMember({"parse", "check", "norm", "split", "kplan", "uplan"}));
  app.add_option("--format", arguments->format, "Form of the explanation or of the stage")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  AddWarningsOption(app, arguments->rules);
  return [arguments] { return Explain(*arguments); };
}

}  // namespace sluice::cli
