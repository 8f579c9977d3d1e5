#include "runtime/sink/syslog_message.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "runtime/alert/text.h"

namespace sluice::sink {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPriorities[] = {"Emergency", "Alert",  "Critical",      "Error",
                                            "Warning",   "Notice", "Informational", "Debug"};
constexpr size_t kLeastText = 200;  // bytes that structured data leaves for the text

std::string Text(const Json& alert, const char* key) {
  const auto at = alert.find(key);
  return at != alert.end() && at->is_string() ? at->get<std::string>() : std::string();
}

int Severity(const Json& alert) {
  const std::string priority = Text(alert, "priority");
  const auto at = std::find(std::begin(kPriorities), std::end(kPriorities), priority);
  return at == std::end(kPriorities) ? 5 : static_cast<int>(at - std::begin(kPriorities));
}

// A header's word: printable ASCII without blanks.
std::string Word(const std::string& text, size_t longest) {
  std::string word = text.substr(0, longest);
  for (char& c : word) {
    if (c <= ' ' || c > '~') c = '_';
  }
  return word.empty() ? "-" : word;
}

// At a code point's border.
std::string Cut(std::string text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  text.resize(bytes);
  return text;
}

std::string Parameter(std::string_view name, const Json& value) {
  std::string word = Word(std::string(name), 32);
  for (char& c : word) {
    if (c == '=' || c == ']' || c == '"') c = '_';
  }
  const std::string text =
      alert::Printable(value.is_string() ? value.get<std::string>()
                                         : value.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == ']') escaped += '\\';
    escaped += c;
  }
  return fmt::format(" {}=\"{}\"", word, escaped);
}

std::string StructuredData(const std::string& id, const Json& alert, size_t most) {
  if (id.empty()) return "-";
  std::string data = "[" + id;
  const auto add = [&](std::string_view name, const Json& value) {
    const std::string parameter = Parameter(name, value);
    if (data.size() + parameter.size() < most) data += parameter;
  };
  for (const char* key : {"id", "rule", "decision", "hook", "source", "suppressed"}) {
    if (const auto at = alert.find(key); at != alert.end()) add(key, *at);
  }
  if (const auto tags = alert.find("tags"); tags != alert.end() && tags->is_array()) {
    for (const Json& tag : *tags) add("tag", tag);
  }
  if (const auto fields = alert.find("output_fields"); fields != alert.end() && fields->is_object()) {
    for (const auto& [name, value] : fields->items()) {
      if (!value.is_null() && name != "evt.time") add(name, value);
    }
  }
  return data + "]";
}

std::string JsonText(Json alert, const std::string& whole, size_t most) {
  std::string text = whole;
  for (const char* key : {"ancestors", "output_fields"}) {
    if (text.size() <= most) break;
    alert.erase(key);
    alert["truncated"] = true;
    text = alert.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return text;
}

std::string LocalTime(uint64_t unix_ns) {
  const auto seconds = static_cast<time_t>(unix_ns / 1'000'000'000);
  struct tm local {};
  localtime_r(&seconds, &local);
  static constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{} {:2} {:02}:{:02}:{:02}", kMonths[local.tm_mon % 12], local.tm_mday, local.tm_hour,
                     local.tm_min, local.tm_sec);
}

uint64_t UnixNs(const Json& alert) {
  const auto fields = alert.find("output_fields");
  if (fields == alert.end() || !fields->is_object()) return 0;
  const auto time = fields->find("evt.time");
  return time != fields->end() && time->is_number_integer() ? time->get<uint64_t>() : 0;
}

// RFC 5424 knows microseconds at most.
std::string Microseconds(std::string rfc3339) {
  const size_t dot = rfc3339.find('.');
  if (dot != std::string::npos && rfc3339.size() > dot + 8) rfc3339.erase(dot + 7, 3);
  return rfc3339;
}

}  // namespace

std::string SyslogMessage(const config::Syslog& options, bool text, const std::string& alert_json,
                          int process_id) {
  Json alert = Json::parse(alert_json, nullptr, false);
  if (!alert.is_object()) alert = Json::object();
  const int priority = options.facility * 8 + Severity(alert);
  const std::string host = Word(Text(alert, "hostname"), 255);
  const size_t most = options.max_bytes;
  std::string message;
  if (options.protocol == config::Syslog::Protocol::kRfc5424) {
    message = fmt::format("<{}>1 {} {} {} {} {} ", priority, Microseconds(Text(alert, "time")), host,
                          options.app_name, process_id, Word(Text(alert, "decision"), 32));
    const size_t room = most - std::min<size_t>(most, message.size() + kLeastText);
    message += StructuredData(options.structured_data_id, alert, room) + " ";
  } else {
    // To the local socket as the C library's syslog(3): receivers expect no host there.
    const bool local = options.transport == config::Syslog::Transport::kLocal;
    message = fmt::format("<{}>{} {}{}[{}]: ", priority, LocalTime(UnixNs(alert)), local ? "" : host + " ",
                          options.app_name, process_id);
  }
  const size_t room = most - std::min<size_t>(most, message.size());
  if (!text) return message + Cut(JsonText(std::move(alert), alert_json, room), room);
  const std::string decision = Text(alert, "decision");
  const std::string line =
      decision == "alert" ? Text(alert, "output") : Text(alert, "output") + " (" + decision + ")";
  return message + Cut(alert::Printable(line), room);
}

std::string Framed(const std::string& message, config::Syslog::Framing framing) {
  if (framing == config::Syslog::Framing::kNewline) return message + "\n";
  return std::to_string(message.size()) + " " + message;
}

}  // namespace sluice::sink
