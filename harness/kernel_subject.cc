#include "harness/kernel_subject.h"

#include <algorithm>

#include "compiler/split/open_flags.h"

namespace sluice::harness {
namespace {

using check::FieldId;
using eval::Value;

struct Number {
  FieldId field;
  uint32_t number;
};
constexpr Number kNumbers[] = {{FieldId::kUserUid, SLUICE_INT_UID},
                               {FieldId::kGroupGid, SLUICE_INT_GID},
                               {FieldId::kUserLoginuid, SLUICE_INT_LOGINUID}};

struct Bit {
  FieldId field;
  uint64_t bit;
};
constexpr Bit kBits[] = {
    {FieldId::kEvtIsOpenRead, SLUICE_FLAG_READ},       {FieldId::kEvtIsOpenWrite, SLUICE_FLAG_WRITE},
    {FieldId::kEvtIsOpenExec, SLUICE_FLAG_EXEC},       {FieldId::kEvtIsOpenCreate, SLUICE_FLAG_CREATED},
    {FieldId::kProcIsExeFromMemfd, SLUICE_FLAG_MEMFD}, {FieldId::kProcIsExeDeleted, SLUICE_FLAG_DELETED},
    {FieldId::kProcIsExeUpperLayer, SLUICE_FLAG_UPPER}};

// Fields that one of the texts answers.
constexpr FieldId kTexts[] = {FieldId::kProcName,     FieldId::kProcExepath,  FieldId::kFdName,
                              FieldId::kFsPathName,   FieldId::kFdDirectory,  FieldId::kFdFilename,
                              FieldId::kProcPname,    FieldId::kProcPexepath, FieldId::kProcAname,
                              FieldId::kProcAexepath, FieldId::kEvtType,      FieldId::kSyscallType,
                              FieldId::kEvtHook,      FieldId::kEvtSource};

Value Get(const eval::Event& event, FieldId field, std::string argument = {}) {
  return event.Get({.field = field, .index = -1, .argument = std::move(argument)});
}

void SetText(const Value& value, uint32_t string, kplan::Subject& subject) {
  if (value.kind == Value::Kind::kUnknown) subject.unknown_strings |= 1u << string;
  if (value.kind == Value::Kind::kString) subject.strings[string] = value.text;
}

uint64_t FlagsOf(std::string_view text) {
  uint64_t flags = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find('|'));
    for (const split::OpenFlag& flag : split::OpenFlags()) {
      if (flag.name == word) flags |= flag.bit;
    }
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return flags;
}

// An ancestor each: its name and its path, the parent first.
void SetLineage(const eval::Event& event, const kplan::Model& model, kplan::Subject& subject) {
  for (int32_t level = 1; level <= check::kMaxFieldIndex; ++level) {
    const Value name = event.Get({.field = FieldId::kProcAname, .index = level, .argument = {}});
    const Value path = event.Get({.field = FieldId::kProcAexepath, .index = level, .argument = {}});
    if (name.kind == Value::Kind::kUnknown || path.kind == Value::Kind::kUnknown)
      subject.lineage_known = false;
    if (name.kind != Value::Kind::kString || !subject.lineage_known) return;
    std::optional<std::string_view> known_path;
    if (path.kind == Value::Kind::kString) known_path = path.text;
    const uint64_t atoms = model.ImageAtoms(name.text, known_path);
    if (level < SLUICE_LINEAGE_LEVELS) subject.ancestors[static_cast<size_t>(level)] = atoms;
    subject.ancestors[0] |= atoms;
  }
}

}  // namespace

kplan::Subject SubjectOf(const eval::Event& event, const kplan::Model& model) {
  kplan::Subject subject;
  subject.hook = event.hook();
  subject.type = event.type();
  for (const Number& number : kNumbers) subject.ints[number.number] = Get(event, number.field).number;
  for (const Bit& bit : kBits) {
    if (Get(event, bit.field).number != 0) subject.flags |= bit.bit;
  }
  if (subject.hook == SLUICE_HOOK_FILE_OPEN) {
    subject.flags |= FlagsOf(Get(event, FieldId::kEvtArg, "flags").text);
  }
  SetText(Get(event, FieldId::kProcName), SLUICE_STR_NAME, subject);
  SetText(Get(event, FieldId::kProcExepath), SLUICE_STR_EXEPATH, subject);
  SetText(Get(event, subject.hook == SLUICE_HOOK_FILE_OPEN ? FieldId::kFdName : FieldId::kFsPathName),
          SLUICE_STR_PATH, subject);
  SetLineage(event, model, subject);
  return subject;
}

bool IsKernelField(const check::FieldUse& use) {
  const auto is = [&](const auto& row) { return row.field == use.field; };
  if (use.field == FieldId::kEvtArg) {
    for (const char* name : {"flags", "name", "path", "comm", "trusted_exepath"}) {
      if (use.argument == name) return true;
    }
    return false;
  }
  return std::any_of(std::begin(kNumbers), std::end(kNumbers), is) ||
         std::any_of(std::begin(kBits), std::end(kBits), is) ||
         std::find(std::begin(kTexts), std::end(kTexts), use.field) != std::end(kTexts);
}

}  // namespace sluice::harness
