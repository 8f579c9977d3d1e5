#include "harness/suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "compiler/check/results.h"
#include "compiler/check/terms.h"
#include "harness/kernel_subject.h"
#include "runtime/capture/reader.h"
#include "runtime/reload.h"

namespace sluice::harness {
namespace {

using check::Condition;
using check::RuleId;
using diag::Code;

template <typename Visit>
void ForEachPredicate(const Condition& condition, const Visit& visit) {
  if (condition.kind == Condition::Kind::kPredicate) visit(condition.predicate);
  for (const Condition& child : condition.children) ForEachPredicate(child, visit);
}

template <typename Visit>
void ForEachField(const check::Predicate& predicate, const Visit& visit) {
  check::ForEachField(predicate.left, visit);
  for (const check::Term& right : predicate.right) check::ForEachField(right, visit);
}

std::string CapturePath(const source::Files& files, const ast::Word& name) {
  const std::filesystem::path beside(files.name(name.span.file));
  return (beside.parent_path() / name.text).lexically_normal();
}

// Tests with their events written out and their rules found.
class CaseWriter {
 public:
  CaseWriter(const Compilation& compilation, diag::Diagnostics& diagnostics)
      : ast_(compilation.ast), files_(compilation.files), diagnostics_(diagnostics) {
    const check::CheckedRules& checked = compilation.partition.normal.checked;
    for (RuleId id = 0; id < checked.rules.size(); ++id) ids_.emplace(checked.rules[id].rule.name.text, id);
  }

  // None: the test has faults.
  std::optional<Case> Write(const ast::Test& test) {
    const size_t before = diagnostics_.errors();
    Case written;
    written.test = &test;
    written.events = WriteEvents(test, diagnostics_);
    if (test.capture) written.capture = CaptureOf(*test.capture);
    for (const ast::Expectation& expectation : test.expectations) {
      std::optional<RuleId>& rule = written.rules.emplace_back();
      if (ast::NamesRule(expectation.what)) rule = Find(expectation.rule);
    }
    if (diagnostics_.errors() != before) return std::nullopt;
    return written;
  }

 private:
  std::optional<RuleId> Find(const ast::Word& name) {
    const auto found = ids_.find(name.text);
    if (found != ids_.end()) return found->second;
    for (const ast::Rule& rule : ast_.rules) {
      if (rule.name.text != name.text) continue;
      auto& fault =
          diagnostics_.Add(Code::E503, name.span, fmt::format("The rule `{}` is not in force", name.text));
      fault.others.push_back({rule.name.span, rule.enabled ? "left out" : "`enabled: false`"});
      return std::nullopt;
    }
    auto& fault = diagnostics_.Add(Code::E503, name.span, fmt::format("There is no rule `{}`", name.text));
    std::vector<std::string_view> known;
    for (const auto& [rule, id] : ids_) known.push_back(rule);
    const std::string near = diag::Nearest(name.text, known);
    if (!near.empty()) {
      fault.help = fmt::format("did you mean `{}`?", near);
      fault.patches.push_back({name.span, fmt::format("\"{}\"", near)});
    } else {
      fault.help = "name the rule's file as well: `sluice test RULES TESTS`, or the folder of both";
    }
    return std::nullopt;
  }

  // The file itself is read when the test runs.
  std::string CaptureOf(const ast::Word& name) {
    std::string path = CapturePath(files_, name);
    if (const auto opened = capture::Reader::Open(path); !opened.ok()) {
      diagnostics_.Add(Code::E505, name.span, std::string(opened.status().message())).help =
          "`sluice record -o FILE` writes one; a relative name is looked for beside this file";
    }
    return path;
  }

  const ast::RuleSet& ast_;
  const source::Files& files_;
  diag::Diagnostics& diagnostics_;
  std::unordered_map<std::string_view, RuleId> ids_;
};

class SuiteBuilder {
 public:
  explicit SuiteBuilder(Suite& suite)
      : suite_(suite),
        live_(suite.live->partition.normal.checked),
        written_(suite.written->partition.normal.checked) {}

  void Build() {
    ReadFacts();
    CaseWriter writer(*suite_.written, suite_.diagnostics);
    for (const ast::Test& test : suite_.written->ast.tests) {
      if (std::optional<Case> written = writer.Write(test)) suite_.cases.push_back(std::move(*written));
    }
  }

 private:
  void ReadFacts() {
    std::unordered_map<std::string_view, const ast::Rule*> sources;
    for (const ast::Rule& rule : suite_.written->ast.rules) sources.insert_or_assign(rule.name.text, &rule);
    suite_.rules.resize(written_.rules.size());
    for (RuleId id = 0; id < written_.rules.size(); ++id) {
      suite_.rules[id].source = sources.at(written_.rules[id].rule.name.text);
      ForEachPredicate(written_.rules[id].condition, [&](check::PredicateId predicate) {
        ForEachField(written_.predicates[predicate],
                     [&](const check::FieldUse& use) { suite_.rules[id].fields.insert(use); });
      });
    }
    ReadFolded();
    for (const split::HookPartition& hook : suite_.live->partition.hooks) {
      for (const split::Entry& entry : hook.entries) {
        if (written_.rules[entry.rule].rule.action != ast::Action::kAlert)
          suite_.rules[entry.rule].clauses[hook.hook].push_back(entry.bit);
      }
    }
    for (const split::Decision& decision : suite_.live->partition.decisions) {
      if (decision.where != split::Decision::Where::kKernel) continue;
      ForEachField(live_.predicates[decision.predicate], [&](const check::FieldUse& use) {
        if (!IsKernelField(use, decision.hook))
          suite_.rules[decision.rule].unread.emplace(decision.hook, use.Name());
        if (decision.hook == SLUICE_HOOK_BPRM_COMMITTED)  // not where the model asks
          suite_.rules[decision.rule].unread.emplace(SLUICE_HOOK_BPRM_CHECK, use.Name());
      });
    }
  }

  void ReadFolded() {
    std::unordered_map<std::string, check::PredicateId> by_text;
    for (const check::Assumption& assumption : live_.assumptions) {
      if (by_text.empty()) {
        for (check::PredicateId id = 0; id < written_.predicates.size(); ++id)
          by_text.emplace(check::Print(written_.predicates[id]), id);
      }
      const auto found = by_text.find(assumption.predicate);
      if (found != by_text.end())
        suite_.rules[assumption.rule].folded.push_back({found->second, assumption.value});
    }
  }

  Suite& suite_;
  const check::CheckedRules& live_;
  const check::CheckedRules& written_;
};

}  // namespace

void CheckTests(Compilation& compilation) {
  if (!compilation.ok()) return;
  CaseWriter writer(compilation, compilation.diagnostics);
  for (const ast::Test& test : compilation.ast.tests) writer.Write(test);
}

std::set<std::string> CapturesOf(const Compilation& compilation) {
  std::set<std::string> paths;
  for (const ast::Test& test : compilation.ast.tests) {
    if (test.capture) paths.insert(CapturePath(compilation.files, *test.capture));
  }
  return paths;
}

source::Result<std::unique_ptr<Suite>> WithMembers(const Suite& suite, const check::SetMembers& members) {
  // Blanks for the tests, so that every span is where it was.
  auto texts = SourcesOf(*suite.live);
  for (const ast::Test& test : suite.written->ast.tests) {
    for (size_t i = 0; i < texts.size(); ++i) {
      if (suite.live->sources[i] == test.span.file)
        std::fill(texts[i].second.begin() + test.span.begin, texts[i].second.begin() + test.span.end, ' ');
    }
  }
  for (auto& [name, text] : texts) text.erase(text.find_last_not_of(" \n") + 1);
  auto grown = std::make_unique<Suite>();
  Options options;
  options.members = members;
  grown->live = CompileTexts(texts, options);
  options.check.results_known = true;
  grown->written = CompileTexts(texts, options);
  for (const Compilation* compiled : {grown->live.get(), grown->written.get()}) {
    if (!compiled->ok()) return Usable(*compiled);
  }
  grown->live_plan = std::make_shared<const uplan::UserPlan>(std::move(grown->live->user));
  grown->written_plan = std::make_shared<const uplan::UserPlan>(std::move(grown->written->user));
  SuiteBuilder(*grown).Build();
  return grown;
}

source::Result<std::unique_ptr<Suite>> ReadSuite(const std::vector<std::string>& files) {
  auto suite = std::make_unique<Suite>();
  auto live = CompileFiles(files, {});
  if (!live.ok()) return live.status();
  suite->live = std::move(*live);
  if (!suite->live->ok()) return suite;
  Options as_written;
  as_written.check.results_known = true;
  auto written = CompileFiles(files, as_written);
  if (!written.ok()) return written.status();
  suite->written = std::move(*written);
  const size_t rules = suite->written->partition.normal.checked.rules.size();
  if (!suite->written->ok() || rules != suite->live->partition.normal.checked.rules.size()) {
    return absl::UnavailableError("the files changed while they were read");
  }
  suite->live_plan = std::make_shared<const uplan::UserPlan>(std::move(suite->live->user));
  suite->written_plan = std::make_shared<const uplan::UserPlan>(std::move(suite->written->user));
  SuiteBuilder(*suite).Build();
  return suite;
}

}  // namespace sluice::harness
