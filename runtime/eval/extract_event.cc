// Fields of the event itself: evt, syscall, fd, fs.
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/eval/extractors.h"
#include "runtime/eval/render.h"

namespace sluice::eval {
namespace {

using check::FieldId;
using check::FieldUse;

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kModeBits = SLUICE_FLAG_READ | SLUICE_FLAG_WRITE | SLUICE_FLAG_EXEC | SLUICE_FLAG_CREATED;
constexpr uint64_t kExecOpen = 0x20;  // FMODE_EXEC in f_flags

int64_t UnixTime(const RecordView& view) { return view.UnixTime(view.header().time_ns); }

template <TimeStyle style>
Value Time(RecordView& view, const FieldUse&) {
  return Value::String(RenderTime(UnixTime(view), view.utc_offset_s, style, view.arena));
}

Value Type(RecordView& view, const FieldUse&) {
  const std::string_view name = check::EventName(view.header().type);
  return name.empty() ? Value::Absent() : Value::String(name);
}

Value TypeIs(RecordView& view, const FieldUse& use) {
  return Value::Number(check::EventName(view.header().type) == use.argument);
}

struct CategoryRow {
  std::string_view category;
  std::vector<std::string_view> types;
};

// By event type. As in Falco's table of events; a call that has no entry of its own there is `other`.
const std::vector<std::string_view>& Categories() {
  static const std::vector<std::string_view> by_type = [] {
    const CategoryRow rows[] = {
        {"process",
         {"execve", "execveat", "clone", "clone3", "unshare", "setns", "setsid", "chroot", "ptrace", "prctl",
          "capset"}},
        {"file", {"open",      "openat",   "openat2", "creat",      "open_by_handle_at", "mknod",  "mknodat",
                  "unlink",    "unlinkat", "rmdir",   "mkdir",      "mkdirat",           "rename", "renameat",
                  "renameat2", "link",     "linkat",  "symlink",    "symlinkat",         "chmod",  "fchmod",
                  "fchmodat",  "chown",    "fchown",  "lchown",     "fchownat",          "mount",  "umount",
                  "umount2",   "chdir",    "fchdir",  "userfaultfd"}},
        {"net",
         {"socket", "bind", "connect", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg"}},
        {"memory", {"mmap", "mmap2", "mprotect", "memfd_create"}},
        {"user", {"setuid", "setgid", "setresuid", "setresgid", "setreuid", "setregid"}},
        {"signal", {"kill", "tkill", "tgkill"}},
    };
    std::vector<std::string_view> made(check::Events().size() + 1, "other");
    for (const CategoryRow& row : rows) {
      for (const std::string_view type : row.types) made[check::FindEvent(type)] = row.category;
    }
    return made;
  }();
  return by_type;
}

Value Category(RecordView& view, const FieldUse&) {
  const check::EventType type = view.header().type;
  if (type == check::kNoType || type >= Categories().size()) return Value::Absent();
  return Value::String(Categories()[type]);
}

Value EventNumber(RecordView& view, const FieldUse&) {
  return view.number == 0 ? Value::Absent() : Value::Number(static_cast<int64_t>(view.number));
}

Value Hook(RecordView& view, const FieldUse&) {
  const check::HookRow* row = check::FindHook(view.hook());
  return row == nullptr ? Value::Absent() : Value::String(row->name);
}

// The open's own bits. Where only f_flags are known, the access mode says what it can.
template <uint64_t flag>
Value IsOpen(RecordView& view, const FieldUse&) {
  if (!view.Is(SLUICE_HOOK_FILE_OPEN)) return Value::Bool(false);
  const uint64_t word = view.header().numbers[0];
  if ((word & kModeBits) != 0) return Value::Bool((word & flag) != 0);
  const uint64_t access = word & O_ACCMODE;
  switch (flag) {
    case SLUICE_FLAG_READ:
      return Value::Bool(access == O_RDONLY || access == O_RDWR);
    case SLUICE_FLAG_WRITE:
      return Value::Bool(access == O_WRONLY || access == O_RDWR || (word & O_TRUNC) != 0);
    case SLUICE_FLAG_EXEC:
      if (word & kExecOpen) return Value::Bool(true);
      break;
    default:
      break;
  }
  const bool given = (view.header().flags & SLUICE_EVENT_GIVEN) != 0;  // nothing was made
  return (word & O_CREAT) != 0 && !given ? Value::Unknown() : Value::Bool(false);
}

Value Result(RecordView& view, const FieldUse&) { return ResultOf(view); }

Value ResultText(RecordView& view, const FieldUse&) {
  const Value result = ResultOf(view);
  return result.kind == Value::Kind::kNumber ? ErrorText(view, result.number) : result;
}

Value Failed(RecordView& view, const FieldUse&) {
  const Value result = ResultOf(view);
  return result.kind == Value::Kind::kNumber ? Value::Bool(result.number < 0) : result;
}

// Of calls that return a descriptor.
Value FdNum(RecordView& view, const FieldUse& use) {
  const Value result = ResultOf(view);
  if ((check::RowOf(use.field).hooks >> view.hook() & 1) == 0) return Value::Absent();
  if (view.Is(SLUICE_HOOK_SYS_EXIT) && !check::ReturnsDescriptor(view.header().type)) return Value::Absent();
  return result.kind == Value::Kind::kNumber ? Value::Number(result.number < 0 ? -1 : result.number) : result;
}

Value NameRaw(RecordView& view, const FieldUse&) {
  return view.Is(SLUICE_HOOK_FILE_OPEN) ? FromText(view.record->filename) : Value::Absent();
}

bool IsFolder(const RecordView& view) { return (view.header().numbers[1] & S_IFMT) == S_IFDIR; }

Value FdType(RecordView& view, const FieldUse&) {
  if (!view.Is(SLUICE_HOOK_FILE_OPEN)) return Value::Absent();
  return Value::String(IsFolder(view) ? "directory" : "file");
}

Value FdTypechar(RecordView& view, const FieldUse&) {
  if (!view.Is(SLUICE_HOOK_FILE_OPEN)) return Value::Absent();
  return Value::String(IsFolder(view) ? "d" : "f");
}

// An open that is refused before it creates its file has no inode yet.
template <uint64_t (*part)(uint64_t)>
Value Inode(RecordView& view, size_t number) {
  if (!view.Is(SLUICE_HOOK_FILE_OPEN) || view.header().numbers[2] == 0) return Value::Absent();
  return Value::Number(static_cast<int64_t>(part(view.header().numbers[number])));
}

uint64_t Whole(uint64_t number) { return number; }
uint64_t Major(uint64_t device) { return device >> 8 & 0xfff; }
uint64_t Minor(uint64_t device) { return (device & 0xff) | (device >> 12 & 0xfff00); }

constexpr struct {
  std::string_view name;
  int number;
} kErrnos[] = {
#define ERRNO(name, number) {name, number},
#include "compiler/ast/errno.def"
#undef ERRNO
};

}  // namespace

Value ResultOf(const RecordView& view) {
  const sluice_record& header = view.header();
  if ((header.flags & SLUICE_EVENT_RESULT) != 0) return Value::Number(header.result);
  return header.type == check::kNoType ? Value::Absent() : Value::Unknown();
}

Value ErrorText(RecordView& view, int64_t result) {
  if (result >= 0) return Value::String("SUCCESS");
  for (const auto& row : kErrnos) {
    if (result == -int64_t{row.number}) return Value::String(row.name);
  }
  return Value::String(RenderNumber(result, view.arena));
}

const std::vector<ExtractorRow>& EventExtractors() {
  static const std::vector<ExtractorRow> rows = {
      {FieldId::kEvtUptimeS,
       [](RecordView& v, const FieldUse&) {
         return Value::Number(static_cast<int64_t>(v.header().time_ns) / kNsPerSecond);
       }},
      {FieldId::kEvtTime, Time<TimeStyle::kTime>},
      {FieldId::kEvtTimeS, Time<TimeStyle::kTimeSeconds>},
      {FieldId::kEvtTimeIso8601, Time<TimeStyle::kIso8601>},
      {FieldId::kEvtDatetime, Time<TimeStyle::kDatetime>},
      {FieldId::kEvtDatetimeS, Time<TimeStyle::kDatetimeSeconds>},
      {FieldId::kEvtRawtime, [](RecordView& v, const FieldUse&) { return Value::Number(UnixTime(v)); }},
      {FieldId::kEvtRawtimeS,
       [](RecordView& v, const FieldUse&) { return Value::Number(UnixTime(v) / kNsPerSecond); }},
      {FieldId::kEvtRawtimeNs,
       [](RecordView& v, const FieldUse&) { return Value::Number(UnixTime(v) % kNsPerSecond); }},
      {FieldId::kEvtSource, [](RecordView&, const FieldUse&) { return Value::String("syscall"); }},
      {FieldId::kEvtDir, [](RecordView&, const FieldUse&) { return Value::String("<"); }},
      {FieldId::kEvtHostname, [](RecordView& v, const FieldUse&) { return Value::String(v.hostname); }},
      {FieldId::kEvtNum, EventNumber},
      {FieldId::kEvtCategory, Category},
      {FieldId::kEvtType, Type},
      {FieldId::kSyscallType, Type},
      {FieldId::kEvtTypeIs, TypeIs},
      {FieldId::kEvtHook, Hook},
      {FieldId::kEvtRes, ResultText},
      {FieldId::kEvtRawres, Result},
      {FieldId::kEvtFailed, Failed},
      {FieldId::kFdNum, FdNum},
      {FieldId::kFdNameraw, NameRaw},
      {FieldId::kEvtCpu, [](RecordView& v, const FieldUse&) { return Value::Number(v.header().cpu); }},
      {FieldId::kEvtArg, ExtractArg},
      {FieldId::kEvtRawarg, ExtractRawArg},
      {FieldId::kEvtArgs, ExtractArgs},
      {FieldId::kEvtInfo, ExtractArgs},
      {FieldId::kEvtCount, [](RecordView&, const FieldUse&) { return Value::Number(1); }},
      {FieldId::kEvtIsOpenRead, IsOpen<SLUICE_FLAG_READ>},
      {FieldId::kEvtIsOpenWrite, IsOpen<SLUICE_FLAG_WRITE>},
      {FieldId::kEvtIsOpenExec, IsOpen<SLUICE_FLAG_EXEC>},
      {FieldId::kEvtIsOpenCreate, IsOpen<SLUICE_FLAG_CREATED>},
      {FieldId::kFdType, FdType},
      {FieldId::kFdTypechar, FdTypechar},
      {FieldId::kFdDev, [](RecordView& v, const FieldUse&) { return Inode<Whole>(v, 3); }},
      {FieldId::kFdDevMajor, [](RecordView& v, const FieldUse&) { return Inode<Major>(v, 3); }},
      {FieldId::kFdDevMinor, [](RecordView& v, const FieldUse&) { return Inode<Minor>(v, 3); }},
      {FieldId::kFdIno, [](RecordView& v, const FieldUse&) { return Inode<Whole>(v, 2); }},
  };
  return rows;
}

}  // namespace sluice::eval
