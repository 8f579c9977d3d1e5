#include "cli/rules.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "runtime/alert/text.h"

namespace sluice::cli {

Options RuleArguments::CompileOptions() const {
  Options options;
  options.warnings_are_errors = !warnings.empty();
  options.check.results_known = results_known;
  options.keeps_stages = keeps_stages;
  return options;
}

CLI::Option* AddRulesOption(CLI::App& app, RuleArguments& arguments) {
  return app
      .add_option("-r,--rules", arguments.paths, "Rule files; a folder stands for the .rule files below it")
      ->required()
      ->type_name("FILE");
}

void AddWarningsOption(CLI::App& app, RuleArguments& arguments) {
  app.add_option("-W", arguments.warnings, "`-W error`: a warning is an error")
      ->expected(1)
      ->type_name("error")
      ->check(CLI::IsMember({"error"}));
}

void Tell(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

void TellError(std::string_view text) {
  std::string told = "sluice: error: ";
  for (size_t at = 0; at <= text.size();) {  // the kernel's own words come as lines of their own
    const size_t end = std::min(text.find('\n', at), text.size());
    told += alert::Printable(text.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  Tell(told);
}

void TellError(const source::Status& status) { TellError(MessageOf(status)); }

std::string_view MessageOf(const source::Status& status) {
  const absl::string_view message = status.message();  // another type than std::string_view
  return {message.data(), message.size()};
}

bool ColourOn(int fd) {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  return !set("NO_COLOR") && (set("CLICOLOR_FORCE") || isatty(fd) == 1);
}

std::string Count(size_t number, std::string_view noun) {
  return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::unique_ptr<Compilation> ReadRules(const RuleArguments& arguments, TestFiles tests, int& status) {
  const auto told = [&status](const source::Status& fault) {
    TellError(fault);
    status = kUsage;
    return nullptr;
  };
  source::Result<std::vector<std::string>> files = RuleFiles(arguments.paths, tests);
  if (!files.ok()) return told(files.status());
  source::Result<std::unique_ptr<Compilation>> compiled = CompileFiles(*files, arguments.CompileOptions());
  if (!compiled.ok()) return told(compiled.status());
  return std::move(*compiled);
}

bool Acceptable(const Compilation& compilation, const RuleArguments& arguments) {
  return compilation.ok() && (arguments.warnings.empty() || compilation.diagnostics.warnings() == 0);
}

bool TellDiagnostics(const Compilation& compilation, const RuleArguments& arguments) {
  Tell(diag::RenderText(compilation.diagnostics, compilation.files, ColourOn(STDERR_FILENO)));
  if (Acceptable(compilation, arguments)) return true;
  if (compilation.ok()) TellError("a warning is an error under `-W error`");
  return false;
}

std::unique_ptr<Compilation> CompileRules(const RuleArguments& arguments, int& status) {
  std::unique_ptr<Compilation> compilation = ReadRules(arguments, TestFiles::kSkip, status);
  if (compilation == nullptr || TellDiagnostics(*compilation, arguments)) return compilation;
  status = kRulesFailed;
  return nullptr;
}

}  // namespace sluice::cli
