#include "harness/kernel_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "compiler/check/operand.h"
#include "compiler/split/open_flags.h"

namespace sluice::harness {
namespace {

using check::FieldId;
using check::OperandKind;
using eval::Value;

struct Number {
  FieldId field;
  uint32_t number;
};
constexpr Number kNumbers[] = {
    {FieldId::kUserUid, SLUICE_INT_UID},           {FieldId::kGroupGid, SLUICE_INT_GID},
    {FieldId::kUserLoginuid, SLUICE_INT_LOGINUID}, {FieldId::kProcCgroupId, SLUICE_INT_CGROUP},
    {FieldId::kProcMntNs, SLUICE_INT_MNT_NS},      {FieldId::kProcPidNs, SLUICE_INT_PID_NS},
    {FieldId::kEvtUptimeS, SLUICE_INT_UPTIME}};

constexpr Number kCapabilitySets[] = {{FieldId::kThreadCapEffective, SLUICE_WORD_CAP_EFFECTIVE},
                                      {FieldId::kThreadCapPermitted, SLUICE_WORD_CAP_PERMITTED},
                                      {FieldId::kThreadCapInheritable, SLUICE_WORD_CAP_INHERITABLE}};

struct Bit {
  FieldId field;
  uint64_t bit;
};
constexpr Bit kBits[] = {
    {FieldId::kEvtIsOpenRead, SLUICE_FLAG_READ},       {FieldId::kEvtIsOpenWrite, SLUICE_FLAG_WRITE},
    {FieldId::kEvtIsOpenExec, SLUICE_FLAG_EXEC},       {FieldId::kEvtIsOpenCreate, SLUICE_FLAG_CREATED},
    {FieldId::kProcIsExeFromMemfd, SLUICE_FLAG_MEMFD}, {FieldId::kProcIsExeDeleted, SLUICE_FLAG_DELETED},
    {FieldId::kProcIsExeUpperLayer, SLUICE_FLAG_UPPER}};

// Fields that the kernel answers for every hook, beside those of check/operands.def.
constexpr FieldId kOthers[] = {FieldId::kProcName,     FieldId::kProcExepath, FieldId::kProcPname,
                               FieldId::kProcPexepath, FieldId::kProcAname,   FieldId::kProcAexepath,
                               FieldId::kEvtType,      FieldId::kSyscallType, FieldId::kEvtHook,
                               FieldId::kEvtSource};

Value Get(const eval::Event& event, FieldId field, std::string_view argument = {}) {
  return event.Get({.field = field, .index = -1, .argument = std::string(argument)});
}

uint64_t BitsOf(std::string_view text, const check::NameTable& names) {
  uint64_t bits = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find_first_of("| "));
    for (const check::NamedNumber& named : names) {
      if (named.name == word) bits |= named.number;
    }
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return bits;
}

int64_t NumberOf(const Value& value, const check::Operand& operand) {
  if (value.kind == Value::Kind::kNumber) return value.number;
  if (value.kind == Value::Kind::kUnknown) return SLUICE_UNKNOWN_INT;
  if (value.kind != Value::Kind::kString) return SLUICE_ABSENT_INT;
  for (const check::NamedNumber& named : check::NamesOf(operand.names)) {
    if (named.name == value.text) return static_cast<int64_t>(named.number);
  }
  const int base = operand.kind == OperandKind::kHex ? 16 : 10;
  const bool prefixed = base == 16 && value.text.starts_with("0x");
  int64_t number = 0;
  const char* end = value.text.data() + value.text.size();
  const auto read = std::from_chars(value.text.data() + (prefixed ? 2 : 0), end, number, base);
  return read.ec == std::errc() && read.ptr == end ? number : SLUICE_ABSENT_INT;
}

// Several numbers may have one name: `ip` is IPv4 and IPv6.
bool IsShownAs(int64_t number, const Value& value, const check::Operand& operand) {
  const check::NameTable& names = check::NamesOf(operand.names);
  return value.kind == Value::Kind::kString &&
         std::any_of(names.begin(), names.end(), [&](const check::NamedNumber& named) {
           return static_cast<int64_t>(named.number) == number && named.name == value.text;
         });
}

// Fills a Subject, and remembers when two fields say two things of one value.
class Filler {
 public:
  Filler(const eval::Event& event, KernelEvent& made) : event_(event), made_(made) {
    std::fill_n(made.subject.ints.begin() + SLUICE_INT_ARG, SLUICE_ARGS, SLUICE_ABSENT_INT);
  }

  void Text(FieldId field, std::string_view argument, uint32_t string) {
    const Value value = Get(event_, field, argument);
    if (value.kind == Value::Kind::kUnknown) made_.subject.unknown_strings |= 1u << string;
    if (value.kind != Value::Kind::kString) return;
    std::optional<std::string_view>& text = made_.subject.strings[string];
    if (text && *text != value.text) Contradict(field, argument);
    text = value.text;
  }

  void Operand(const check::Operand& operand) {
    const Value value = Get(event_, operand.field, operand.argument);
    switch (operand.kind) {
      case OperandKind::kText:
        return Text(operand.field, operand.argument, operand.place);
      case OperandKind::kDirectory:
      case OperandKind::kBaseName:
        return Part(operand, value);
      case OperandKind::kFlags:
        made_.subject.flags[SLUICE_WORD_EVENT] |= BitsOf(value.text, check::NamesOf(operand.names));
        return;
      case OperandKind::kNumber:
      case OperandKind::kDecimal:
      case OperandKind::kHex:
      case OperandKind::kName:
      case OperandKind::kNameOnly: {
        const int64_t number = NumberOf(value, operand);
        int64_t& place = made_.subject.ints[SLUICE_INT_ARG + operand.place];
        if (number == SLUICE_ABSENT_INT || IsShownAs(place, value, operand)) return;
        if (place != SLUICE_ABSENT_INT && place != number) Contradict(operand.field, operand.argument);
        place = number;
        return;
      }
      case OperandKind::kEnd:
        if (value.kind == Value::Kind::kNet) made_.subject.ends[operand.place] = value.net.address.bytes;
        return;
      case OperandKind::
          kSocketName:  // a UNIX socket's; else it says both ends, which have fields of their own
        if (value.kind == Value::Kind::kString && value.text.find("->") == std::string_view::npos)
          Text(operand.field, operand.argument, operand.place);
        return;
      case OperandKind::kHostNames:
      case OperandKind::kEitherEnd:  // of what the others fill
      case OperandKind::kEitherNumber:
        return;
    }
  }

 private:
  // The directory and the base name follow from the text.
  void Part(const check::Operand& operand, const Value& value) {
    const std::optional<std::string_view>& path = made_.subject.strings[operand.place];
    if (!path || value.kind != Value::Kind::kString) return;
    const size_t slash = path->rfind('/');
    if (slash == std::string_view::npos) return;
    const bool directory = operand.kind == OperandKind::kDirectory;
    if (value.text != (directory ? path->substr(0, slash == 0 ? 1 : slash) : path->substr(slash + 1)))
      Contradict(operand.field, operand.argument);
  }

  void Contradict(FieldId field, std::string_view argument) {
    made_.contradiction =
        fmt::format("`{}` says something else than another field of the same value",
                    check::FieldUse{.field = field, .index = -1, .argument = std::string(argument)}.Name());
  }

  const eval::Event& event_;
  KernelEvent& made_;
};

// An ancestor each: its name and its path, the parent first.
void SetLineage(const eval::Event& event, const kplan::Model& model, KernelEvent& made) {
  kplan::Subject& subject = made.subject;
  for (int32_t level = 1; level <= check::kMaxFieldIndex; ++level) {
    const Value name = event.Get({.field = FieldId::kProcAname, .index = level, .argument = {}});
    const Value path = event.Get({.field = FieldId::kProcAexepath, .index = level, .argument = {}});
    const bool name_unknown = name.kind == Value::Kind::kUnknown,
               path_unknown = path.kind == Value::Kind::kUnknown;
    if (name_unknown != path_unknown)
      made.contradiction = "the model of the kernel knows of an ancestor its name and its path, or neither";
    if (name_unknown || path_unknown) subject.lineage_known = false;
    if (name.kind != Value::Kind::kString || !subject.lineage_known) return;
    std::optional<std::string_view> known_path;
    if (path.kind == Value::Kind::kString) known_path = path.text;
    const uint64_t atoms = model.ImageAtoms(name.text, known_path);
    if (level < SLUICE_LINEAGE_LEVELS) subject.ancestors[static_cast<size_t>(level)] = atoms;
    subject.ancestors[0] |= atoms;
  }
}

// What an open is of: both fields say it.
void SetFileType(const eval::Event& event, KernelEvent& made) {
  const Value type = Get(event, FieldId::kFdType), letter = Get(event, FieldId::kFdTypechar);
  const bool directory = type.text == "directory";
  if ((!directory && type.text != "file") || letter.text != (directory ? "d" : "f"))
    made.contradiction =
        "what is opened is a `file`, `f`, or a `directory`, `d`: `fd.type` and `fd.typechar` say neither";
  if (directory) made.subject.flags[SLUICE_WORD_EVENT] |= SLUICE_FLAG_DIRECTORY;
}

}  // namespace

KernelEvent KernelEventOf(const eval::Event& event, const kplan::Model& model) {
  KernelEvent made;
  kplan::Subject& subject = made.subject;
  subject.hook = event.hook();
  subject.type = event.type();
  for (const Number& number : kNumbers) {
    const Value value = Get(event, number.field);
    subject.ints[number.number] = value.number;
    if (value.kind != Value::Kind::kNumber)
      made.contradiction =
          fmt::format("the kernel always has `{}`",
                      check::FieldUse{.field = number.field, .index = -1, .argument = {}}.Name());
  }
  subject.ints[SLUICE_INT_RESULT] = SLUICE_ABSENT_INT;
  const Value result = Get(event, FieldId::kEvtRawres);
  if (subject.hook == SLUICE_HOOK_SYS_EXIT && result.kind == Value::Kind::kNumber)
    subject.ints[SLUICE_INT_RESULT] = result.number;
  for (const Bit& bit : kBits) {
    if (Get(event, bit.field).number != 0) subject.flags[SLUICE_WORD_EVENT] |= bit.bit;
  }
  if (const Value id = Get(event, FieldId::kContainerId); id.kind == Value::Kind::kString)
    subject.flags[SLUICE_WORD_EVENT] |= id.text == "host" ? SLUICE_FLAG_HOST : SLUICE_FLAG_CONTAINER;
  for (const Number& set : kCapabilitySets) {
    subject.flags[set.number] =
        BitsOf(Get(event, set.field).text, check::NamesOf(check::Names::kCapabilities));
  }
  if (subject.hook == SLUICE_HOOK_FILE_OPEN) {
    const Value flags = Get(event, FieldId::kEvtArg, "flags");
    subject.flags[SLUICE_WORD_EVENT] |= BitsOf(flags.text, split::OpenFlags());
    SetFileType(event, made);
  }
  if (Get(event, FieldId::kFdNameraw).text.find("../") != std::string_view::npos)
    subject.flags[SLUICE_WORD_EVENT] |= SLUICE_FLAG_CLIMBS;
  Filler filler(event, made);
  filler.Text(FieldId::kProcName, "", SLUICE_STR_NAME);
  filler.Text(FieldId::kProcExepath, "", SLUICE_STR_EXEPATH);
  if (subject.hook == SLUICE_HOOK_BPRM_CHECK) {
    filler.Text(FieldId::kEvtArg, "comm", SLUICE_STR_NAME);
    filler.Text(FieldId::kEvtArg, "trusted_exepath", SLUICE_STR_EXEPATH);
  }
  for (const check::Operand& operand : check::Operands()) {
    if ((operand.hooks >> subject.hook & 1) != 0) filler.Operand(operand);
  }
  SetLineage(event, model, made);
  subject.bucket = kplan::Model::BucketOf(subject.strings[SLUICE_STR_EXEPATH]);
  const Value cgroup = Get(event, FieldId::kThreadCgroups);
  if (cgroup.kind == Value::Kind::kString) subject.cgroup_scopes = model.CgroupScopesOf(cgroup.text);
  return made;
}

bool IsKernelField(const check::FieldUse& use, check::HookId hook) {
  if (use.field == FieldId::kEvtRawres) return hook == SLUICE_HOOK_SYS_EXIT;
  if (check::FindOperand(use, hook) != nullptr) return true;
  if (use.field == FieldId::kEvtArg) {
    const std::string_view name = check::ArgName(use, hook);
    return name == "flags" || name == "comm" || name == "trusted_exepath";
  }
  const auto is = [&](const auto& row) { return row.field == use.field; };
  if (use.field == FieldId::kContainerId || use.field == FieldId::kFdNameraw) return true;
  if (use.field == FieldId::kFdType || use.field == FieldId::kFdTypechar)
    return hook == SLUICE_HOOK_FILE_OPEN;
  return std::any_of(std::begin(kNumbers), std::end(kNumbers), is) ||
         std::any_of(std::begin(kBits), std::end(kBits), is) ||
         std::any_of(std::begin(kCapabilitySets), std::end(kCapabilitySets), is) ||
         std::find(std::begin(kOthers), std::end(kOthers), use.field) != std::end(kOthers);
}

}  // namespace sluice::harness
