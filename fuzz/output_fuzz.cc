// A rule's output, a line, and an event as JSON below it: the alert is one JSON object in one line of UTF-8,
// and one line of text.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "compiler/compile.h"
#include "runtime/alert/alert.h"
#include "runtime/eval/json_event.h"

namespace {

using namespace sluice;

void CheckLine(const std::string& line) {
  for (const char c : line) {
    if (static_cast<unsigned char>(c) < 0x20) std::abort();  // 0x7f may stand in the author's own words
  }
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string rule =
      "rule r {\n  desc: d\n  condition: proc.name exists or not proc.name exists\n  output: " +
      Quoted(text.substr(0, end)) + "\n  priority: info\n}\n";
  auto compiled = CompileTexts({{"fuzz.rule", rule}}, {});
  if (!compiled->ok() || compiled->user.checked.rules.empty()) return 0;
  const auto event = eval::JsonEvent::Parse(end < text.size() ? text.substr(end + 1) : "{}");
  if (!event.ok()) return 0;
  eval::Evaluator evaluator(std::make_shared<const uplan::UserPlan>(std::move(compiled->user)));
  evaluator.Begin(**event);
  const alert::Alert alert =
      alert::Make(evaluator, evaluator.plan().checked.rules[0], alert::Decision::kAlert, **event, nullptr, 1,
                  {"host", "boot", 0}, 1);
  const std::string json = alert::ToJson(alert), line = alert::ToText(json, false);
  CheckLine(json);
  CheckLine(line);
  const nlohmann::json read = nlohmann::json::parse(json, nullptr, false);
  if (!read.is_object() || !read["output"].is_string() || !read["output_fields"].is_object()) std::abort();
  return 0;
}
