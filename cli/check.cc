// check.cc - sluice check FILE...: compile, tell what is wrong.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "harness/suite.h"

namespace sluice::cli {
namespace {

struct Arguments {
  RuleArguments rules;
  std::string format = "text";
};

int Check(const Arguments& arguments) {
  int status = kFine;
  const std::unique_ptr<Compilation> compilation = ReadRules(arguments.rules, TestFiles::kTake, status);
  if (compilation == nullptr) return status;
  harness::CheckTests(*compilation);
  if (arguments.format != "text") {
    const auto render = arguments.format == "json" ? diag::RenderJson : diag::RenderSarif;
    fmt::print("{}\n", render(compilation->diagnostics, compilation->files));
    return Acceptable(*compilation, arguments.rules) ? kFine : kRulesFailed;
  }
  if (!TellDiagnostics(*compilation, arguments.rules)) return kRulesFailed;
  const Written& written = compilation->written;
  std::string text = fmt::format("{}, {}, {}", Count(written.rules, "rule"), Count(written.macros, "macro"),
                                 Count(written.lists, "list"));
  if (written.tests != 0) text += ", " + Count(written.tests, "test");
  const size_t warnings = compilation->diagnostics.warnings();
  Tell(fmt::format("{}: ok{}\n", text, warnings == 0 ? "" : ", with " + Count(warnings, "warning")));
  return kFine;
}

}  // namespace

Verb AddCheck(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("FILE", arguments->rules.paths, "Rule files; a folder stands for the .rule files below it")
      ->required()
      ->type_name("");
  app.add_option("--format", arguments->format, "Form of the diagnostics; json and sarif go to stdout")
      ->check(CLI::IsMember({"text", "json", "sarif"}))
      ->capture_default_str();
  AddWarningsOption(app, arguments->rules);
  return [arguments] { return Check(*arguments); };
}

}  // namespace sluice::cli
