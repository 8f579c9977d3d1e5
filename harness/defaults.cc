#include "harness/defaults.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "compiler/check/operand.h"
#include "compiler/split/open_flags.h"
#include "runtime/eval/render.h"

namespace sluice::harness {
namespace {

constexpr std::string_view kInit = "systemd";
constexpr uint64_t kAllCapabilities = (uint64_t{1} << 41) - 1;
constexpr size_t kMostLevels = 64;  // of `proc.aname[n]`
constexpr int64_t kSecond = 1'000'000'000;
constexpr const char *kHostMntNs = "4026531841", *kHostPidNs = "4026531836";  // as kernels number them

bool Has(const Fields& fields, std::string_view name) { return fields.find(name) != fields.end(); }

// The text of a single value; "" when there is none.
std::string Text(const Fields& fields, std::string_view name) {
  const auto found = fields.find(name);
  if (found == fields.end() || found->second.words.empty()) return "";
  return found->second.words.front();
}

void Default(Fields& fields, std::string_view name, std::string text) {
  fields.try_emplace(std::string(name), Written::Of(std::move(text)));
}

// The value of `from`, or that it has none, becomes the default of `name` too.
void DefaultAs(Fields& fields, std::string_view name, std::string_view from) {
  const auto found = fields.find(from);
  if (found != fields.end()) fields.try_emplace(std::string(name), Written(found->second));
}

bool HasValue(const Fields& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found != fields.end() && found->second.kind == Written::Kind::kValue;
}

// The first of `names` that is given becomes the default of the others; returns its text. Without a value it does so where
// no other has one.
std::string Share(Fields& fields, const std::vector<std::string>& names, std::string otherwise) {
  Written shared = Written::Of(std::move(otherwise));
  bool given = false;
  for (const std::string& name : names) {
    const auto found = fields.find(name);
    if (found == fields.end() || (found->second.words.empty() && given)) continue;
    given = true;
    shared = found->second;
    if (!shared.words.empty()) break;
  }
  if (shared.words.size() > 1) shared = Written::Of(shared.words.front());
  for (const std::string& name : names) fields.try_emplace(name, shared);
  return shared.words.empty() ? "" : shared.words.front();
}

std::vector<std::string> SplitBlanks(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (end > at) words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string Joined(const std::string& head, const std::string& rest) {
  return rest.empty() ? head : head + " " + rest;
}

std::string PathOfName(const std::string& name) {
  return name == kInit ? "/usr/lib/systemd/systemd" : "/usr/bin/" + name;
}

// ---- the program

void FillName(Fields& fields) {
  if (Has(fields, "proc.name")) return;
  const std::string line = Text(fields, "proc.cmdline");
  for (const std::string& source :
       {Text(fields, "proc.exepath"), Text(fields, "proc.exe"), line.substr(0, line.find(' '))}) {
    if (!source.empty()) return Default(fields, "proc.name", NameOfPath(source));
  }
  Default(fields, "proc.name", "program");
}

void FillArguments(Fields& fields) {
  const std::string line = Text(fields, "proc.cmdline");
  const size_t blank = line.find(' ');
  const auto given = fields.find("proc.args");
  std::string joined = blank == std::string::npos ? "" : line.substr(blank + 1);
  if (given != fields.end()) joined = fmt::format("{}", fmt::join(given->second.words, " "));
  std::vector<std::string> words =
      given != fields.end() && given->second.array ? given->second.words : SplitBlanks(joined);
  Default(fields, "proc.cmdnargs", std::to_string(words.size()));
  size_t bytes = 0;
  for (const std::string& word : words) bytes += word.size();
  Default(fields, "proc.cmdlenargs", std::to_string(bytes));
  const bool plain = fmt::format("{}", fmt::join(words, " ")) == joined;
  if (given == fields.end() ||
      (!given->second.array && plain && given->second.kind == Written::Kind::kValue)) {
    fields.insert_or_assign("proc.args", plain ? Written::List(words) : Written::Of(joined));
  }
  const std::string exe = line.empty() ? Text(fields, "proc.name") : line.substr(0, blank);
  Default(fields, "proc.exe", exe);
  Default(fields, "proc.cmdline", Joined(Text(fields, "proc.name"), joined));
  Default(fields, "proc.exeline", Joined(Text(fields, "proc.exe"), joined));
}

// ---- the user

constexpr std::pair<std::string_view, std::string_view> kUsers[] = {
    {"root", "0"}, {"daemon", "1"}, {"bin", "2"}, {"www-data", "33"}, {"nobody", "65534"}};

void FillUser(Fields& fields) {
  if (Has(fields, "user.name") && !Has(fields, "user.uid")) {
    const std::string name = Text(fields, "user.name");
    std::string uid = "1000";
    for (const auto& [user, number] : kUsers) {
      if (user == name) uid = number;
    }
    Default(fields, "user.uid", uid);
  }
  Default(fields, "user.uid", "0");
  if (!HasValue(fields, "user.uid")) DefaultAs(fields, "user.name", "user.uid");
  const std::string uid = HasValue(fields, "user.uid") ? Text(fields, "user.uid") : "0";
  std::string name = "user";
  for (const auto& [user, number] : kUsers) {
    if (number == uid) name = user;
  }
  Default(fields, "user.name", name);
  name = Text(fields, "user.name");
  Default(fields, "user.homedir", uid == "0" ? "/root" : "/home/" + name);
  Default(fields, "user.shell", "/bin/bash");
  Default(fields, "user.loginuid", "-1");
  Default(fields, "group.gid", uid);
  Default(fields, "group.name", name);
  eval::Arena arena;
  const std::string all(eval::RenderCapabilities(kAllCapabilities, arena));
  Default(fields, "thread.cap_effective", uid == "0" ? all : "");
  Default(fields, "thread.cap_permitted", uid == "0" ? all : "");
  Default(fields, "thread.cap_inheritable", "");
}

// ---- ancestors

struct AncestorField {
  std::string_view all, parent;
  bool number;
};
constexpr AncestorField kAncestorFields[] = {{"proc.aname", "proc.pname", false},
                                             {"proc.aexe", "proc.pexe", false},
                                             {"proc.aexepath", "proc.pexepath", false},
                                             {"proc.acmdline", "proc.pcmdline", false},
                                             {"proc.apid", "proc.ppid", true}};

// The value of an ancestor, by its name.
std::string ValueOf(const AncestorField& field, const std::string& name, size_t level, size_t levels) {
  if (field.all == "proc.aexepath") return PathOfName(name);
  if (field.number) return level + 1 == levels ? "1" : std::to_string(900 - level);
  return name;
}

// There is a `proc.aname[2]` or the like.
bool SaysLevels(const Fields& fields) {
  const auto from = fields.lower_bound("proc.a");
  return std::any_of(from, fields.lower_bound("proc.b"), [](const auto& field) {
    return field.first.back() == ']' && field.first.starts_with("proc.a");
  });
}

// `proc.aname[2]` sets the second; `proc.pname` the first.
void Patch(const Fields& fields, const AncestorField& field, std::vector<std::string>& list) {
  const auto parent = fields.find(field.parent);
  if (parent != fields.end() && !parent->second.words.empty() && !list.empty())
    list[0] = parent->second.words[0];
  for (size_t level = 1; SaysLevels(fields) && level <= list.size(); ++level) {
    const std::string text = Text(fields, fmt::format("{}[{}]", field.all, level));
    if (!text.empty()) list[level - 1] = text;
  }
}

// How many ancestors there must be for what is said of them.
size_t LevelsSaid(const Fields& fields) {
  size_t levels = 0;
  for (const AncestorField& field : kAncestorFields) {
    const auto all = fields.find(field.all);
    if (all != fields.end()) levels = std::max(levels, all->second.words.size());
    const auto parent = fields.find(field.parent);
    if (parent != fields.end() && !parent->second.words.empty()) levels = std::max<size_t>(levels, 1);
    for (size_t level = 1; SaysLevels(fields) && level <= kMostLevels; ++level) {
      if (!Text(fields, fmt::format("{}[{}]", field.all, level)).empty()) levels = std::max(levels, level);
    }
  }
  return levels;
}

bool HasNoAncestors(const Fields& fields) {
  for (const std::string_view name : {"proc.aname", "proc.pname"}) {
    const auto found = fields.find(name);
    if (found == fields.end() || found->second.kind == Written::Kind::kUnknown) continue;
    if (found->second.words.empty()) return true;
  }
  return false;
}

std::vector<std::string> AncestorNames(const Fields& fields) {
  const auto given = fields.find("proc.aname");
  if (given != fields.end()) {
    std::vector<std::string> names = given->second.words;
    Patch(fields, kAncestorFields[0], names);
    return names;
  }
  std::vector<std::string> names(LevelsSaid(fields), "program");
  Patch(fields, kAncestorFields[0], names);
  // What is said of paths names an ancestor too.
  for (size_t level = 1; level <= names.size(); ++level) {
    const std::string path =
        Text(fields, level == 1 ? std::string("proc.pexepath") : fmt::format("proc.aexepath[{}]", level));
    if (names[level - 1] == "program" && !path.empty()) names[level - 1] = NameOfPath(path);
  }
  const auto paths = fields.find("proc.aexepath");
  for (size_t i = 0; paths != fields.end() && i < paths->second.words.size(); ++i) {
    if (names[i] == "program") names[i] = NameOfPath(paths->second.words[i]);
  }
  if (names.empty() || names.back() != kInit) names.emplace_back(kInit);
  return names;
}

// A gap right above the process.
bool HasUnknownAncestors(const Fields& fields) {
  const auto names = fields.find("proc.aname");
  return names != fields.end() && names->second.kind == Written::Kind::kUnknown;
}

void FillAncestors(Fields& fields) {
  if (HasUnknownAncestors(fields)) {
    for (const AncestorField& field : kAncestorFields) {
      fields.try_emplace(std::string(field.all), Written{Written::Kind::kUnknown, {}, false});
      fields.try_emplace(std::string(field.parent), Written{Written::Kind::kUnknown, {}, false});
    }
    return;
  }
  if (HasNoAncestors(fields)) {
    for (const AncestorField& field : kAncestorFields) {
      fields.try_emplace(std::string(field.all), Written::List({}));
      fields.try_emplace(std::string(field.parent), Written{Written::Kind::kAbsent, {}, false});
    }
    fields.insert_or_assign("proc.aname", Written::List({}));
    return;
  }
  const std::vector<std::string> names = AncestorNames(fields);
  for (const AncestorField& field : kAncestorFields) {
    const auto given = fields.find(field.all);
    std::vector<std::string> list;
    if (given != fields.end() && given->second.kind != Written::Kind::kValue) continue;
    if (given != fields.end()) list = given->second.words;
    for (size_t level = list.size(); level < names.size(); ++level)
      list.push_back(ValueOf(field, names[level], level, names.size()));
    Patch(fields, field, list);
    if (!list.empty()) Default(fields, field.parent, list.front());
    fields.insert_or_assign(std::string(field.all), Written::List(std::move(list)));
  }
}

// ---- opens and paths

uint64_t OpenFlagsOf(const Fields& fields, bool creat) {
  const bool write = Text(fields, "evt.is_open_write") == "true" || creat;
  const bool read = Text(fields, "evt.is_open_read") == "true";
  uint64_t flags = write ? (read ? 2 : 1) : 0;
  if (creat)
    flags |= *split::FlagsThatShow(split::OpenFlags(), "O_CREAT") |
             *split::FlagsThatShow(split::OpenFlags(), "O_TRUNC");
  if (Text(fields, "evt.is_open_create") == "true")
    flags |= *split::FlagsThatShow(split::OpenFlags(), "O_CREAT") | SLUICE_FLAG_CREATED;
  return flags;
}

// The parts of fd.name where the hook has them.
void FillPathParts(Fields& fields, check::HookId hook) {
  const std::optional<check::FieldUse> part = check::ParseFieldUse("fd.filename");
  if ((part->hooks() >> hook & 1) == 0 || !Has(fields, "fd.name")) return;
  if (!HasValue(fields, "fd.name")) {
    DefaultAs(fields, "fd.directory", "fd.name");
    DefaultAs(fields, "fd.filename", "fd.name");
    return;
  }
  const std::string path = Text(fields, "fd.name");
  const size_t slash = path.rfind('/');
  Default(fields, "fd.directory", slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash));
  Default(fields, "fd.filename", path.substr(slash + 1));
}

void FillOpen(Fields& fields, check::EventType type) {
  Share(fields, {"fd.name", "fs.path.name", "evt.arg.name", "fd.nameraw"}, "/srv/file");
  DefaultAs(fields, "fs.path.nameraw", "fd.nameraw");
  Default(fields, "fd.type", Text(fields, "fd.typechar") == "d" ? "directory" : "file");
  Default(fields, "fd.typechar", Text(fields, "fd.type") == "directory" ? "d" : "f");
  const bool creat = check::EventName(type) == "creat";
  eval::Arena arena;
  Default(fields, "evt.arg.flags", std::string(eval::RenderOpenFlags(OpenFlagsOf(fields, creat), arena)));
  const std::string flags = "|" + Text(fields, "evt.arg.flags") + "|";
  const auto says = [&](const char* flag) {
    return flags.find(fmt::format("|{}|", flag)) != std::string::npos ? "true" : "false";
  };
  const bool both = says("O_RDWR") == std::string_view("true");
  const bool truncates = says("O_TRUNC") == std::string_view("true");
  Default(fields, "evt.is_open_write", both || truncates ? "true" : says("O_WRONLY"));
  Default(fields, "evt.is_open_read", both ? "true" : says("O_RDONLY"));
  Default(fields, "evt.is_open_create", says("O_F_CREATED"));
  const bool failed = Text(fields, "evt.failed") == "true" || Text(fields, "evt.res").starts_with("E");
  Default(fields, "fd.num", failed ? "-1" : "3");
}

bool IsOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Fields that hold the same text of the hook.
void FillTexts(Fields& fields, check::HookId hook) {
  std::map<uint32_t, std::vector<std::string>> same;
  for (const check::Operand& operand : check::Operands()) {
    if (operand.kind != check::OperandKind::kText || (operand.hooks >> hook & 1) == 0) continue;
    same[operand.place].push_back(
        check::FieldUse{.field = operand.field, .index = -1, .argument = std::string(operand.argument)}
            .Name());
  }
  for (const auto& [place, names] : same) {
    Share(fields, names,
          place == SLUICE_STR_PATH     ? "/srv/file"
          : place == SLUICE_STR_TARGET ? "/srv/other"
                                       : "text");
  }
}

// ---- connections

void FillConnection(Fields& fields, std::string_view type) {
  const bool said = Has(fields, "fd.sip") || Has(fields, "fd.rip") || Has(fields, "fd.cip") ||
                    Has(fields, "fd.lip") || Has(fields, "fd.ip");
  if (!said &&
      !IsOneOf(type, {"connect", "accept", "accept4", "bind", "listen", "sendto", "sendmsg", "sendmmsg",
                      "recvfrom", "recvmsg", "recvmmsg", "socket", "dup", "dup2", "dup3"}))
    return;
  const std::string family = Text(fields, "fd.type");
  if (!said && IsOneOf(type, {"socket", "dup", "dup2", "dup3"}) && !IsOneOf(family, {"ipv4", "ipv6"})) return;
  if (family == "unix") Default(fields, "fd.sockfamily", "unix");
  if (!family.empty() && !IsOneOf(family, {"ipv4", "ipv6"})) return;
  const bool six =
      family == "ipv6" || (Text(fields, "fd.sip") + Text(fields, "fd.rip")).find(':') != std::string::npos;
  const bool incoming = IsOneOf(type, {"accept", "accept4", "bind", "listen"});
  const bool alone = IsOneOf(type, {"bind", "listen"});
  const std::string server =
      Share(fields, {"fd.sip", incoming ? "fd.lip" : "fd.rip", "fd.snet", incoming ? "fd.lnet" : "fd.rnet"},
            six ? "2001:db8::10" : "203.0.113.10");
  const std::string server_port = Share(fields, {"fd.sport", incoming ? "fd.lport" : "fd.rport"}, "443");
  Default(fields, "fd.type", six ? "ipv6" : "ipv4");
  Default(fields, "fd.typechar", six ? "6" : "4");
  Default(fields, "fd.l4proto", "tcp");
  Default(fields, "fd.sockfamily", "ip");
  if (alone) return Default(fields, "fd.name", fmt::format("{}:{}", server, server_port));
  const std::string client =
      Share(fields, {"fd.cip", incoming ? "fd.rip" : "fd.lip", "fd.cnet", incoming ? "fd.rnet" : "fd.lnet"},
            six ? "2001:db8::20" : "192.0.2.20");
  const std::string client_port = Share(fields, {"fd.cport", incoming ? "fd.rport" : "fd.lport"}, "40000");
  Default(fields, "fd.name", fmt::format("{}:{}->{}:{}", client, client_port, server, server_port));
}

void FillResult(Fields& fields) {
  const std::string result = Text(fields, "evt.res"), raw = Text(fields, "evt.rawres");
  const bool failed = Text(fields, "evt.failed") == "true" || result.starts_with("E") ||
                      raw.starts_with("-") || Text(fields, "fd.num").starts_with("-");
  Default(fields, "evt.failed", failed ? "true" : "false");
  Default(fields, "evt.res", failed ? "EACCES" : "SUCCESS");
  const std::string number = Text(fields, "fd.num");
  Default(fields, "evt.rawres", failed ? "-13" : number.empty() ? "0" : number);
}

}  // namespace

// Whoever says what a container is like means one.
void FillContainer(Fields& fields) {
  const auto meant = [](const auto& entry) {
    const auto& [name, value] = entry;
    return name.starts_with("container.") && name != "container.id" && !value.words.empty() &&
           value.words.front() != "host";
  };
  const bool inside = std::any_of(fields.begin(), fields.end(), meant);
  Default(fields, "container.id", inside ? "0123456789ab" : "host");
  if (Text(fields, "container.id") != "host") return;
  Default(fields, "container.name", "host");
  Default(fields, "container.type", "host");
}

void FillProcess(Fields& fields, int pid) {
  FillName(fields);
  FillArguments(fields);
  Default(fields, "proc.exepath", PathOfName(Text(fields, "proc.name")));
  FillUser(fields);
  FillAncestors(fields);
  Default(fields, "proc.pid", std::to_string(pid));
  DefaultAs(fields, "proc.vpid", "proc.pid");
  DefaultAs(fields, "thread.tid", "proc.pid");
  Default(fields, "thread.ismain", "true");
  Default(fields, "proc.cwd", "/");
  Default(fields, "proc.tty", "0");
  for (const char* name : {"proc.is_exe_upper_layer", "proc.is_exe_from_memfd", "proc.is_exe_deleted"})
    Default(fields, name, "false");
  FillContainer(fields);
  Default(fields, "proc.cgroup_id", "1");
  Default(fields, "proc.mnt_ns", kHostMntNs);
  Default(fields, "proc.pid_ns", kHostPidNs);
}

void FillEvent(Fields& fields, check::HookId hook, check::EventType type, size_t number) {
  const std::string name(check::EventName(type));
  if (type != check::kNoType) {
    Default(fields, "evt.type", name);
    Default(fields, "syscall.type", name);
  }
  const check::HookRow* row = check::FindHook(hook);
  if (row != nullptr) Default(fields, "evt.hook", std::string(row->name));
  Default(fields, "evt.source", "syscall");
  Default(fields, "evt.dir", "<");
  Default(fields, "evt.num", std::to_string(number));
  Default(fields, "evt.cpu", "0");
  Default(fields, "evt.uptime.s", "3600");
  Default(fields, "evt.hostname", "host");
  const bool exec = hook == SLUICE_HOOK_BPRM_CHECK;
  Default(fields, "proc.duration", std::to_string(exec ? 0 : 60 * kSecond));
  Default(fields, "proc.ppid.duration", std::to_string(3600 * kSecond));
  if (exec) {
    Default(fields, "evt.arg.comm", Text(fields, "proc.name"));
    Default(fields, "evt.arg.trusted_exepath", Text(fields, "proc.exepath"));
    for (const char* end : {"proc.stdin.type", "proc.stdout.type", "proc.stderr.type"})
      Default(fields, end, "file");
  }
  if (hook == SLUICE_HOOK_FILE_OPEN) FillOpen(fields, type);
  if (hook == SLUICE_HOOK_USERNS_CREATE) Default(fields, "evt.arg.flags", "CLONE_NEWUSER");
  for (const char* flag : {"evt.is_open_read", "evt.is_open_write", "evt.is_open_exec", "evt.is_open_create"})
    Default(fields, flag, "false");
  FillTexts(fields, hook);
  FillPathParts(fields, hook);
  FillConnection(fields, name);
  FillResult(fields);
}

void InheritFrom(const Fields& parent, Fields& fields) {
  for (const AncestorField& field : kAncestorFields) {
    std::string own(field.all);
    own.erase(own.find('.') + 1, 1);  // proc.aname: proc.name
    std::vector<std::string> list = {Text(parent, own)};
    const auto above = parent.find(field.all);
    if (above != parent.end())
      list.insert(list.end(), above->second.words.begin(), above->second.words.end());
    fields.try_emplace(std::string(field.all), Written::List(std::move(list)));
  }
  for (const auto& [name, value] : parent) {
    const bool inherited = name.starts_with("user.") || name.starts_with("group.") ||
                           name.starts_with("container.") || name.starts_with("thread.cap_") ||
                           name == "proc.tty" || name == "proc.cwd";
    const bool other_user = Has(fields, "user.uid") || Has(fields, "user.name");
    if (inherited && !(other_user && (name.starts_with("user.") || name.starts_with("group.") ||
                                      name.starts_with("thread."))))
      fields.try_emplace(name, value);
  }
}

bool IsOfProcess(std::string_view field) {
  for (const std::string_view prefix : {"proc.", "thread.", "user.", "group.", "container.", "k8s."}) {
    if (field.starts_with(prefix)) return field != "proc.duration" && field != "proc.ppid.duration";
  }
  return false;
}

}  // namespace sluice::harness
