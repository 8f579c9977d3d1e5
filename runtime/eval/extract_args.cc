// evt.arg.NAME and evt.arg[N]: Falco's arguments, as text.
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/eval/extractors.h"
#include "runtime/eval/render.h"

namespace sluice::eval {
namespace {

constexpr uint32_t kPermissions = 07777;
constexpr uint64_t kTmpFile = 020000000;

using ArgExtractor = Value (*)(RecordView&);
struct ArgRow {
  std::string_view name;
  ArgExtractor extract;
};

Value Number(RecordView& view, int64_t number) { return Value::String(RenderNumber(number, view.arena)); }
Value Hex(RecordView& view, uint64_t number) { return Value::String(RenderHex(number, view.arena)); }

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
Value Mode(RecordView& view) {
  const auto mode = static_cast<uint32_t>(view.header().numbers[1]);
  const bool creates = (view.header().numbers[0] & (O_CREAT | kTmpFile)) != 0;
  return Value::String(RenderOctal(creates ? mode & kPermissions : 0, view.arena));
}

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
const ArgRow kArgs[] = {
    {"args", ExeArgs},
    {"cap_effective", [](RecordView& v) { return Hex(v, v.header().cap_effective); }},
    {"cap_inheritable", [](RecordView& v) { return Hex(v, v.header().cap_inheritable); }},
    {"cap_permitted", [](RecordView& v) { return Hex(v, v.header().cap_permitted); }},
    {"comm", OwnName},
    {"cwd", Cwd},
    {"dev", [](RecordView& v) { return Hex(v, v.header().numbers[3]); }},
    {"env", [](RecordView& v) { return Joined(v, OwnEnv(v)); }},
    {"exe", [](RecordView& v) { return ExeOf(OwnArgs(v)); }},
    {"fd", ArgResult},
    {"filename", [](RecordView& v) { return FromText(v.record->filename); }},
    {"flags", Flags},
    {"gid", [](RecordView& v) { return Number(v, v.header().gid); }},
    {"ino", [](RecordView& v) { return Number(v, static_cast<int64_t>(v.header().numbers[2])); }},
    {"loginuid", [](RecordView& v) { return Number(v, static_cast<int32_t>(v.header().loginuid)); }},
    {"mode", Mode},
    {"pgid", [](RecordView& v) { return Number(v, v.header().pgid); }},
    {"pid", [](RecordView& v) { return Number(v, v.header().pid); }},
    {"ptid", [](RecordView& v) { return Number(v, v.header().parent_pid); }},
    {"res", ArgResult},
    {"tid", [](RecordView& v) { return Number(v, v.header().tid); }},
    {"trusted_exepath", OwnExepath},
    {"tty", [](RecordView& v) { return Number(v, v.header().tty); }},
    {"uid", [](RecordView& v) { return Number(v, v.header().uid); }},
};

}  // namespace

Value ExtractArg(RecordView& view, const check::FieldUse& use) {
  const check::HookId hook = view.hook();
  const std::string_view name = check::ArgName(use, hook, view.header().type);
  const check::ArgRow* known = check::FindArg(name);
  if (known == nullptr || (known->hooks & check::MaskOf(hook)) == 0) return Value::Absent();
  for (const ArgRow& row : kArgs) {
    if (row.name == name) return row.extract(view);
  }
  return Value::Absent();
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
