// Any bytes as a rule file and as a condition: no crash, no hang, and what is accepted prints.
#include <cstdlib>
#include <string>

#include "compiler/diag/render.h"
#include "compiler/parse/parse.h"

namespace {

using namespace sluice;

// Every span must lie in its file, or a renderer would point past the end.
void CheckPlaces(const diag::Diagnostics& diagnostics, const source::Files& files) {
  for (const diag::Diagnostic& each : diagnostics.all()) {
    const source::Span span = each.primary.span;
    if (span.begin > span.end || span.end > files.text(span.file).size()) std::abort();
    if (each.message.empty()) std::abort();
  }
  diag::RenderText(diagnostics, files, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  source::Files files;
  const source::FileId file = files.Add("fuzz.rule", std::string(reinterpret_cast<const char*>(data), size));
  diag::Diagnostics file_diagnostics, condition_diagnostics;
  ast::RuleSet rules;
  parse::Parse(files, file, {}, rules, file_diagnostics);
  ast::Print(rules);
  CheckPlaces(file_diagnostics, files);
  ast::Expr condition;
  const bool ok = parse::ParseCondition(files, file, {}, condition, condition_diagnostics);
  if (ok != condition_diagnostics.ok()) std::abort();
  if (ok) ast::Print(condition);
  CheckPlaces(condition_diagnostics, files);
  return 0;
}
