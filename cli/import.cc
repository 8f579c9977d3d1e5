// import.cc - sluice import FALCO.yaml: Falco's rules as .rule text.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <unordered_set>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/fmt/format.h"
#include "compiler/fmt/write.h"

namespace sluice::cli {
namespace {

// Rules that skip-if-unknown-filter leaves out: the text has no key for it, and would not compile with them.
void RemoveSkipped(const Compilation& compilation, ast::RuleSet& rules) {
  std::unordered_set<std::string_view> compiled;
  for (const check::CheckedRule& rule : compilation.partition.normal.checked.rules)
    compiled.insert(rule.rule.name.text);
  std::erase_if(rules.rules, [&](const ast::Rule& rule) {
    return rule.skip_if_unknown_field && rule.enabled && compiled.count(rule.name.text) == 0;
  });
}

int Import(const RuleArguments& arguments) {
  int status = kFine;
  const std::unique_ptr<Compilation> compilation = ReadRules(arguments, TestFiles::kSkip, status);
  if (compilation == nullptr) return status;
  if (!TellDiagnostics(*compilation, arguments)) return kRulesFailed;
  ast::RuleSet rules = compilation->ast;
  RemoveSkipped(*compilation, rules);
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
  app.add_option("FALCO.yaml", arguments->paths, "Falco's rule files, in the order in which Falco loads them")
      ->required()
      ->type_name("");
  return [arguments] { return Import(*arguments); };
}

}  // namespace sluice::cli
