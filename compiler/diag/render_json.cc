// JSON and SARIF. The one file of the compiler that knows the JSON library.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "compiler/diag/render.h"

namespace sluice::diag {
namespace {

using Json = nlohmann::ordered_json;

// Rule texts and file names may hold bytes that are not UTF-8; dump() would throw on them by default.
std::string Dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json Place(const source::Files& files, source::Span span) {
  Json place = Json::object();
  if (!span.valid()) return place;
  const source::Position begin = files.PositionOf(span.file, span.begin);
  const source::Position end = files.PositionOf(span.file, span.end);
  place["file"] = files.name(span.file);
  place["line"] = begin.line;
  place["column"] = begin.column;
  place["end_line"] = end.line;
  place["end_column"] = end.column;
  place["offset"] = span.begin;
  place["length"] = span.end - span.begin;
  return place;
}

Json ToJson(const Diagnostic& diagnostic, const source::Files& files) {
  const CodeRow& row = RowOf(diagnostic.code);
  Json json = {{"code", row.name},
               {"severity", SeverityWord(row.severity)},
               {"slug", row.slug},
               {"title", row.title},
               {"message", diagnostic.message}};
  json.update(Place(files, diagnostic.primary.span));
  if (!diagnostic.primary.text.empty()) json["label"] = diagnostic.primary.text;
  Json labels = Json::array();
  for (const Label& label : diagnostic.others) {
    Json entry = Place(files, label.span);
    entry["text"] = label.text;
    labels.push_back(std::move(entry));
  }
  if (!labels.empty()) json["labels"] = std::move(labels);
  if (!diagnostic.note.empty()) json["note"] = diagnostic.note;
  if (!diagnostic.help.empty()) json["help"] = diagnostic.help;
  Json patches = Json::array();
  for (const Patch& patch : diagnostic.patches) {
    Json entry = Place(files, patch.span);
    entry["replacement"] = patch.text;
    patches.push_back(std::move(entry));
  }
  if (!patches.empty()) json["patches"] = std::move(patches);
  return json;
}

// SARIF wants a URI reference where we have a path; one from the root has its scheme.
std::string Uri(std::string_view path) {
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return uri;
}

Json SarifRegion(const source::Files& files, source::Span span) {
  const source::Position begin = files.PositionOf(span.file, span.begin);
  const source::Position end = files.PositionOf(span.file, span.end);
  return {{"startLine", begin.line}, {"startColumn", begin.column}, {"endLine", end.line},
          {"endColumn", end.column}, {"byteOffset", span.begin},    {"byteLength", span.end - span.begin}};
}

Json SarifLocation(const source::Files& files, const Label& label) {
  Json location = {{"physicalLocation",
                    {{"artifactLocation", {{"uri", Uri(files.name(label.span.file))}}},
                     {"region", SarifRegion(files, label.span)}}}};
  if (!label.text.empty()) location["message"] = {{"text", label.text}};
  return location;
}

Json SarifFix(const source::Files& files, const Patch& patch, std::string_view description) {
  const Json replacement = {{"deletedRegion", SarifRegion(files, patch.span)},
                            {"insertedContent", {{"text", patch.text}}}};
  const Json change = {{"artifactLocation", {{"uri", Uri(files.name(patch.span.file))}}},
                       {"replacements", Json::array({replacement})}};
  Json fix = {{"artifactChanges", Json::array({change})}};
  if (!description.empty()) fix["description"] = {{"text", description}};
  return fix;
}

Json SarifResult(const Diagnostic& diagnostic, const source::Files& files) {
  const CodeRow& row = RowOf(diagnostic.code);
  std::string text = diagnostic.message;
  if (!diagnostic.note.empty()) text += "\nnote: " + diagnostic.note;
  if (!diagnostic.help.empty()) text += "\nhelp: " + diagnostic.help;
  Json result = {{"ruleId", row.name},
                 {"ruleIndex", static_cast<size_t>(row.code)},
                 {"level", SeverityWord(row.severity)},
                 {"message", {{"text", text}}}};
  if (diagnostic.primary.span.valid()) {
    result["locations"] = Json::array({SarifLocation(files, diagnostic.primary)});
  }
  Json related = Json::array();
  for (const Label& label : diagnostic.others) {
    if (label.span.valid()) related.push_back(SarifLocation(files, label));
  }
  if (!related.empty()) result["relatedLocations"] = std::move(related);
  Json fixes = Json::array();
  for (const Patch& patch : diagnostic.patches) {
    if (patch.span.valid()) fixes.push_back(SarifFix(files, patch, diagnostic.help));
  }
  if (!fixes.empty()) result["fixes"] = std::move(fixes);
  return result;
}

// Every code is listed, so that a result's ruleIndex is the code's own number.
Json SarifRules() {
  Json rules = Json::array();
#define DIAG(code, severity, slug, title)                   \
  rules.push_back({{"id", #code},                           \
                   {"name", slug},                          \
                   {"shortDescription", {{"text", title}}}, \
                   {"defaultConfiguration", {{"level", SeverityWord(Severity::severity)}}}});
#include "compiler/diag/codes.def"
#undef DIAG
  return rules;
}

}  // namespace

std::string RenderJson(const Diagnostics& diagnostics, const source::Files& files) {
  Json list = Json::array();
  for (const Diagnostic& diagnostic : diagnostics.all())
    list.push_back(ToJson(Resolved(diagnostic, files), files));
  return Dump({{"diagnostics", std::move(list)},
               {"errors", diagnostics.errors()},
               {"warnings", diagnostics.warnings()},
               {"dropped", diagnostics.dropped()}});
}

std::string RenderSarif(const Diagnostics& diagnostics, const source::Files& files) {
  Json results = Json::array();
  for (const Diagnostic& diagnostic : diagnostics.all())
    results.push_back(SarifResult(Resolved(diagnostic, files), files));
  const Json run = {{"tool", {{"driver", {{"name", "sluice"}, {"rules", SarifRules()}}}}},
                    {"columnKind", "unicodeCodePoints"},
                    {"results", std::move(results)}};
  return Dump({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
               {"version", "2.1.0"},
               {"runs", Json::array({run})}});
}

}  // namespace sluice::diag
