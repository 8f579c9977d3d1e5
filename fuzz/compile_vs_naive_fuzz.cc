// Any text as a condition: what compiles is judged by the engine and by the naive evaluator, on a few events,
// alike.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "compiler/check/check.h"
#include "compiler/naive/naive.h"
#include "compiler/norm/normal.h"
#include "compiler/parse/parse.h"
#include "compiler/uplan/user_plan.h"
#include "runtime/eval/evaluator.h"
#include "runtime/eval/json_event.h"

namespace {

using namespace sluice;

struct Case {
  std::unique_ptr<eval::JsonEvent> event;
  naive::Event plain;
};

Case MakeCase(const std::string& json, naive::Event plain) {
  auto event = eval::JsonEvent::Parse(json);
  if (!event.ok()) std::abort();
  return {*std::move(event), std::move(plain)};
}

const std::vector<Case>& Cases() {
  using naive::Value;
  static const std::vector<Case>& cases = *[] {
    auto* made = new std::vector<Case>;
    made->push_back(MakeCase("{}", {}));
    made->push_back(MakeCase(R"({"proc.name": "", "fd.name": "/", "proc.pid": 0, "evt.is_open_read": false,
                                 "proc.cmdline": "", "proc.aname": []})",
                             {{"proc.name", Value::Of("")},
                              {"fd.name", Value::Of("/")},
                              {"proc.pid", Value::Of(int64_t{0})},
                              {"evt.is_open_read", Value::OfBool(false)},
                              {"proc.cmdline", Value::Of("")},
                              {"proc.aname", Value::Of(std::vector<Value>{}, false)}}));
    made->push_back(MakeCase(
        R"({"proc.name": "bash", "proc.pname": "sh", "fd.name": "/etc/a.b/[x]*", "proc.pid": 7, "proc.ppid": 1,
                     "evt.is_open_read": true, "proc.cmdline": "bash -c \"A b\\c\"", "proc.aname": ["sh", "nginx"]})",
        {{"proc.name", Value::Of("bash")},
         {"proc.pname", Value::Of("sh")},
         {"fd.name", Value::Of("/etc/a.b/[x]*")},
         {"proc.pid", Value::Of(int64_t{7})},
         {"proc.ppid", Value::Of(int64_t{1})},
         {"evt.is_open_read", Value::OfBool(true)},
         {"proc.cmdline", Value::Of("bash -c \"A b\\c\"")},
         {"proc.aname", Value::Of({Value::Of("sh"), Value::Of("nginx")}, false)}}));
    made->push_back(MakeCase(R"({"proc.name": "a", "proc.pname": "a", "fd.name": "//etc//aa/", "proc.pid": -1,
                                 "proc.ppid": -1, "proc.cmdline": "aaab AAAB aab"})",
                             {{"proc.name", Value::Of("a")},
                              {"proc.pname", Value::Of("a")},
                              {"fd.name", Value::Of("//etc//aa/")},
                              {"proc.pid", Value::Of(int64_t{-1})},
                              {"proc.ppid", Value::Of(int64_t{-1})},
                              {"proc.cmdline", Value::Of("aaab AAAB aab")}}));
    return made;
  }();
  return cases;
}

// What the naive evaluator knows.
bool IsPlain(const ast::Operand& operand, bool& ancestors) {
  switch (operand.kind) {
    case ast::Operand::Kind::kField: {
      const std::string& name = operand.field.name.text;
      if (name == "proc.aname" && !operand.field.argument) return ancestors = true;
      if (operand.field.argument) return false;
      return name == "proc.name" || name == "proc.pname" || name == "fd.name" || name == "proc.pid" ||
             name == "proc.ppid" || name == "evt.is_open_read" || name == "proc.cmdline";
    }
    case ast::Operand::Kind::kTransform: {
      const std::string& name = operand.transform->name.text;
      if (name != "tolower" && name != "toupper" && name != "len" && name != "basename" && name != "concat")
        return false;
      for (const ast::Operand& argument : operand.transform->arguments) {
        if (!IsPlain(argument, ancestors)) return false;
      }
      return true;
    }
    case ast::Operand::Kind::kLiteral:
      return true;
    case ast::Operand::Kind::kTuple:
      break;
  }
  return false;
}

bool IsPlain(const ast::Expr& expr) {
  if (expr.kind == ast::Expr::Kind::kMacro) return false;
  if (expr.check != nullptr) {
    bool ancestors = false;
    if (!IsPlain(expr.check->left, ancestors)) return false;
    if (expr.check->right && !IsPlain(*expr.check->right, ancestors)) return false;
    if (ancestors && expr.check->quantifier != ast::Quantifier::kNone) return false;
  }
  for (const ast::Expr& child : expr.children) {
    if (!IsPlain(child)) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  source::Files files;
  diag::Diagnostics diagnostics;
  ast::Expr tree;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (!parse::ParseCondition(files, files.Add("condition", text), {}, tree, diagnostics) || !IsPlain(tree))
    return 0;
  check::CheckedRules checked = check::CheckCondition(tree, {}, diagnostics);
  if (!diagnostics.ok() || checked.rules.empty()) return 0;
  split::Partition partition;
  partition.normal = norm::Normalize(std::move(checked), diagnostics);
  eval::Evaluator evaluator(std::make_shared<const uplan::UserPlan>(uplan::LowerUser(partition)));
  const ast::RuleSet none;
  naive::Evaluator reference(none);
  std::vector<eval::Match> matches;
  for (const Case& one : Cases()) {
    const naive::Truth wanted = reference.Holds(tree, one.plain);
    matches.clear();
    evaluator.Begin(*one.event);
    evaluator.MatchAll(matches);
    if (matches.empty() == (wanted == naive::Truth::kFalse)) continue;
    std::fprintf(stderr, "%s\n%snaive says %d\n", text.c_str(), naive::Print(one.plain).c_str(),
                 static_cast<int>(wanted));
    std::abort();
  }
  return 0;
}
