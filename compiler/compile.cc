#include "compiler/compile.h"

#include <fmt/format.h>
#include <malloc.h>

#include <unordered_set>
#include <utility>

#include "compiler/falco/falco.h"
#include "compiler/norm/normal.h"

namespace sluice {
namespace {

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool IsFalcoYaml(std::string_view name) { return EndsWith(name, ".yaml") || EndsWith(name, ".yml"); }

// Every file into one tree: .rule files as they come, Falco's after them (a later file there may change an
// earlier one, but no .rule file).
void ParseAll(const std::vector<source::FileId>& ids, const parse::Limits& limits, Compilation& compilation) {
  for (const source::FileId id : ids) {
    if (!IsFalcoYaml(compilation.files.name(id)))
      parse::Parse(compilation.files, id, limits, compilation.ast, compilation.diagnostics);
  }
  falco::Loader falco(compilation.files, limits, compilation.diagnostics, &compilation.ast);
  for (const source::FileId id : ids) {
    if (IsFalcoYaml(compilation.files.name(id))) falco.Add(id);
  }
  falco.Finish(compilation.ast);
}

void WarnOfNoRule(const std::vector<source::FileId>& ids, Compilation& compilation) {
  std::string where = fmt::format("{} files", ids.size());
  if (ids.size() == 1) where = fmt::format("`{}`", compilation.files.name(ids.front()));
  compilation.diagnostics.Add(diag::Code::W206, {}, fmt::format("There is no rule in {}", where)).help =
      "declare one: `rule \"NAME\" { ... }`";
}

// Gives back the pages that a stage no longer uses, before the next one takes more.
void GiveBack(const Compilation& compilation) {
  constexpr size_t kManyRules = 1000;
  if (compilation.written.rules >= kManyRules) malloc_trim(0);
}

// Each stage makes what it can of its input, faults or not, so that one run reports all of them.
void Compile(const std::vector<source::FileId>& ids, const Options& options, Compilation& compilation) {
  diag::Diagnostics& diagnostics = compilation.diagnostics;
  compilation.sources = ids;
  ParseAll(ids, options.parse, compilation);
  ast::RuleSet& ast = compilation.ast;
  compilation.written = {ast.rules.size(), ast.macros.size(), ast.lists.size(), ast.tests.size()};
  check::AddMembers(options.members, ast);
  compilation.members = options.members;
  const bool keeps_ast =
      options.keeps_stages || !ast.tests.empty();  // tests are looked at beside their rules
  check::CheckedRules checked = keeps_ast ? check::Check(ast, options.check, diagnostics)
                                          : check::Check(std::move(ast), options.check, diagnostics);
  if (compilation.written.rules == 0 && diagnostics.ok()) WarnOfNoRule(ids, compilation);
  GiveBack(compilation);
  norm::NormalRules normal = norm::Normalize(std::move(checked), diagnostics, !options.keeps_stages);
  split::Budget budget = options.split;
  budget.tells_decisions = options.keeps_stages;
  compilation.partition = split::Split(std::move(normal), budget, diagnostics);
  GiveBack(compilation);
  compilation.user = options.keeps_stages ? uplan::LowerUser(compilation.partition)
                                          : uplan::LowerUserDropping(compilation.partition);
  GiveBack(compilation);
  compilation.kernel = kplan::LowerKernel(compilation.partition, diagnostics);
}

}  // namespace

source::Result<std::unique_ptr<Compilation>> CompileFiles(const std::vector<std::string>& paths,
                                                          const Options& options) {
  auto compilation = std::make_unique<Compilation>();
  std::vector<source::FileId> ids;
  for (const std::string& path : paths) {
    const source::Result<source::FileId> id = compilation->files.Read(path);
    if (!id.ok()) return id.status();
    ids.push_back(*id);
  }
  Compile(ids, options, *compilation);
  return compilation;
}

std::unique_ptr<Compilation> CompileTexts(const std::vector<std::pair<std::string, std::string>>& texts,
                                          const Options& options) {
  auto compilation = std::make_unique<Compilation>();
  std::vector<source::FileId> ids;
  for (const auto& [name, text] : texts) ids.push_back(compilation->files.Add(name, text));
  Compile(ids, options, *compilation);
  return compilation;
}

std::vector<std::pair<std::string, std::string>> SourcesOf(const Compilation& compilation) {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const source::FileId id : compilation.sources)
    texts.emplace_back(compilation.files.name(id), compilation.files.text(id));
  return texts;
}

ast::RuleSet WithoutLeftOut(const Compilation& compilation) {
  const check::CheckedRules& checked = compilation.partition.normal.checked;
  const std::unordered_set<std::string_view> gone_rules(checked.left_out_rules.begin(),
                                                        checked.left_out_rules.end());
  const std::unordered_set<std::string_view> gone_macros(checked.left_out_macros.begin(),
                                                         checked.left_out_macros.end());
  ast::RuleSet rules = compilation.ast;
  std::erase_if(rules.rules, [&](const ast::Rule& rule) { return gone_rules.count(rule.name.text) != 0; });
  std::erase_if(rules.macros,
                [&](const ast::Macro& macro) { return gone_macros.count(macro.name.text) != 0; });
  return rules;
}

std::optional<std::string> PrintStage(const Compilation& compilation, std::string_view stage) {
  const norm::NormalRules& normal = compilation.partition.normal;
  if (stage == "parse") return ast::Print(compilation.ast);
  if (stage == "check") return check::Print(normal.checked);
  if (stage == "norm") return norm::Print(normal);
  if (stage == "split") return split::Print(compilation.partition);
  if (stage == "kplan") return kplan::Print(compilation.kernel, compilation.partition);
  if (stage == "uplan") return uplan::Print(compilation.user);
  return std::nullopt;
}

}  // namespace sluice
