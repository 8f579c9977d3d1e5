#include "harness/views.h"

#include <algorithm>

#include "compiler/check/field.h"
#include "runtime/alert/alert.h"

namespace sluice::harness {
namespace {

constexpr std::string_view kAddresses[] = {"fd.cip", "fd.sip", "fd.lip", "fd.rip"};  // each has a .name

// Bytes, one code point each.
void AppendJson(std::string_view text, std::string& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  out += '"';
}

void AppendJson(std::string_view name, const Written& written, std::string& out) {
  if (out.size() > 1) out += ',';
  AppendJson(name, out);
  out += ':';
  if (!written.array) return AppendJson(written.words.empty() ? "" : written.words[0], out);
  out += '[';
  for (size_t i = 0; i < written.words.size(); ++i) {
    if (i > 0) out += ',';
    AppendJson(written.words[i], out);
  }
  out += ']';
}

std::string JsonOf(const Fields& fields) {
  std::string json = "{";
  for (const auto& [name, written] : fields) {
    if (written.kind == Written::Kind::kValue) AppendJson(name, written, json);
  }
  return json + "}";
}

// ---- the naive evaluator's

naive::Value OfType(check::Type type, const std::string& word) {
  using Kind = naive::Value::Kind;
  const auto as = [&](Kind kind) { return naive::As(kind, ast::Op::kEq, word); };
  switch (type) {
    case check::Type::kInt:
    case check::Type::kFlags:
    case check::Type::kTime:
      return as(Kind::kInt);
    case check::Type::kBool:
      return naive::Value::OfBool(word == "true" || word == "1");
    case check::Type::kDouble:
      return as(Kind::kDouble);
    case check::Type::kPort:
      return as(Kind::kPort);
    case check::Type::kAddress:
    case check::Type::kNet:
      return naive::Value::OfNet(word);
    default:
      return naive::Value::Of(word);
  }
}

naive::Value::Many ManyOf(check::Shape shape) {
  if (shape == check::Shape::kEither) return naive::Value::Many::kEither;
  return shape == check::Shape::kList ? naive::Value::Many::kAll : naive::Value::Many::kAny;
}

// proc.args: one text, and a list for transformers.
naive::Value Arguments(const Written& written) {
  std::string joined;
  std::vector<naive::Value> list;
  for (const std::string& word : written.words) {
    joined += (joined.empty() && list.empty() ? "" : " ") + word;
    list.push_back(naive::Value::Of(word));
  }
  if (!written.array) {
    list.clear();
    std::string word;
    for (const char c : joined + " ") {
      if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        list.push_back(naive::Value::Of(word));
        word.clear();
      }
    }
  }
  naive::Value value = naive::Value::Of(joined);
  value.list = std::move(list);
  return value;
}

void JoinEnds(naive::Event& event, const char* either, std::initializer_list<const char*> ends) {
  if (event.count(either) != 0) return;
  std::vector<naive::Value> values;
  for (const char* end : ends) {
    const auto found = event.find(end);
    if (found != event.end()) values.push_back(found->second);
  }
  if (!values.empty()) event.emplace(either, naive::Value::Of(values, false, naive::Value::Many::kEither));
}

}  // namespace

PlanEvent::PlanEvent(const WrittenEvent& event, bool at_hook)
    : hook_(event.hook), type_(event.type), at_hook_(at_hook) {
  for (const auto& [name, written] : event.fields) {
    if (written.kind == Written::Kind::kUnknown) {
      if (const auto use = check::ParseFieldUse(name)) unknown_.push_back(*use);
      const bool address =
          std::find(std::begin(kAddresses), std::end(kAddresses), name) != std::end(kAddresses);
      if (const auto use = check::ParseFieldUse(name + ".name");
          address && event.fields.count(name + ".name") == 0)
        unknown_.push_back(*use);
    }
  }
  values_ = std::move(*eval::JsonEvent::Parse(JsonOf(event.fields)));
}

bool PlanEvent::IsUnknown(const check::FieldUse& use) const {
  return std::any_of(unknown_.begin(), unknown_.end(), [&](const check::FieldUse& unknown) {
    return unknown == use || (unknown.field == use.field && unknown.index < 0 && use.index > 0);
  });
}

eval::Value PlanEvent::Get(const check::FieldUse& use) const {
  return !unknown_.empty() && IsUnknown(use) ? eval::Value::Unknown() : values_->Get(use);
}

eval::Value PlanEvent::GetList(const check::FieldUse& use) const {
  return !unknown_.empty() && IsUnknown(use) ? eval::Value::Unknown() : values_->GetList(use);
}

naive::Event NaiveEvent(const Fields& fields) {
  naive::Event event;
  for (const auto& [name, written] : fields) {
    const std::optional<check::FieldUse> use = check::ParseFieldUse(name);
    if (!use) continue;
    if (written.kind == Written::Kind::kUnknown) {
      event.emplace(name, naive::Value::Unknown());
    } else if (use->field == check::FieldId::kProcArgs && use->index < 0) {
      event.emplace(name, Arguments(written));
    } else if (written.array || use->shape() != check::Shape::kScalar) {
      std::vector<naive::Value> list;
      for (const std::string& word : written.words) list.push_back(OfType(use->type(), word));
      event.emplace(name, naive::Value::Of(std::move(list), false, ManyOf(use->shape())));
    } else {
      event.emplace(name, OfType(use->type(), written.words.at(0)));
    }
  }
  JoinEnds(event, "fd.net",
           {"fd.cnet", "fd.snet", "fd.lnet", "fd.rnet", "fd.cip", "fd.sip", "fd.lip", "fd.rip"});
  JoinEnds(event, "fd.ip", {"fd.cip", "fd.sip", "fd.lip", "fd.rip"});
  JoinEnds(event, "fd.port", {"fd.cport", "fd.sport", "fd.lport", "fd.rport"});
  for (const std::string_view address : kAddresses) {
    const auto found = event.find(address);
    if (found == event.end()) continue;
    // Without a name it is another host than any that a rule names.
    const bool unknown = found->second.kind == naive::Value::Kind::kUnknown;
    event.emplace(std::string(address) + ".name",
                  unknown ? naive::Value::Unknown()
                          : naive::Value::Of({naive::Value::Of("")}, false, naive::Value::Many::kEither));
  }
  return event;
}

namespace {

naive::Value ValueOf(const eval::Value& value, const check::FieldUse& use) {
  using Kind = eval::Value::Kind;
  switch (value.kind) {
    case Kind::kUnknown:
      return naive::Value::Unknown();
    case Kind::kString:
      return value.truncated ? naive::Value::Unknown() : naive::Value::Of(std::string(value.text));
    case Kind::kNumber:
      return use.type() == check::Type::kPort ? naive::Value::OfPort(value.number)
                                              : naive::Value::Of(value.number);
    case Kind::kDouble:
      return naive::Value::OfDouble(value.real);
    case Kind::kBool:
      return naive::Value::OfBool(value.number != 0);
    case Kind::kNet:
      return naive::Value::OfNet(alert::ValueText(value, check::Shape::kScalar));
    case Kind::kList: {
      std::vector<naive::Value> list;
      for (const eval::Value& element : *value.list) list.push_back(ValueOf(element, use));
      return naive::Value::Of(std::move(list), value.partial, ManyOf(use.shape()));
    }
    case Kind::kAbsent:
      break;
  }
  return {};
}

}  // namespace

naive::Event NaiveEvent(const eval::Event& event, const std::set<check::FieldUse>& fields) {
  naive::Event values;
  for (const check::FieldUse& use : fields) {
    const eval::Value value = event.Get(use);
    if (value.kind == eval::Value::Kind::kAbsent) continue;
    naive::Value made = ValueOf(value, use);
    if (use.field == check::FieldId::kProcArgs && use.index < 0) {
      const eval::Value words = event.GetList(use);
      if (words.kind == eval::Value::Kind::kList) made.list = ValueOf(words, use).list;
    }
    values.emplace(use.Name(), std::move(made));
  }
  return values;
}

std::string FaultOf(const Fields& fields) {
  const auto parsed = eval::JsonEvent::Parse(JsonOf(fields));
  if (parsed.ok()) return "";
  std::string text(parsed.status().message());
  constexpr std::string_view kHead = "not an event: ";
  if (text.starts_with(kHead)) text.erase(0, kHead.size());
  return text;
}

}  // namespace sluice::harness
