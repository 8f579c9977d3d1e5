// Fields that a hook itself brings, where check/operands.def says that they are.
#include <algorithm>
#include <cstring>
#include <string>

#include "runtime/eval/extractors.h"
#include "runtime/eval/render.h"

namespace sluice::eval {
namespace {

using check::Operand;
using check::OperandKind;

constexpr uint64_t kPermissions = 07777;

const ring::Text& TextAt(const RecordView& view, uint32_t place) {
  switch (place) {
    case SLUICE_STR_TARGET:
      return view.record->target;
    case SLUICE_STR_TEXT: {
      const ring::Record& record = *view.record;
      if (!view.IsExec() || record.rounds.empty()) return record.text;
      const auto round = static_cast<size_t>(view.round);
      if (view.round >= 0 && round < record.rounds.size()) return record.rounds[round].text;
      return view.IsRefusedExec() ? record.text : record.rounds.back().text;
    }
    default:
      return view.record->path;
  }
}

// A path as it was given, made absolute: without `.`, `..` and empty components.
Value Tidy(RecordView& view, Value path) {
  if (path.kind != Value::Kind::kString || path.truncated) return path;
  std::vector<std::string_view> parts;
  for (std::string_view rest = path.text; !rest.empty();) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
  }
  std::string text = parts.empty() ? "/" : "";
  for (const std::string_view part : parts) text.append("/").append(part);
  path.text = view.arena.Keep(text);
  return path;
}

Value PathText(RecordView& view, uint32_t place) {
  Value path = FromText(TextAt(view, place));
  return (view.header().flags & SLUICE_EVENT_GIVEN) != 0 ? Tidy(view, path) : path;
}

size_t LastSlash(std::string_view path) {
  if (path.empty()) return std::string_view::npos;
  const void* slash = memrchr(path.data(), '/', path.size());
  return slash == nullptr ? std::string_view::npos
                          : static_cast<size_t>(static_cast<const char*>(slash) - path.data());
}

Value Directory(Value value) {
  if (value.truncated) value = Value::Unknown();
  if (value.kind != Value::Kind::kString) return value;
  const size_t slash = LastSlash(value.text);
  value.text = slash == 0 || slash == std::string_view::npos ? "/" : value.text.substr(0, slash);
  return value;
}

Value BaseName(Value value) {
  if (value.truncated) value = Value::Unknown();
  if (value.kind != Value::Kind::kString) return value;
  const size_t slash = LastSlash(value.text);
  if (slash != std::string_view::npos) value.text.remove_prefix(slash + 1);
  return value;
}

int64_t NumberAt(const RecordView& view, uint32_t place) {
  return static_cast<int64_t>(view.header().numbers[1 + place]);
}

Value End(const RecordView& view, uint32_t end) {
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const ring::Text& text = view.record->ends[end];
  if (text.state == ring::Text::State::kAbsent) return Value::Absent();
  if (text.state == ring::Text::State::kUnknown) return Value::Unknown();
  check::Net net;
  std::memcpy(net.address.bytes.data(), text.bytes.data(), net.address.bytes.size());
  net.address.v4 = std::memcmp(text.bytes.data(), kMapped, sizeof kMapped) == 0;
  net.prefix = net.address.v4 ? 32 : 128;
  return Value::Net(net);
}

Value HostNames(RecordView& view, uint32_t end) {
  const Value address = End(view, end);
  if (address.kind != Value::Kind::kNet) return address;
  std::vector<Value>& names = view.host_names[end];
  names.clear();
  if (view.hosts != nullptr) {
    const auto found = view.hosts->find(address.net.address.bytes);
    if (found != view.hosts->end()) {
      for (const std::string& name : found->second) names.push_back(Value::String(name));
    }
  }
  if (names.empty()) names.push_back(Value::String(""));  // so that it is another host than any that is named
  return Value::List(&names);
}

// As Falco writes it: the client's end first; a socket that serves has one end.
Value SocketName(RecordView& view, uint32_t place) {
  constexpr int64_t kUnix = 1;
  if (NumberAt(view, 0) == kUnix) return FromText(TextAt(view, place));
  const Value local = End(view, SLUICE_END_LOCAL), remote = End(view, SLUICE_END_REMOTE);
  if (local.kind == Value::Kind::kUnknown || remote.kind == Value::Kind::kUnknown) return Value::Unknown();
  const bool has_local = local.kind == Value::Kind::kNet, has_remote = remote.kind == Value::Kind::kNet;
  if (!has_local && !has_remote) return FromText(TextAt(view, place));
  const Endpoint here{has_local ? &local.net : nullptr, NumberAt(view, 2)};
  const Endpoint there{has_remote ? &remote.net : nullptr, NumberAt(view, 3)};
  const bool serves = view.Is(SLUICE_HOOK_SOCKET_ACCEPT) && has_remote;
  return Value::String(serves ? RenderTuple(there, here, view.arena) : RenderTuple(here, there, view.arena));
}

// Those that there are. Neither: absent.
Value Either(RecordView& view, const Value& first, const Value& second) {
  std::vector<Value>& ends = view.arena.List();
  for (const Value& value : {first, second}) {
    if (value.kind != Value::Kind::kAbsent) ends.push_back(value);
  }
  return ends.empty() ? Value::Absent() : Value::List(&ends);
}

bool IsThere(int64_t number) { return number != SLUICE_ABSENT_INT && number != SLUICE_UNKNOWN_INT; }
// REQUIRES: !IsThere(number).
Value Missing(int64_t number) { return number == SLUICE_UNKNOWN_INT ? Value::Unknown() : Value::Absent(); }

Value Number(int64_t number) { return IsThere(number) ? Value::Number(number) : Missing(number); }

Value Named(RecordView& view, int64_t number, const Operand& operand) {
  if (!IsThere(number)) return Missing(number);
  for (const check::NamedNumber& named : check::NamesOf(operand.names)) {
    if (named.number == static_cast<uint64_t>(number)) return Value::String(named.name);
  }
  if (operand.kind == OperandKind::kNameOnly) return Value::Absent();
  return Value::String(RenderNumber(number, view.arena));
}

}  // namespace

// One object on all ways, so that it is made where it is wanted.
Value FromText(const ring::Text& text) {
  Value value;
  if (text.state == ring::Text::State::kPresent) {
    value.kind = Value::Kind::kString;
    value.text = text.bytes;
    value.truncated = text.truncated;
  } else if (text.state == ring::Text::State::kUnknown) {
    value.kind = Value::Kind::kUnknown;
  }
  return value;
}

Value ExtractOperand(RecordView& view, const Operand& operand) {
  const uint32_t place = operand.place;
  switch (operand.kind) {
    case OperandKind::kText:
      return PathText(view, place);
    case OperandKind::kDirectory:
      return Directory(PathText(view, place));
    case OperandKind::kBaseName:
      return BaseName(PathText(view, place));
    case OperandKind::kNumber:
      return Number(NumberAt(view, place));
    case OperandKind::kDecimal:
    case OperandKind::kHex: {
      const int64_t number = NumberAt(view, place);
      if (!IsThere(number)) return Missing(number);
      return Value::String(operand.kind == OperandKind::kDecimal
                               ? RenderNumber(number, view.arena)
                               : RenderHex(static_cast<uint64_t>(number), view.arena));
    }
    case OperandKind::kFlags:
      return Value::String(RenderFlags(view.header().numbers[0], check::NamesOf(operand.names), view.arena));
    case OperandKind::kName:
    case OperandKind::kNameOnly:
      return Named(view, NumberAt(view, place), operand);
    case OperandKind::kSocketName:
      return SocketName(view, place);
    case OperandKind::kEnd:
      return End(view, place);
    case OperandKind::kHostNames:
      return HostNames(view, place);
    case OperandKind::kEitherEnd:
      return Either(view, End(view, SLUICE_END_LOCAL), End(view, SLUICE_END_REMOTE));
    case OperandKind::kEitherNumber:
      return Either(view, Number(NumberAt(view, place)), Number(NumberAt(view, place + 1)));
  }
  return Value::Absent();
}

Value ExtractRawOperand(RecordView& view, const Operand& operand) {
  switch (operand.kind) {
    case OperandKind::kFlags:  // a mode
      return Value::Number(static_cast<int64_t>(view.header().numbers[0] & kPermissions));
    case OperandKind::kDecimal:
    case OperandKind::kHex:
    case OperandKind::kName:
      return Number(NumberAt(view, operand.place));
    default:
      return ExtractOperand(view, operand);
  }
}

}  // namespace sluice::eval
