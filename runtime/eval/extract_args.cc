// evt.arg.NAME and evt.arg[N]: Falco's arguments, as text.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>

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

Value Path(RecordView& view) { return FromText(view.record->path); }

Value Flags(RecordView& view) {
  const uint64_t word = view.header().numbers[0];
  return Value::String(view.IsExec() ? RenderImageFlags(word, view.arena)
                                     : RenderOpenFlags(word, view.arena));
}

// Of an open only the mode of what it creates; the file's own for a node that is made.
Value Mode(RecordView& view) {
  const auto mode = static_cast<uint32_t>(view.header().numbers[1]);
  if (view.Is(SLUICE_HOOK_PATH_MKNOD)) return Value::String(RenderMode(mode, view.arena));
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
    {"filename", [](RecordView& v) { return FromText(v.record->filename); }},
    {"flags", Flags},
    {"gid", [](RecordView& v) { return Number(v, v.header().gid); }},
    {"ino", [](RecordView& v) { return Number(v, static_cast<int64_t>(v.header().numbers[2])); }},
    {"loginuid", [](RecordView& v) { return Number(v, static_cast<int32_t>(v.header().loginuid)); }},
    {"mode", Mode},
    {"name", Path},
    {"path", Path},
    {"pgid", [](RecordView& v) { return Number(v, v.header().pgid); }},
    {"pid", [](RecordView& v) { return Number(v, v.header().pid); }},
    {"ptid", [](RecordView& v) { return Number(v, v.header().parent_pid); }},
    {"tid", [](RecordView& v) { return Number(v, v.header().tid); }},
    {"trusted_exepath", OwnExepath},
    {"tty", [](RecordView& v) { return Number(v, v.header().tty); }},
    {"uid", [](RecordView& v) { return Number(v, v.header().uid); }},
};

// Arguments by position.
struct Order {
  std::string_view type;
  std::string_view names;
};
constexpr Order kOrders[] = {
    {"open", "fd name flags mode dev ino"},
    {"creat", "fd name mode dev ino creat_flags"},
    {"openat", "fd dirfd name flags mode dev ino"},
    {"openat2", "fd dirfd name flags mode resolve dev ino"},
    {"open_by_handle_at", "fd mountfd flags path dev ino"},
    {"mknod", "res path mode dev"},
    {"mknodat", "res dirfd path mode dev"},
    {"unlink", "res path"},
    {"unlinkat", "res dirfd name flags"},
    {"execve",
     "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty "
     "vpgid "
     "loginuid flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid "
     "trusted_exepath pgid gid filename"},
    {"execveat",
     "res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty "
     "vpgid "
     "loginuid flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid "
     "trusted_exepath pgid gid"},
};

std::string_view NameAt(std::string_view type, size_t index) {
  for (const Order& order : kOrders) {
    if (order.type != type) continue;
    std::string_view rest = order.names;
    for (; index > 0 && !rest.empty(); --index) {
      const size_t blank = rest.find(' ');
      rest = blank == std::string_view::npos ? std::string_view() : rest.substr(blank + 1);
    }
    return rest.substr(0, rest.find(' '));
  }
  return {};
}

}  // namespace

Value ExtractArg(RecordView& view, const check::FieldUse& use) {
  std::string_view name = use.argument;
  size_t index = 0;
  const auto result = std::from_chars(name.data(), name.data() + name.size(), index);
  if (!name.empty() && result.ec == std::errc() && result.ptr == name.data() + name.size()) {
    name = NameAt(check::EventName(view.header().type), index);
  }
  const check::HookId hook =
      view.IsExec() ? check::HookId{SLUICE_HOOK_BPRM_CHECK} : check::HookId{view.header().hook};
  const check::ArgRow* known = check::FindArg(name);
  if (known == nullptr || (known->hooks & check::MaskOf(hook)) == 0) return Value::Absent();
  for (const ArgRow& row : kArgs) {
    if (row.name == name) return row.extract(view);
  }
  return Value::Absent();
}

}  // namespace sluice::eval
