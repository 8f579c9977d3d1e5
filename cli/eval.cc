// eval.cc - sluice eval CONDITION --event JSON: is it true of this event?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "compiler/diag/render.h"
#include "runtime/eval/evaluator.h"
#include "runtime/eval/json_event.h"

namespace sluice::cli {
namespace {

struct Arguments {
  std::string condition, event, batch;
};

// A condition that stands alone, compiled as rules are, but judged whatever the event's hook is.
class Condition {
 public:
  explicit Condition(const std::string& text) {
    const source::FileId file = files_.Add("condition", text);
    ast::Expr tree;
    if (!parse::ParseCondition(files_, file, {}, tree, diagnostics_) || !diagnostics_.ok()) return;
    check::Limits limits;
    limits.results_known = true;  // a written event may carry the call's result
    check::CheckedRules checked = check::CheckCondition(tree, limits, diagnostics_);
    if (!diagnostics_.ok() || checked.rules.empty()) return;
    split::Partition partition;
    partition.normal = norm::Normalize(std::move(checked), diagnostics_);
    if (!diagnostics_.ok()) return;
    // A condition without a step reads as true.
    never_ = partition.normal.conditions.front().kind == norm::Condition::Kind::kFalse;
    if (never_) return;
    evaluator_ = std::make_unique<eval::Evaluator>(
        std::make_shared<const uplan::UserPlan>(uplan::LowerUser(AtOneHook(std::move(partition)))));
  }

  bool ok() const { return evaluator_ != nullptr || never_; }
  std::string Text() const { return diag::RenderText(diagnostics_, files_, ColourOn(2)); }

  // The first error in one line.
  std::string FirstError() const {
    for (const diag::Diagnostic& diagnostic : diagnostics_.all()) {
      const diag::CodeRow& row = diag::RowOf(diagnostic.code);
      if (row.severity == diag::Severity::kError) return fmt::format("{} [{}]", diagnostic.message, row.name);
    }
    return "the condition does not compile";
  }

  eval::Truth Judge(const eval::Event& event) {
    if (never_) return eval::Truth::kFalse;
    evaluator_->Begin(event);
    return evaluator_->Evaluate(evaluator_->plan().hooks[SLUICE_HOOK_BPRM_CHECK].rules.front().whole);
  }

 private:
  // One hook stands for all: nothing is specialised to what a hook supplies, the event alone says what there
  // is.
  static split::Partition AtOneHook(split::Partition partition) {
    const norm::Condition& whole = partition.normal.conditions.front();
    split::HookPartition& hook = partition.hooks.emplace_back();
    hook.hook = SLUICE_HOOK_BPRM_CHECK;
    hook.bits.emplace_back();
    hook.entries.push_back({.rule = 0, .bit = 0, .residue = whole, .judge_whole = true});
    hook.whole.emplace_back(0, whole);
    return partition;
  }

  source::Files files_;
  diag::Diagnostics diagnostics_;
  bool never_ = false;  // it was found to be false of every event
  std::unique_ptr<eval::Evaluator> evaluator_;
};

std::string_view TruthText(eval::Truth truth) {
  if (truth == eval::Truth::kUnknown) return "error: the event does not say enough";
  return truth == eval::Truth::kTrue ? "true" : "false";
}

int EvalOne(const Arguments& arguments) {
  Condition condition(arguments.condition);
  Tell(condition.Text());
  if (!condition.ok()) return kRulesFailed;
  const auto event = eval::JsonEvent::Parse(arguments.event, 1);
  if (!event.ok()) {
    TellError(fmt::format("--event: {}", MessageOf(event.status())));
    return kUsage;
  }
  for (const std::string& key : (*event)->unknown_keys()) {
    Tell(fmt::format("sluice: warning: `{}` is no field that sluice knows; it is ignored\n", key));
  }
  fmt::print("{}\n", TruthText(condition.Judge(**event)));
  return kFine;
}

// Conditions come again and again in a batch; each is compiled once, unless there are very many.
class Batch {
 public:
  std::string Line(const std::string& line) {
    nlohmann::json json;
    if (const std::string fault = Parse(line, json); !fault.empty()) return "error: " + fault;
    if (!json.is_object() || !json.contains("condition") || !json["condition"].is_string() ||
        !json.contains("event") || !json["event"].is_object()) {
      return "error: a line is an object with the keys condition (a string) and event (an object)";
    }
    Condition& condition = Compiled(json["condition"].get<std::string>());
    if (!condition.ok()) return "error: " + condition.FirstError();
    const auto event = eval::JsonEvent::Parse(json["event"].dump(), 1);
    if (!event.ok()) return fmt::format("error: {}", MessageOf(event.status()));
    return std::string(TruthText(condition.Judge(**event)));
  }

 private:
  static std::string Parse(const std::string& line, nlohmann::json& json) {
    constexpr int kMaxDepth = 16;  // what is deeper is no event, and would be too deep to print
    bool deep = false;
    const auto within = [&deep](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
      deep = deep || depth > kMaxDepth;
      return !deep;
    };
    try {
      json = nlohmann::json::parse(line, within);
    } catch (const nlohmann::json::exception& fault) {
      const std::string_view what = fault.what();  // [json.exception.parse_error.101] parse error at ...
      return fmt::format("not JSON: {}", what.substr(std::min(what.find("] ") + 2, what.size())));
    }
    return deep ? "the line is nested too deeply" : "";
  }

  Condition& Compiled(const std::string& text) {
    if (compiled_.size() >= 10'000) compiled_.clear();
    std::unique_ptr<Condition>& condition = compiled_[text];
    if (condition == nullptr) condition = std::make_unique<Condition>(text);
    return *condition;
  }

  std::unordered_map<std::string, std::unique_ptr<Condition>> compiled_;
};

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

int EvalBatch(const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& lines = path == "-" ? std::cin : file;
  if (!lines || (lines.peek() == EOF && lines.bad())) {  // a folder opens, and fails when it is read
    TellError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    return kUsage;
  }
  Batch batch;
  int status = kFine;
  for (std::string line; std::getline(lines, line);) {
    const std::string verdict = OneLine(batch.Line(line));
    if (verdict.starts_with("error")) status = kRulesFailed;
    fmt::print("{}\n", verdict);
  }
  return status;
}

int Eval(const Arguments& arguments) {
  const bool one = !arguments.condition.empty() || !arguments.event.empty();
  if (arguments.batch.empty() ? arguments.condition.empty() || arguments.event.empty() : one) {
    TellError("eval needs a CONDITION and --event JSON, or --batch FILE alone");
    return kUsage;
  }
  return arguments.batch.empty() ? EvalOne(arguments) : EvalBatch(arguments.batch);
}

}  // namespace

Verb AddEval(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  app.add_option("CONDITION", arguments->condition, "A condition as in a rule, without macros and lists")
      ->type_name("");
  app.add_option("--event", arguments->event, "One flat object; the keys are names of fields")
      ->type_name("JSON");
  app.add_option("--batch", arguments->batch,
                 "A {\"condition\",\"event\"} a line; `true`, `false` or `error: WHY` a line out")
      ->type_name("FILE");
  return [arguments] { return Eval(*arguments); };
}

}  // namespace sluice::cli
