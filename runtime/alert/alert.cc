#include "runtime/alert/alert.h"

#define XXH_INLINE_ALL
#include <arpa/inet.h>
#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>
#include <ctime>

#include "compiler/source/utf8.h"
#include "runtime/alert/text.h"

namespace sluice::alert {
namespace {

using eval::Value;

constexpr size_t kMaxAncestors = 64;

std::string NetText(const check::Net& net) {
  char text[INET6_ADDRSTRLEN] = "";
  const uint8_t* bytes = net.address.bytes.data();
  const bool v4 = net.address.v4;
  inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, text, sizeof text);
  const int full = v4 ? 32 : 128;
  return net.prefix == full ? text : fmt::format("{}/{}", text, net.prefix);
}

std::string ScalarText(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kString:
      return std::string(value.text);
    case Value::Kind::kNumber:
      return std::to_string(value.number);
    case Value::Kind::kDouble:
      return fmt::format("{}", value.real);
    case Value::Kind::kBool:
      return value.number != 0 ? "true" : "false";
    case Value::Kind::kNet:
      return NetText(value.net);
    case Value::Kind::kUnknown:
      return "<unknown>";
    default:
      return "<NA>";
  }
}

OutputField FieldOf(const std::string& name, const Value& value) {
  OutputField field;
  field.name = name;
  switch (value.kind) {
    case Value::Kind::kNumber:
      field.kind = OutputField::Kind::kNumber;
      field.number = value.number;
      break;
    case Value::Kind::kBool:
      field.kind = OutputField::Kind::kBool;
      field.number = value.number;
      break;
    case Value::Kind::kDouble:
      field.kind = OutputField::Kind::kDouble;
      field.real = value.real;
      break;
    case Value::Kind::kString:
    case Value::Kind::kNet:
      field.kind = OutputField::Kind::kString;
      field.text = ScalarText(value);
      break;
    case Value::Kind::kList:
      field.kind = OutputField::Kind::kList;
      for (const Value& element : *value.list) field.list.push_back(ScalarText(element));
      break;
    case Value::Kind::kAbsent:
    case Value::Kind::kUnknown:
      break;
  }
  return field;
}

// A list prints as Falco's `(a,b)`; a chain of ancestors as `parent->grandparent`.
std::string ListText(const std::vector<std::string>& list, check::Shape shape) {
  const bool chain = shape == check::Shape::kAny;
  return chain ? fmt::format("{}", fmt::join(list, "->")) : fmt::format("({})", fmt::join(list, ","));
}

// What the run knows and a written event (replay) need not say: its time, the host.
void FillFromRun(const check::OutputPiece& piece, const Alert& alert, Value& value, std::string& buffer) {
  const std::string& name = piece.text;
  const uint64_t unix_ns = alert.time_unix_ns;
  const auto text = [&](std::string t) { buffer = std::move(t), value = Value::String(buffer); };
  if (piece.term->kind != check::Term::Kind::kField || !name.starts_with("evt.")) return;
  if (name == "evt.time") text(ClockText(unix_ns, true));
  if (name == "evt.time.s") text(ClockText(unix_ns, false));
  if (name == "evt.time.iso8601") text(Rfc3339(unix_ns));
  if (name == "evt.datetime") text(DateText(unix_ns, true));
  if (name == "evt.datetime.s") text(DateText(unix_ns, false));
  if (name == "evt.rawtime") value = Value::Number(static_cast<int64_t>(unix_ns));
  if (name == "evt.hostname") value = Value::String(alert.hostname);
}

// One end of a connection, or the one name of it, is told alone; an address that no rule names has no name.
Value Alone(const Value& value, check::Shape shape) {
  if (value.kind != Value::Kind::kList || shape != check::Shape::kEither || value.list->size() != 1)
    return value;
  const Value& only = value.list->front();
  return only.kind == Value::Kind::kString && only.text.empty() ? Value::Absent() : only;
}

void AddField(Alert& alert, OutputField field) {
  for (const OutputField& known : alert.fields) {
    if (known.name == field.name) return;
  }
  alert.fields.push_back(std::move(field));
}

void FormatOutput(eval::Evaluator& evaluator, const check::CheckedRule& rule, Alert& alert) {
  std::string buffer;
  for (const auto& shared : rule.output) {
    const check::OutputPiece& piece = *shared;
    if (!piece.term) {
      alert.output += Printable(piece.text);
      continue;
    }
    Value value = Alone(evaluator.TermValue(*piece.term), piece.term->shape);
    if (value.kind == Value::Kind::kAbsent) FillFromRun(piece, alert, value, buffer);
    OutputField field = FieldOf(piece.text, value);
    const bool list = field.kind == OutputField::Kind::kList;
    alert.output +=
        Fitted(Printable(list ? ListText(field.list, piece.term->shape) : ScalarText(value)), piece.width);
    if (piece.text != "evt.time") AddField(alert, std::move(field));
  }
  // As Falco: the event's time is always there, in nanoseconds.
  OutputField time{.name = "evt.time", .kind = OutputField::Kind::kNumber, .text = {}, .list = {}};
  time.number = static_cast<int64_t>(alert.time_unix_ns);
  AddField(alert, std::move(time));
}

// The time tells agents apart that follow each other within a boot: each counts its records from zero.
std::string Id(const Host& host, uint64_t record_id, uint64_t time_boot_ns, const std::string& rule) {
  std::string key = host.boot_id;
  key.push_back('\0');
  key.append(reinterpret_cast<const char*>(&record_id), sizeof record_id);
  key.append(reinterpret_cast<const char*>(&time_boot_ns), sizeof time_boot_ns);
  key += rule;
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::vector<Ancestor> AncestorsOf(const lineage::Link& self) {
  std::vector<Ancestor> chain;
  for (const lineage::Link* link = self.parent.get(); link != nullptr && chain.size() < kMaxAncestors;
       link = link->parent.get()) {
    Ancestor& ancestor = chain.emplace_back();
    ancestor.pid = link->key.pid;
    if (link->image == nullptr) continue;
    ancestor.name = link->image->name;
    ancestor.exepath = link->image->exepath;
  }
  return chain;
}

uint32_t PidOf(const eval::Event& event) {
  static const check::FieldRow* const pid = check::FindField("proc.pid");
  const Value number = event.Get(check::FieldUse{.field = pid->id, .index = -1, .argument = {}});
  return number.kind == Value::Kind::kNumber ? static_cast<uint32_t>(number.number) : 0;
}

// Without a tree (replay), the event itself says what it knows of its ancestors.
std::vector<Ancestor> AncestorsOf(const eval::Event& event) {
  static const check::FieldRow* const pid = check::FindField("proc.apid");
  static const check::FieldRow* const name = check::FindField("proc.aname");
  static const check::FieldRow* const exepath = check::FindField("proc.aexepath");
  std::vector<Ancestor> chain;
  const auto get = [&](const check::FieldRow* row, int level) {
    if (row == nullptr) return Value::Absent();
    return event.Get(check::FieldUse{.field = row->id, .index = level, .argument = {}});
  };
  for (int level = 1; chain.size() < kMaxAncestors; ++level) {
    const Value number = get(pid, level);
    const Value name_value = get(name, level);
    const Value path = get(exepath, level);
    Ancestor ancestor;
    if (number.kind == Value::Kind::kNumber) ancestor.pid = static_cast<uint32_t>(number.number);
    if (name_value.kind == Value::Kind::kString) ancestor.name = name_value.text;
    if (path.kind == Value::Kind::kString) ancestor.exepath = path.text;
    if (ancestor.pid == 0 && ancestor.name.empty() && ancestor.exepath.empty()) break;
    chain.push_back(std::move(ancestor));
  }
  return chain;
}

}  // namespace

std::string_view DecisionName(Decision decision) {
  static constexpr std::string_view kNames[] = {"alert", "denied", "killed", "audited", "undecided"};
  return kNames[static_cast<size_t>(decision)];
}

std::string ValueText(const eval::Value& value, check::Shape shape) {
  const OutputField field = FieldOf({}, value);
  return field.kind == OutputField::Kind::kList ? ListText(field.list, shape) : ScalarText(value);
}

Alert Make(eval::Evaluator& evaluator, const check::CheckedRule& rule, Decision decision,
           const eval::Event& event, const lineage::Link* self, uint64_t record_id, const Host& host,
           uint64_t time_boot_ns) {
  Alert alert;
  alert.id = Id(host, record_id, time_boot_ns, rule.rule.name.text);
  alert.rule = rule.rule.name.text;
  alert.priority = rule.rule.priority;
  alert.decision = decision;
  if (const check::HookRow* hook = check::FindHook(event.hook())) alert.hook = hook->name;
  alert.source = ast::SourceOf(rule.rule);
  for (const ast::Word& tag : rule.rule.tags) alert.tags.push_back(tag.text);
  alert.pid = self != nullptr ? self->key.pid : PidOf(event);
  alert.ancestors = self != nullptr ? AncestorsOf(*self) : AncestorsOf(event);
  alert.hostname = host.hostname;
  alert.time_unix_ns = static_cast<uint64_t>(static_cast<int64_t>(time_boot_ns) + host.boot_to_unix_ns);
  FormatOutput(evaluator, rule, alert);
  return alert;
}

}  // namespace sluice::alert
