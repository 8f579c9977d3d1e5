// evt.arg.NAME and evt.arg[N]: Falco's arguments, as text; and evt.rawarg.NAME, as they are.
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/eval/extractors.h"
#include "runtime/eval/render.h"

namespace sluice::eval {
namespace {

constexpr uint32_t kPermissions = 07777;
constexpr uint64_t kTmpFile = 020000000;

struct TextRow {
  std::string_view name;
  Value (*extract)(RecordView&);
};
struct NumberRow {
  std::string_view name;
  int64_t (*number)(const sluice_record&);
  enum class Shown : uint8_t { kDecimal, kHex } shown = Shown::kDecimal;
};
using Shown = NumberRow::Shown;

Value Number(RecordView& view, int64_t number) { return Value::String(RenderNumber(number, view.arena)); }

// Of the calls that no hook covers only unshare has them.
Value Flags(RecordView& view) {
  const uint64_t word = view.header().numbers[0];
  if (view.hook() == SLUICE_HOOK_SYS_EXIT) {
    static const check::EventType unshare = check::FindEvent("unshare");
    if (view.header().type != unshare) return Value::Absent();
    return Value::String(RenderFlags(word, check::NamesOf(check::Names::kCloneFlags), view.arena));
  }
  return Value::String(view.hook() == SLUICE_HOOK_BPRM_CHECK ? RenderImageFlags(word, view.arena)
                                                             : RenderOpenFlags(word, view.arena));
}

// Of an open only the mode of what it creates.
uint32_t ModeOf(const RecordView& view) {
  const auto mode = static_cast<uint32_t>(view.header().numbers[1]);
  const bool creates = (view.header().numbers[0] & (O_CREAT | kTmpFile)) != 0;
  return creates ? mode & kPermissions : 0;
}

Value Mode(RecordView& view) { return Value::String(RenderOctal(ModeOf(view), view.arena)); }

Value Cwd(RecordView& view) {
  const check::FieldUse use{.field = check::FieldId::kProcCwd, .index = -1, .argument = {}};
  for (const ExtractorRow& row : ProcessExtractors()) {
    if (row.field == use.field) return row.extract(view, use);
  }
  return Value::Absent();
}

Value ExeArgs(RecordView& view) { return ArgsOf(view, OwnArgs(view)); }

// A descriptor, a number or the name of the error.
Value ArgResult(RecordView& view) {
  const Value result = ResultOf(view);
  if (result.kind != Value::Kind::kNumber) return result;
  return result.number < 0 ? ErrorText(view, result.number) : Number(view, result.number);
}

// Where each one is supplied is in check/args.def.
const TextRow kTexts[] = {
    {"args", ExeArgs},
    {"comm", OwnName},
    {"cwd", Cwd},
    {"env", [](RecordView& v) { return Joined(v, OwnEnv(v)); }},
    {"exe", [](RecordView& v) { return ExeOf(OwnArgs(v)); }},
    {"fd", ArgResult},
    {"filename", [](RecordView& v) { return FromText(v.record->filename); }},
    {"flags", Flags},
    {"loginuid", [](RecordView& v) { return Number(v, static_cast<int32_t>(v.header().loginuid)); }},
    {"mode", Mode},
    {"res", ArgResult},
    {"trusted_exepath", OwnExepath},
};

template <auto member>
int64_t Member(const sluice_record& header) {
  return static_cast<int64_t>(header.*member);
}

const NumberRow kNumbers[] = {
    {"cap_effective", Member<&sluice_record::cap_effective>, Shown::kHex},
    {"cap_inheritable", Member<&sluice_record::cap_inheritable>, Shown::kHex},
    {"cap_permitted", Member<&sluice_record::cap_permitted>, Shown::kHex},
    {"dev", [](const sluice_record& r) { return static_cast<int64_t>(r.numbers[3]); }, Shown::kHex},
    {"gid", Member<&sluice_record::gid>},
    {"ino", [](const sluice_record& r) { return static_cast<int64_t>(r.numbers[2]); }},
    {"pgid", Member<&sluice_record::pgid>},
    {"pid", Member<&sluice_record::pid>},
    {"ptid", Member<&sluice_record::parent_pid>},
    {"tid", Member<&sluice_record::tid>},
    {"tty", Member<&sluice_record::tty>},
    {"uid", Member<&sluice_record::uid>},
};

template <typename Row, size_t size>
const Row* Find(const Row (&rows)[size], std::string_view name) {
  for (const Row& row : rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

}  // namespace

Value ExtractArg(RecordView& view, const check::FieldUse& use) {
  const check::HookId hook = view.hook();
  const std::string_view name = check::ArgName(use, hook, view.header().type);
  const check::ArgRow* known = check::FindArg(name);
  if (known == nullptr || (known->hooks & check::MaskOf(hook)) == 0) return Value::Absent();
  if (const TextRow* row = Find(kTexts, name)) return row->extract(view);
  const NumberRow* row = Find(kNumbers, name);
  if (row == nullptr) return Value::Absent();
  const int64_t number = row->number(view.header());
  if (row->shown == Shown::kDecimal) return Number(view, number);
  return Value::String(RenderHex(static_cast<uint64_t>(number), view.arena));
}

Value ExtractRawArg(RecordView& view, const check::FieldUse& use) {
  const check::HookId hook = view.hook();
  if ((use.hooks() & check::MaskOf(hook)) == 0) return Value::Absent();
  const check::FieldUse shown{check::FieldId::kEvtArg, -1, use.argument};
  const check::Operand* operand = check::FindOperand(shown, hook, view.header().type);
  if (operand != nullptr) return ExtractRawOperand(view, *operand);
  const std::string_view name = use.argument;
  if (name == "res" || name == "fd") return ResultOf(view);
  if (name == "mode") return Value::Number(ModeOf(view));
  if (name == "loginuid") return Value::Number(view.header().loginuid);
  if (const NumberRow* row = Find(kNumbers, name)) return Value::Number(row->number(view.header()));
  return ExtractArg(view, shown);
}

Value ExtractArgs(RecordView& view, const check::FieldUse&) {
  const sluice_record& header = view.header();
  const std::string_view type = check::EventName(header.type);
  std::string all;
  for (size_t at = 0;; ++at) {
    const std::string_view name = check::ArgNameAt(type, at);
    if (name.empty()) break;
    const check::FieldUse use{check::FieldId::kEvtArg, -1, std::string(name)};
    const check::Operand* operand = check::FindOperand(use, view.hook(), header.type);
    const Value value = operand == nullptr ? ExtractArg(view, use) : ExtractOperand(view, *operand);
    if (value.kind != Value::Kind::kString) continue;
    if (!all.empty()) all += ' ';
    all.append(name).append("=").append(value.text);
  }
  return type.empty() ? Value::Absent() : Value::String(view.arena.Keep(all));
}

}  // namespace sluice::eval
