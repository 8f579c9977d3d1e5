#include <fcntl.h>

#include "compiler/check/operand.h"
#include "tests/differential/vocabulary.h"

namespace sluice::differential {
namespace {

using naive::Value;

Image SomeImage(Random& random) {
  Image image;
  image.name = SomeName(random);
  if (!random.Chance(8)) image.exepath = SomePath(random);
  return image;
}

Value TextOrAbsent(const std::optional<std::string>& text) { return text ? Value::Of(*text) : Value(); }

uint64_t SomeOpenFlags(Random& random) {
  uint64_t word = random.Below(3);  // the access mode
  for (const uint64_t bit : {O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_NONBLOCK, O_DIRECTORY, 040000, 010000}) {
    if (random.Chance(25)) word |= bit;
  }
  if ((word & 3) != O_WRONLY) word |= SLUICE_FLAG_READ;
  if ((word & 3) != O_RDONLY || (word & O_TRUNC) != 0) word |= SLUICE_FLAG_WRITE;
  if (random.Chance(10)) word |= SLUICE_FLAG_EXEC;
  if ((word & O_CREAT) != 0 && random.Chance(50)) word |= SLUICE_FLAG_CREATED;
  return word;
}

void AddProcess(EventCase& event, Random& random) {
  event.image = SomeImage(random);
  event.fields["proc.name"] = Value::Of(event.image.name);
  event.exepath_unknown = event.image.exepath && random.Chance(4);
  event.fields["proc.exepath"] = TextOrAbsent(event.image.exepath);
  if (!random.Chance(10)) event.fields["proc.cmdline"] = Value::Of(SomeCommand(random));
  event.uid = SomeNumber(random);
  event.gid = SomeNumber(random);
  event.loginuid = random.Chance(30) ? -1 : SomeNumber(random);
  event.cgroup_id = SomeNumber(random);
  event.mnt_ns = SomeNumber(random);
  event.pid_ns = SomeNumber(random);
  event.uptime_s = SomeNumber(random);
  event.fields["evt.uptime.s"] = Value::Of(event.uptime_s);
  event.fields["proc.cgroup_id"] = Value::Of(event.cgroup_id);
  event.fields["proc.mnt_ns"] = Value::Of(event.mnt_ns);
  event.fields["proc.pid_ns"] = Value::Of(event.pid_ns);
  event.fields["user.uid"] = Value::Of(event.uid);
  event.fields["group.gid"] = Value::Of(event.gid);
  event.fields["user.loginuid"] = Value::Of(event.loginuid);
  for (const uint64_t bit : {SLUICE_FLAG_MEMFD, SLUICE_FLAG_DELETED, SLUICE_FLAG_UPPER}) {
    if (random.Chance(20)) event.flags |= bit;
  }
  event.fields["proc.is_exe_from_memfd"] = Value::OfBool((event.flags & SLUICE_FLAG_MEMFD) != 0);
  event.fields["proc.is_exe_deleted"] = Value::OfBool((event.flags & SLUICE_FLAG_DELETED) != 0);
  event.fields["proc.is_exe_upper_layer"] = Value::OfBool((event.flags & SLUICE_FLAG_UPPER) != 0);
}

void AddLineage(EventCase& event, Random& random) {
  std::vector<Value> names, paths;
  for (size_t i = 0, n = random.Below(random.Chance(20) ? 12 : 5); i < n; ++i) {
    event.ancestors.push_back(SomeImage(random));
    names.push_back(Value::Of(event.ancestors.back().name));
    paths.push_back(TextOrAbsent(event.ancestors.back().exepath));
  }
  event.lineage_known = !random.Chance(5);
  if (!names.empty()) {
    event.fields["proc.pname"] = names[0];
    event.fields["proc.pexepath"] = paths[0];
  }
  event.fields["proc.aname"] = Value::Of(names, false);
  event.fields["proc.aexepath"] = Value::Of(paths, false);
}

std::string ShownBits(uint64_t word, const check::NameTable& names) {
  std::string shown;
  for (const check::NamedNumber& named : names) {
    if ((word & named.number) != 0) shown += (shown.empty() ? "" : "|") + std::string(named.name);
  }
  return shown;
}

Value NumberValue(int64_t number, bool as_text) {
  if (number == SLUICE_ABSENT_INT) return Value();
  return as_text ? Value::Of(std::to_string(number)) : Value::Of(number);
}

// The value of an operand, made when nothing of the event has it yet.
Value OperandValue(EventCase& event, const check::Operand& operand, Random& random) {
  using Kind = check::OperandKind;
  if (operand.kind == Kind::kText || operand.kind == Kind::kDirectory || operand.kind == Kind::kBaseName) {
    std::optional<std::string>& text = operand.place == SLUICE_STR_TARGET ? event.target
                                       : operand.place == SLUICE_STR_TEXT ? event.text
                                                                          : event.path;
    if (!text) {
      text = operand.place == SLUICE_STR_TEXT ? SomeName(random) : SomePath(random);
      if (check::IsAsGiven(operand) && random.Chance(30))
        text = random.Chance(50) ? "/" + *text : text->substr(1);
    }
    if (operand.kind == Kind::kDirectory) return Value::Of(DirectoryOf(*text));
    return Value::Of(operand.kind == Kind::kBaseName ? BaseNameOf(*text) : *text);
  }
  if (operand.kind == Kind::kFlags) {
    for (const check::NamedNumber& named : check::NamesOf(operand.names)) {
      if (random.Chance(15)) event.flags |= named.number;
    }
    return Value::Of(ShownBits(event.flags, check::NamesOf(operand.names)));
  }
  int64_t& number = event.numbers[operand.place];
  if (number == SLUICE_ABSENT_INT && !random.Chance(10)) number = SomeNumber(random);
  return NumberValue(number, operand.kind == Kind::kDecimal);
}

bool IsSimple(const check::Operand& operand) {
  using Kind = check::OperandKind;
  return operand.kind <= Kind::kDecimal || operand.kind == Kind::kFlags;
}

// What the hook itself brings.
void AddOperands(EventCase& event, Random& random) {
  event.numbers.fill(SLUICE_ABSENT_INT);
  event.path_unknown = random.Chance(4);
  for (const check::Operand& operand : check::Operands()) {
    if ((operand.hooks >> event.hook & 1) == 0 || !IsSimple(operand)) continue;
    const check::FieldUse use{.field = operand.field, .index = -1, .argument = std::string(operand.argument)};
    event.fields[use.Name()] = OperandValue(event, operand, random);
  }
  if (event.hook != SLUICE_HOOK_FILE_OPEN) return;
  event.flags |= SomeOpenFlags(random);
  event.fields["evt.arg.flags"] = Value::Of(ShownFlags(event.flags));
  const bool directory = random.Chance(25);
  if (directory) event.flags |= SLUICE_FLAG_DIRECTORY;
  event.fields["fd.type"] = Value::Of(directory ? "directory" : "file");
  event.fields["fd.typechar"] = Value::Of(directory ? "d" : "f");
}

// Takes away what the case says cannot be had, and now and then the command line.
void Hide(EventCase& event, Random& random) {
  const auto hide = [&](const std::string& field) {
    const auto found = event.fields.find(field);
    if (found != event.fields.end()) found->second = Value::Unknown();
  };
  if (event.exepath_unknown) hide("proc.exepath");
  if (event.path_unknown) {
    for (const check::Operand& operand : check::Operands()) {
      const bool text = operand.kind <= check::OperandKind::kBaseName && operand.place == SLUICE_STR_PATH;
      if (!text || (operand.hooks >> event.hook & 1) == 0) continue;
      hide(check::FieldUse{.field = operand.field, .index = -1, .argument = std::string(operand.argument)}
               .Name());
    }
  }
  if (random.Chance(5)) hide("proc.cmdline");
  if (event.lineage_known) return;  // else there is a gap right above the process
  for (const char* field : {"proc.aname", "proc.aexepath"}) event.fields[field] = Value::Of({}, true);
  for (const char* field : {"proc.pname", "proc.pexepath"}) event.fields[field] = Value::Unknown();
}

}  // namespace

EventCase GenerateEvent(Random& random) {
  EventCase event;
  // Not those of some rules only: that name a call without a hook, that kill a new image for its arguments, that name
  // the hook.
  do {
    event.hook = random.Pick(check::Hooks()).id;
  } while (event.hook == SLUICE_HOOK_SYS_EXIT || event.hook == SLUICE_HOOK_BPRM_COMMITTED ||
           event.hook == SLUICE_HOOK_MODULE_HIDDEN);
  std::vector<check::EventType> types;
  for (const check::EventRow& row : check::Events()) {
    if (row.IsAt(event.hook)) types.push_back(row.type);
  }
  if (!types.empty() && !random.Chance(10)) event.type = random.Pick(types);
  if (event.type != check::kNoType) {
    event.fields["evt.type"] = Value::Of(std::string(check::EventName(event.type)));
    event.fields["syscall.type"] = event.fields["evt.type"];
  }
  event.fields["evt.hook"] = Value::Of(std::string(check::FindHook(event.hook)->name));
  AddProcess(event, random);
  AddLineage(event, random);
  AddOperands(event, random);
  event.fields["evt.is_open_read"] = Value::OfBool((event.flags & SLUICE_FLAG_READ) != 0);
  event.fields["evt.is_open_write"] = Value::OfBool((event.flags & SLUICE_FLAG_WRITE) != 0);
  event.fields["evt.is_open_exec"] = Value::OfBool((event.flags & SLUICE_FLAG_EXEC) != 0);
  event.fields["evt.is_open_create"] = Value::OfBool((event.flags & SLUICE_FLAG_CREATED) != 0);
  event.complete = event.fields;
  Hide(event, random);
  return event;
}

}  // namespace sluice::differential
