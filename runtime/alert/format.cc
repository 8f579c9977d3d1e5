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

std::string_view Colour(const Alert& alert) {
  if (alert.decision == Decision::kDenied || alert.decision == Decision::kKilled) return "\x1b[1;31m";
  if (alert.priority <= ast::Priority::kError) return "\x1b[31m";
  return alert.priority <= ast::Priority::kNotice ? "\x1b[33m" : "";
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

std::string ToText(const Alert& alert, bool colour) {
  const std::string_view start = colour ? Colour(alert) : "";
  const std::string_view end = start.empty() ? "" : "\x1b[0m";
  return fmt::format("{}: {}{} {} ({}){}", ClockText(alert.time_unix_ns, true), start,
                     ast::PriorityName(alert.priority), alert.output, DecisionName(alert.decision), end);
}

}  // namespace sluice::alert
