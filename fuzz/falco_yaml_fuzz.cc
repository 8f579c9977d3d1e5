// Any bytes as one of Falco's YAML files: loaded and compiled; what compiles is printed as .rule text that is
// read again.
#include <cstdlib>
#include <string>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "compiler/fmt/write.h"

namespace {

using namespace sluice;

// Every span must lie in its file, or a renderer would point past the end.
void CheckPlaces(const Compilation& compilation) {
  for (const diag::Diagnostic& each : compilation.diagnostics.all()) {
    const diag::Diagnostic resolved = diag::Resolved(each, compilation.files);
    const source::Span span = resolved.primary.span;
    if (each.message.empty()) std::abort();
    if (!span.valid()) continue;
    if (span.begin > span.end || span.end > compilation.files.text(span.file).size()) std::abort();
  }
  diag::RenderText(compilation.diagnostics, compilation.files, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Options options;
  options.check.max_nodes = 1'000;  // what grows is refused early, so that a run is short
  options.check.max_total_nodes = 10'000;
  options.check.max_list_items = 10'000;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto yaml = CompileTexts({{"fuzz.yaml", text}}, options);
  CheckPlaces(*yaml);
  if (!yaml->ok()) return 0;
  const std::string written = fmt_stage::Write(WithoutLeftOut(*yaml), yaml->files);
  const auto rule = CompileTexts({{"fuzz.rule", written}}, options);
  CheckPlaces(*rule);
  if (!rule->ok() || PrintStage(*rule, "norm") != PrintStage(*yaml, "norm")) std::abort();
  return 0;
}
