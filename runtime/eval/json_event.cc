#include "runtime/eval/json_event.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "compiler/check/values.h"
#include "compiler/source/utf8.h"

namespace sluice::eval {
namespace {

using check::FieldId;
using check::FieldUse;
using check::Shape;
using check::Type;
using nlohmann::json;

constexpr size_t kMaxKeys = 4096;  // several times the number of fields

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// A value as JSON has it.
struct Scalar {
  enum class Kind : uint8_t { kNull, kBool, kInteger, kReal, kText } kind = Kind::kNull;
  bool truth = false;
  int64_t integer = 0;
  double real = 0;
  std::string text;  // of kReal as written; of kText with one byte for each code point below 256
};

// Where a field's value for [0], the process itself, is found.
struct Own {
  FieldId ancestors, self;
};
constexpr Own kOwn[] = {
    {FieldId::kProcAname, FieldId::kProcName},       {FieldId::kProcAexe, FieldId::kProcExe},
    {FieldId::kProcAexepath, FieldId::kProcExepath}, {FieldId::kProcAcmdline, FieldId::kProcCmdline},
    {FieldId::kProcAargs, FieldId::kProcArgs},       {FieldId::kProcApid, FieldId::kProcPid},
};

struct Ends {
  FieldId either;
  std::initializer_list<FieldId> ends;
};
const Ends kEnds[] = {
    {FieldId::kFdIp, {FieldId::kFdCip, FieldId::kFdSip, FieldId::kFdLip, FieldId::kFdRip}},
    {FieldId::kFdPort, {FieldId::kFdCport, FieldId::kFdSport, FieldId::kFdLport, FieldId::kFdRport}},
    {FieldId::kFdNet,
     {FieldId::kFdCnet, FieldId::kFdSnet, FieldId::kFdLnet, FieldId::kFdRnet, FieldId::kFdCip,
      FieldId::kFdSip, FieldId::kFdLip, FieldId::kFdRip}},
};

// An address whose name is not given is another host than any that a rule names, as in a running engine.
struct Named {
  FieldId name, address;
};
constexpr Named kNamed[] = {{FieldId::kFdCipName, FieldId::kFdCip},
                            {FieldId::kFdSipName, FieldId::kFdSip},
                            {FieldId::kFdLipName, FieldId::kFdLip},
                            {FieldId::kFdRipName, FieldId::kFdRip}};

std::string BytesOf(std::string_view utf8) {
  std::string bytes;
  bytes.reserve(utf8.size());
  for (size_t at = 0; at < utf8.size();) {
    const source::CodePoint point = source::DecodeUtf8(utf8, at);
    if (point.valid && point.value < 256) {
      bytes += static_cast<char>(point.value);
    } else {
      bytes += utf8.substr(at, point.bytes);
    }
    at += point.bytes;
  }
  return bytes;
}

std::string TextOf(const Scalar& scalar) {
  switch (scalar.kind) {
    case Scalar::Kind::kBool:
      return scalar.truth ? "true" : "false";
    case Scalar::Kind::kInteger:
      return std::to_string(scalar.integer);
    case Scalar::Kind::kReal:
    case Scalar::Kind::kText:
      return scalar.text;
    case Scalar::Kind::kNull:
      break;
  }
  return {};
}

std::optional<int64_t> IntegerOf(const Scalar& scalar) {
  constexpr double kLimit = 9007199254740992.0;  // beyond it doubles skip integers
  if (scalar.kind == Scalar::Kind::kInteger) return scalar.integer;
  if (scalar.kind == Scalar::Kind::kText) return check::ParseInteger(scalar.text);
  if (scalar.kind != Scalar::Kind::kReal || std::abs(scalar.real) > kLimit) return std::nullopt;
  const auto whole = static_cast<int64_t>(scalar.real);
  return static_cast<double>(whole) == scalar.real ? std::optional(whole) : std::nullopt;
}

std::optional<double> RealOf(const Scalar& scalar) {
  if (scalar.kind == Scalar::Kind::kReal) return scalar.real;
  if (scalar.kind == Scalar::Kind::kInteger) return static_cast<double>(scalar.integer);
  if (scalar.kind != Scalar::Kind::kText || scalar.text.empty()) return std::nullopt;
  char* end = nullptr;
  const double real = std::strtod(scalar.text.c_str(), &end);
  return *end == '\0' && std::isfinite(real) ? std::optional(real) : std::nullopt;
}

std::optional<bool> TruthOf(const Scalar& scalar) {
  if (scalar.kind == Scalar::Kind::kBool) return scalar.truth;
  if (scalar.kind == Scalar::Kind::kInteger && (scalar.integer == 0 || scalar.integer == 1))
    return scalar.integer == 1;
  if (scalar.kind != Scalar::Kind::kText) return std::nullopt;
  if (scalar.text == "true") return true;
  return scalar.text == "false" ? std::optional(false) : std::nullopt;
}

std::optional<uint16_t> PortOf(const Scalar& scalar) {
  if (scalar.kind == Scalar::Kind::kText) return check::ParsePort(scalar.text);
  const std::optional<int64_t> number = IntegerOf(scalar);
  if (!number || *number < 0 || *number > 65535) return std::nullopt;
  return static_cast<uint16_t>(*number);
}

bool TakesArray(const FieldUse& use) {
  if (use.field == FieldId::kProcArgs && use.index < 0) return true;
  return use.shape() != Shape::kScalar;
}

}  // namespace

struct JsonEvent::State {
  struct Entry {
    FieldUse use;
    Value value;
    std::vector<Value> list;  // of an array, or of a single value where a list is expected
    bool array = false;
  };

  const Entry* Find(FieldId field, int32_t index, std::string_view argument) const;
  const Value* FindPlain(FieldId field) const;
  std::optional<Value> Convert(const FieldUse& use, Scalar& scalar);
  bool Set(const std::string& key, std::vector<Scalar>& scalars, bool array, std::string& fault);
  void Finish();
  void Place(uint64_t number);
  void SortEntries();
  void JoinEnds();
  void JoinArguments();

  size_t keys = 0;
  std::vector<Entry> entries;      // by field, once it is finished
  std::vector<uint16_t> first_of;  // by FieldId: where its entries begin; one more at the end
  std::deque<std::string> texts;
  std::vector<std::string> unknown_keys;
  Entry ends[std::size(kEnds)];
  std::vector<Value> nameless = {Value::String("")};
  Value joined_arguments;
  std::vector<Value> split_arguments;
  check::HookId hook = check::kNoHook;
  check::EventType type = check::kNoType;
};

namespace {

// Takes the parser's events; only a flat object passes, so no depth is ever reached.
class FlatObjectReader : public json::json_sax_t {
 public:
  using Take = std::function<bool(const std::string& key, std::vector<Scalar>& scalars, bool array,
                                  std::string& fault)>;
  explicit FlatObjectReader(Take take) : take_(std::move(take)) {}

  const std::string& fault() const { return fault_; }

  bool null() override { return Add({}); }
  bool boolean(bool value) override {
    Scalar scalar;
    scalar.kind = Scalar::Kind::kBool;
    scalar.truth = value;
    return Add(std::move(scalar));
  }
  bool number_integer(number_integer_t value) override {
    Scalar scalar;
    scalar.kind = Scalar::Kind::kInteger;
    scalar.integer = value;
    return Add(std::move(scalar));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= static_cast<uint64_t>(INT64_MAX)) return number_integer(static_cast<int64_t>(value));
    Scalar scalar;
    scalar.kind = Scalar::Kind::kReal;
    scalar.real = static_cast<double>(value);
    scalar.text = std::to_string(value);
    return Add(std::move(scalar));
  }
  bool number_float(number_float_t value, const string_t& written) override {
    Scalar scalar;
    scalar.kind = Scalar::Kind::kReal;
    scalar.real = value;
    scalar.text = written;
    return Add(std::move(scalar));
  }
  bool string(string_t& value) override {
    Scalar scalar;
    scalar.kind = Scalar::Kind::kText;
    scalar.text = BytesOf(value);
    return Add(std::move(scalar));
  }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    if (!in_object_) return in_object_ = true;
    return Fail(absl::StrCat("`", key_, "` holds an object; an event is flat"));
  }
  bool key(string_t& name) override {
    key_ = name;
    return true;
  }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override {
    if (!in_object_) return Fail("an event is an object");
    if (in_array_) return Fail(absl::StrCat("`", key_, "` holds an array in an array"));
    scalars_.clear();
    return in_array_ = true;
  }
  bool end_array() override {
    in_array_ = false;
    return take_(key_, scalars_, true, fault_);
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: what was wrong"
    std::string_view what = error.what();
    const size_t colon = what.find(": ");
    if (colon != std::string_view::npos) what.remove_prefix(colon + 2);
    return Fail(absl::StrCat("byte ", position, ": ", View(what)));
  }

 private:
  bool Add(Scalar scalar) {
    if (!in_object_) return Fail("an event is an object");
    if (in_array_) {
      scalars_.push_back(std::move(scalar));
      return true;
    }
    scalars_.clear();
    scalars_.push_back(std::move(scalar));
    return take_(key_, scalars_, false, fault_);
  }
  bool Fail(std::string what) {
    fault_ = std::move(what);
    return false;
  }

  const Take take_;
  std::string key_, fault_;
  std::vector<Scalar> scalars_;
  bool in_object_ = false, in_array_ = false;
};

}  // namespace

const JsonEvent::State::Entry* JsonEvent::State::Find(FieldId field, int32_t index,
                                                      std::string_view argument) const {
  const auto at = static_cast<size_t>(field);
  for (size_t i = first_of[at]; i < first_of[at + 1]; ++i) {
    const Entry& entry = entries[i];
    if (entry.use.index == index && entry.use.argument == argument) return &entry;
  }
  return nullptr;
}

const Value* JsonEvent::State::FindPlain(FieldId field) const {
  const Entry* entry = Find(field, -1, {});
  return entry == nullptr ? nullptr : &entry->value;
}

std::optional<Value> JsonEvent::State::Convert(const FieldUse& use, Scalar& scalar) {
  if (scalar.kind == Scalar::Kind::kNull) return Value::Absent();
  switch (use.type()) {
    case Type::kString:
    case Type::kPath:
    case Type::kBytes:
      return Value::String(texts.emplace_back(TextOf(scalar)));
    case Type::kInt:
    case Type::kFlags:
    case Type::kTime:
      if (const auto number = IntegerOf(scalar)) return Value::Number(*number);
      return std::nullopt;
    case Type::kBool:
      if (const auto truth = TruthOf(scalar)) return Value::Bool(*truth);
      return std::nullopt;
    case Type::kDouble:
      if (const auto real = RealOf(scalar)) return Value::Double(*real);
      return std::nullopt;
    case Type::kPort:
      if (const auto port = PortOf(scalar)) return Value::Number(*port);
      return std::nullopt;
    case Type::kAddress:
    case Type::kNet: {
      if (scalar.kind != Scalar::Kind::kText) return std::nullopt;
      const auto net =
          use.type() == Type::kNet ? check::ParseNet(scalar.text) : check::ParseAddress(scalar.text);
      if (net) return Value::Net(*net);
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool JsonEvent::State::Set(const std::string& key, std::vector<Scalar>& scalars, bool array,
                           std::string& fault) {
  if (++keys > kMaxKeys) {
    fault = absl::StrCat("more than ", kMaxKeys, " keys");
    return false;
  }
  const std::optional<FieldUse> use = check::ParseFieldUse(key);
  if (!use) {
    if (std::find(unknown_keys.begin(), unknown_keys.end(), key) == unknown_keys.end())
      unknown_keys.push_back(key);
    return true;
  }
  if (array && !TakesArray(*use)) {
    fault = absl::StrCat("`", key, "` holds an array, and the field has one value");
    return false;
  }
  Entry entry;
  entry.use = *use;
  entry.array = array;
  for (Scalar& scalar : scalars) {
    const std::optional<Value> value = Convert(*use, scalar);
    if (!value) {
      fault = absl::StrCat("`", key, "`: `", TextOf(scalar), "` is not of the field's type, ",
                           View(check::TypeName(use->type())));
      return false;
    }
    entry.value = *value;
    entry.list.push_back(*value);
  }
  // Of a key that comes twice the last one counts, as most readers of JSON have it.
  entries.erase(std::remove_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.use == *use; }),
                entries.end());
  if (array || entry.value.kind != Value::Kind::kAbsent) entries.push_back(std::move(entry));
  return true;
}

void JsonEvent::State::SortEntries() {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.use.field < b.use.field; });
  first_of.assign(check::Fields().size() + 1, 0);
  for (const Entry& entry : entries) ++first_of[static_cast<size_t>(entry.use.field) + 1];
  std::partial_sum(first_of.begin(), first_of.end(), first_of.begin());
}

// What every event of a stream has.
void JsonEvent::State::Place(uint64_t number) {
  const auto given = [this](FieldId field) {
    return std::any_of(entries.begin(), entries.end(),
                       [&](const Entry& entry) { return entry.use.field == field; });
  };
  const auto add = [&](FieldId field, Value value) {
    if (given(field)) return;
    Entry& entry = entries.emplace_back();
    entry.use = {.field = field, .index = -1, .argument = {}};
    entry.value = value;
  };
  add(FieldId::kEvtDir, Value::String("<"));
  add(FieldId::kEvtNum, Value::Number(static_cast<int64_t>(number)));
}

// Lists are linked once nothing moves any more.
void JsonEvent::State::Finish() {
  SortEntries();
  for (Entry& entry : entries) {
    if (entry.array || entry.use.shape() != Shape::kScalar) entry.value = Value::List(&entry.list);
  }
  JoinEnds();
  JoinArguments();
  if (const Value* name = FindPlain(FieldId::kEvtType)) type = check::FindEvent(name->text);
  const Entry* flags = Find(FieldId::kEvtArg, -1, "flags");
  if (type != check::kNoType)
    hook = check::HookOf(type, flags == nullptr ? std::string_view() : flags->value.text);
  if (const Value* name = FindPlain(FieldId::kEvtHook)) {
    const check::HookRow* row = check::FindHook(name->text);
    hook = row == nullptr ? check::kNoHook : row->id;
  }
}

void JsonEvent::State::JoinEnds() {
  for (size_t i = 0; i < std::size(kEnds); ++i) {
    Entry& joined = ends[i];
    for (const FieldId end : kEnds[i].ends) {
      if (const Value* value = FindPlain(end)) joined.list.push_back(*value);
    }
    if (!joined.list.empty()) joined.value = Value::List(&joined.list);
  }
}

// proc.args is one text and a list: given as either, the other follows.
void JsonEvent::State::JoinArguments() {
  const Entry* arguments = Find(FieldId::kProcArgs, -1, {});
  if (arguments == nullptr) return;
  if (arguments->array) {
    std::string joined;
    for (const Value& value : arguments->list) {
      if (&value != arguments->list.data()) joined += ' ';
      joined += value.text;
    }
    joined_arguments = Value::String(texts.emplace_back(std::move(joined)));
    split_arguments = arguments->list;
    return;
  }
  joined_arguments = arguments->value;
  std::string_view rest = arguments->value.text;
  while (true) {
    const size_t begin = std::min(rest.find_first_not_of(' '), rest.size());
    const size_t end = std::min(rest.find(' ', begin), rest.size());
    if (begin == end) return;
    split_arguments.push_back(Value::String(rest.substr(begin, end - begin)));
    rest.remove_prefix(end);
  }
}

JsonEvent::JsonEvent() : state_(std::make_unique<State>()) {}
JsonEvent::~JsonEvent() = default;

source::Result<std::unique_ptr<JsonEvent>> JsonEvent::Parse(std::string_view text, uint64_t number) {
  std::unique_ptr<JsonEvent> event(new JsonEvent);
  FlatObjectReader reader([&](const std::string& key, std::vector<Scalar>& scalars, bool array,
                              std::string& fault) { return event->state_->Set(key, scalars, array, fault); });
  if (!json::sax_parse(text.begin(), text.end(), &reader)) {
    return absl::InvalidArgumentError(absl::StrCat("not an event: ", reader.fault()));
  }
  if (number > 0) event->state_->Place(number);
  event->state_->Finish();
  return event;
}

check::HookId JsonEvent::hook() const { return state_->hook; }
check::EventType JsonEvent::type() const { return state_->type; }
const std::vector<std::string>& JsonEvent::unknown_keys() const { return state_->unknown_keys; }

Value JsonEvent::Get(const FieldUse& use) const {
  const State& state = *state_;
  if (use.field == FieldId::kProcArgs && use.index < 0) return state.joined_arguments;
  if (const State::Entry* own = state.Find(use.field, use.index, use.argument)) return own->value;
  for (size_t i = 0; i < std::size(kEnds); ++i) {
    if (kEnds[i].either == use.field) return state.ends[i].value;
  }
  for (const Named& named : kNamed) {
    if (named.name == use.field && state.FindPlain(named.address) != nullptr)
      return Value::List(&state.nameless);
  }
  if (use.field == FieldId::kEvtTypeIs) {
    const Value* type = state.FindPlain(FieldId::kEvtType);
    return Value::Number(type != nullptr && type->text == use.argument);
  }
  if (use.index < 0) return Value::Absent();
  const State::Entry* all = state.Find(use.field, -1, {});
  if (use.field == FieldId::kProcArgs) {
    if (all == nullptr || !all->array) return Value::Absent();
    const auto index = static_cast<size_t>(use.index);
    return index < all->list.size() ? all->list[index] : Value::String({});
  }
  if (use.index == 0) {
    for (const Own& own : kOwn) {
      if (own.ancestors == use.field) return Get({.field = own.self, .index = -1, .argument = {}});
    }
  }
  if (all == nullptr || !all->array || use.index == 0) return Value::Absent();
  const auto index = static_cast<size_t>(use.index) - 1;
  return index < all->list.size() ? all->list[index] : Value::Absent();
}

Value JsonEvent::GetList(const FieldUse& use) const {
  if (use.field != FieldId::kProcArgs || use.index >= 0) return Get(use);
  return state_->joined_arguments.kind == Value::Kind::kAbsent ? Value::Absent()
                                                               : Value::List(&state_->split_arguments);
}

}  // namespace sluice::eval
