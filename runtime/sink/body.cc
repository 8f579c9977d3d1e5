#include "runtime/sink/body.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::sink {
namespace {

using Json = nlohmann::ordered_json;

// The words that other systems have for a priority.
struct PriorityRow {
  std::string_view name;
  std::string_view colour;        // Slack's, of the attachment's bar
  std::string_view alertmanager;  // the label `severity`
  int otlp;                       // SeverityNumber
};
constexpr PriorityRow kPriorities[] = {
    {"Emergency", "#8b0000", "critical", 23}, {"Alert", "#8b0000", "critical", 22},
    {"Critical", "#d00000", "critical", 21},  {"Error", "#d00000", "error", 17},
    {"Warning", "#e0a000", "warning", 13},    {"Notice", "#2080d0", "info", 10},
    {"Informational", "#808080", "info", 9},  {"Debug", "#808080", "debug", 5},
};

std::string Text(const Json& alert, const char* key) {
  const auto at = alert.find(key);
  return at != alert.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const PriorityRow& RowOf(const Json& alert) {
  const std::string name = Text(alert, "priority");
  const auto at = std::find_if(std::begin(kPriorities), std::end(kPriorities),
                               [&name](const PriorityRow& row) { return row.name == name; });
  return at == std::end(kPriorities) ? kPriorities[5] : *at;
}

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json Fields(const Json& alert) {
  const auto at = alert.find("output_fields");
  return at != alert.end() && at->is_object() ? *at : Json::object();
}

std::string AsText(const Json& value) { return value.is_string() ? value.get<std::string>() : Dump(value); }

// What Slack reads as markup is written out.
std::string SlackText(const std::string& text) {
  std::string out;
  for (const char c : text) {
    out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  }
  return out;
}

Json SlackAttachment(const Json& alert) {
  Json fields = Json::array();
  const auto add = [&fields](std::string_view title, const std::string& value) {
    if (!value.empty()) fields.push_back({{"title", title}, {"value", SlackText(value)}, {"short", true}});
  };
  add("Priority", Text(alert, "priority"));
  add("Decision", Text(alert, "decision"));
  add("Host", Text(alert, "hostname"));
  add("Alert", Text(alert, "id"));
  return {{"color", RowOf(alert).colour},
          {"title", SlackText(Text(alert, "rule"))},
          {"text", SlackText(Text(alert, "output"))},
          {"fallback", SlackText(Text(alert, "rule") + ": " + Text(alert, "output"))},
          {"fields", std::move(fields)}};
}

// The labels are an alert's identity there: what differs from alert to alert of one rule is an annotation.
Json AlertmanagerAlert(const Json& alert) {
  Json annotations = {{"summary", Text(alert, "output")}, {"id", Text(alert, "id")}};
  const Json fields = Fields(alert);
  for (const auto& [name, value] : fields.items()) {
    std::string word = name;
    for (char& c : word) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    if (!value.is_null()) annotations[word] = AsText(value);
  }
  return {{"labels",
           {{"alertname", Text(alert, "rule")},
            {"severity", RowOf(alert).alertmanager},
            {"priority", Text(alert, "priority")},
            {"decision", Text(alert, "decision")},
            {"source", Text(alert, "source")},
            {"instance", Text(alert, "hostname")}}},
          {"annotations", std::move(annotations)},
          {"startsAt", Text(alert, "time")}};
}

Json OtlpValue(const Json& value) {
  if (value.is_boolean()) return {{"boolValue", value}};
  if (value.is_number_integer()) return {{"intValue", value.dump()}};  // 64 bits travel as text
  if (value.is_number_float()) return {{"doubleValue", value}};
  if (!value.is_array()) return {{"stringValue", AsText(value)}};
  Json values = Json::array();
  for (const Json& element : value) values.push_back(OtlpValue(element));
  return {{"arrayValue", {{"values", std::move(values)}}}};
}

Json OtlpRecord(const Json& alert) {
  Json attributes = Json::array();
  const auto add = [&attributes](const std::string& key, const Json& value) {
    attributes.push_back({{"key", key}, {"value", OtlpValue(value)}});
  };
  for (const char* key : {"id", "rule", "decision", "hook", "source", "tags", "suppressed"}) {
    if (const auto at = alert.find(key); at != alert.end()) add(std::string("sluice.") + key, *at);
  }
  const Json fields = Fields(alert);
  for (const auto& [name, value] : fields.items()) {
    if (!value.is_null() && name != "evt.time") add(name, value);
  }
  const auto time = fields.find("evt.time");
  return {{"timeUnixNano", time != fields.end() ? time->dump() : "0"},
          {"severityNumber", RowOf(alert).otlp},
          {"severityText", Text(alert, "priority")},
          {"body", {{"stringValue", Text(alert, "output")}}},
          {"attributes", std::move(attributes)}};
}

Json Otlp(const std::vector<Json>& alerts) {
  Json records = Json::array();
  for (const Json& alert : alerts) records.push_back(OtlpRecord(alert));
  Json resource = Json::array();
  const auto add = [&resource](const char* key, const std::string& value) {
    resource.push_back({{"key", key}, {"value", {{"stringValue", value}}}});
  };
  add("service.name", "sluice");
  add("host.name", Text(alerts.front(), "hostname"));
  return {
      {"resourceLogs", Json::array({{{"resource", {{"attributes", std::move(resource)}}},
                                     {"scopeLogs", Json::array({{{"scope", {{"name", "sluice"}}},
                                                                 {"logRecords", std::move(records)}}})}}})}};
}

std::string Placeholder(const Json& alert, const std::string& key) {
  if (key == "alert") return Dump(alert);
  const Json fields = Fields(alert);
  const auto own = alert.find(key);
  const auto field = fields.find(key);
  if (own == alert.end() && field == fields.end()) return "";
  const Json& value = own != alert.end() ? *own : *field;
  if (value.is_null()) return "";
  const std::string json = Dump(value);
  return value.is_string() ? json.substr(1, json.size() - 2) : json;
}

std::string Filled(const std::string& body, const Json& alert) {
  std::string out;
  for (size_t at = 0; at < body.size();) {
    const size_t open = body.find("{{", at);
    const size_t close = open == std::string::npos ? open : body.find("}}", open);
    if (close == std::string::npos) return out + body.substr(at);
    std::string key = body.substr(open + 2, close - open - 2);
    key.erase(0, key.find_first_not_of(' '));
    key.erase(key.find_last_not_of(' ') + 1);
    out += body.substr(at, open - at) + Placeholder(alert, key);
    at = close + 2;
  }
  return out;
}

std::string Array(const std::vector<std::string>& parts) {
  return parts.size() == 1 ? parts.front() : fmt::format("[{}]", fmt::join(parts, ","));
}

}  // namespace

std::string WebhookBody(const config::Webhook& options, const Batch& batch) {
  using Preset = config::Webhook::Preset;
  if (options.preset == Preset::kFalco) return Array(batch);
  std::vector<Json> alerts;
  for (const std::string& text : batch) {
    Json alert = Json::parse(text, nullptr, false);
    alerts.push_back(alert.is_object() ? std::move(alert) : Json::object());
  }
  if (options.preset == Preset::kOtlp) return Dump(Otlp(alerts));
  if (options.preset == Preset::kTemplate) {
    std::vector<std::string> parts;
    for (const Json& alert : alerts) parts.push_back(Filled(options.body, alert));
    return Array(parts);
  }
  Json list = Json::array();
  const bool slack = options.preset == Preset::kSlack;
  for (const Json& alert : alerts) list.push_back(slack ? SlackAttachment(alert) : AlertmanagerAlert(alert));
  return Dump(slack ? Json{{"attachments", std::move(list)}} : list);
}

}  // namespace sluice::sink
