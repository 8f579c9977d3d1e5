#include "runtime/alert/own.h"

#include <fmt/format.h>

#include <atomic>

namespace sluice::alert {

OutputField NumberField(std::string name, int64_t number) {
  OutputField field;
  field.name = std::move(name);
  field.kind = OutputField::Kind::kNumber;
  field.number = number;
  return field;
}

OutputField TextField(std::string name, std::string text) {
  OutputField field;
  field.name = std::move(name);
  field.kind = OutputField::Kind::kString;
  field.text = std::move(text);
  return field;
}

Alert Own(std::string_view what, ast::Priority priority, std::string_view topic, const Host& host,
          int64_t now_boot_ns) {
  Alert alert;
  alert.rule = fmt::format("Sluice internal: {}", what);
  alert.priority = priority;
  alert.source = "internal";
  alert.hostname = host.hostname;
  alert.time_unix_ns = static_cast<uint64_t>(now_boot_ns + host.boot_to_unix_ns);
  static std::atomic<uint64_t> number = 0;  // several may be raised at one time
  alert.id = fmt::format("{}-{}-{}-{}", topic, host.boot_id, now_boot_ns, number++);
  alert.fields.push_back(NumberField("evt.time", static_cast<int64_t>(alert.time_unix_ns)));
  return alert;
}

}  // namespace sluice::alert
