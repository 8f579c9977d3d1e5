// import.cc - sluice import FALCO.yaml: Falco's rules as .rule text.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/fmt/format.h"
#include "compiler/fmt/write.h"

namespace sluice::cli {
namespace {

int Import(const RuleArguments& arguments) {
  int status = kFine;
  const std::unique_ptr<Compilation> compilation = ReadRules(arguments, TestFiles::kSkip, status);
  if (compilation == nullptr) return status;
  if (!TellDiagnostics(*compilation, arguments)) return kRulesFailed;
  const ast::RuleSet rules = WithoutLeftOut(*compilation);
  source::Files files;
  diag::Diagnostics diagnostics;
  const source::FileId file = files.Add("imported", fmt_stage::Write(rules, compilation->files));
  const fmt_stage::Formatted formatted = fmt_stage::Format(files, file, {}, diagnostics);
  if (formatted.outcome != fmt_stage::Formatted::Outcome::kDone) {
    TellError("the rules cannot be written as .rule text");  // a fault of this program
    return kRulesFailed;
  }
  fmt::print("{}", formatted.text);
  return kFine;
}

}  // namespace

Verb AddImport(CLI::App& app) {
  auto arguments = std::make_shared<RuleArguments>();
  arguments->keeps_stages = true;
  app.add_option("FALCO.yaml", arguments->paths, "Falco's rule files, in the order in which Falco loads them")
      ->required()
      ->type_name("");
  return [arguments] { return Import(*arguments); };
}

}  // namespace sluice::cli
