#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/alert/alert.h"
#include "runtime/alert/text.h"

namespace sluice::alert {
namespace {

using Json = nlohmann::ordered_json;

Json JsonValue(const OutputField& field) {
  switch (field.kind) {
    case OutputField::Kind::kString:
      return ValidUtf8(field.text);
    case OutputField::Kind::kNumber:
      return field.number;
    case OutputField::Kind::kDouble:
      return field.real;
    case OutputField::Kind::kBool:
      return field.number != 0;
    case OutputField::Kind::kList: {
      Json list = Json::array();
      for (const std::string& element : field.list) list.push_back(ValidUtf8(element));
      return list;
    }
    case OutputField::Kind::kNull:
      break;
  }
  return nullptr;
}

std::string_view Colour(std::string_view priority, std::string_view decision) {
  if (decision == "denied" || decision == "killed") return "\x1b[1;31m";
  for (const char* grave : {"Emergency", "Alert", "Critical", "Error"}) {
    if (priority == grave) return "\x1b[31m";
  }
  return priority == "Warning" || priority == "Notice" ? "\x1b[33m" : "";
}

}  // namespace

std::string ToJson(const Alert& alert) {
  Json json;
  json["time"] = Rfc3339(alert.time_unix_ns);
  json["rule"] = ValidUtf8(alert.rule);
  json["priority"] = ast::PriorityName(alert.priority);
  json["output"] = ValidUtf8(alert.output);
  Json& fields = json["output_fields"] = Json::object();
  for (const OutputField& field : alert.fields) fields[field.name] = JsonValue(field);
  json["hostname"] = ValidUtf8(alert.hostname);
  json["source"] = alert.source;
  Json& tags = json["tags"] = Json::array();
  for (const std::string& tag : alert.tags) tags.push_back(ValidUtf8(tag));
  json["id"] = alert.id;
  if (alert.suppressed > 0) json["suppressed"] = alert.suppressed;
  json["decision"] = DecisionName(alert.decision);
  json["hook"] = alert.hook;
  Json& ancestors = json["ancestors"] = Json::array();
  for (const Ancestor& ancestor : alert.ancestors) {
    ancestors.push_back({{"pid", ancestor.pid},
                         {"name", ValidUtf8(ancestor.name)},
                         {"exepath", ancestor.exepath.empty() ? Json() : Json(ValidUtf8(ancestor.exepath))}});
  }
  // Everything above is valid UTF-8; `replace` only keeps the exception out for good.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ToText(std::string_view json, bool colour) {
  const nlohmann::json alert = nlohmann::json::parse(json, nullptr, false);
  if (!alert.is_object()) return std::string(json);
  const auto text = [&alert](const char* key) {
    const auto at = alert.find(key);
    return at != alert.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  uint64_t unix_ns = 0;
  if (const auto fields = alert.find("output_fields"); fields != alert.end() && fields->is_object()) {
    const auto time = fields->find("evt.time");
    if (time != fields->end() && time->is_number_integer()) unix_ns = time->get<uint64_t>();
  }
  std::string decision = text("decision");
  if (alert.contains("suppressed")) {
    decision += fmt::format(", {} more suppressed", alert["suppressed"].dump());
  }
  const std::string priority = text("priority");
  const std::string_view start = colour ? Colour(priority, text("decision")) : "";
  const std::string_view end = start.empty() ? "" : "\x1b[0m";
  return fmt::format("{}: {}{} {} ({}){}", ClockText(unix_ns, true), start, priority, text("output"),
                     decision, end);
}

}  // namespace sluice::alert
