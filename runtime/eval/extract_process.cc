// Fields of the acting process: proc, thread, user, group. At exec they are the new image's.
#include <algorithm>

#include "runtime/eval/extractors.h"
#include "runtime/eval/render.h"

namespace sluice::eval {
namespace {

using check::FieldId;
using check::FieldUse;
using ring::Text;

Strings StringsOf(const Text& text) {
  return {text.state == Text::State::kPresent, text.truncated, text.bytes};
}

Value Name(RecordView& view, const FieldUse&) { return OwnName(view); }
Value Exepath(RecordView& view, const FieldUse&) { return OwnExepath(view); }
Value Exe(RecordView& view, const FieldUse&) { return ExeOf(OwnArgs(view)); }
Value Cmdline(RecordView& view, const FieldUse&) { return LineOf(view, OwnName(view), OwnArgs(view)); }

Value Exeline(RecordView& view, const FieldUse&) {
  const Strings argv = OwnArgs(view);
  return LineOf(view, ExeOf(argv), argv);
}

Value Args(RecordView& view, const FieldUse& use) {
  const Strings argv = OwnArgs(view);
  return use.index >= 0 ? ArgOf(argv, use.index) : ArgsOf(view, argv);
}

Value Env(RecordView& view, const FieldUse& use) {
  const Strings env = OwnEnv(view);
  return use.argument.empty() ? Joined(view, env) : Variable(env, use.argument);
}

// With a slash at its end, as in Falco.
Value Cwd(RecordView& view, const FieldUse&) {
  if (!view.IsExec()) return Value::Absent();
  Value value = FromText(view.record->cwd);
  if (value.kind == Value::Kind::kAbsent) return Value::Unknown();
  if (value.kind != Value::Kind::kString || value.truncated) return value;
  if (!value.text.empty() && value.text.back() == '/') return value;
  char* bytes = view.arena.Take(value.text.size() + 1);
  if (!value.text.empty()) std::memcpy(bytes, value.text.data(), value.text.size());
  bytes[value.text.size()] = '/';
  value.text = {bytes, value.text.size() + 1};
  return value;
}

template <uint32_t flag>
Value ImageFlag(RecordView& view, const FieldUse&) {
  if (view.IsExec()) return Value::Bool((view.header().numbers[0] & flag) != 0);
  if (view.self == nullptr) return Value::Unknown();
  const lineage::Image& image = *view.self->image;
  if (image.name.empty() && !image.exepath_known) return Value::Unknown();
  return Value::Bool((image.flags & flag) != 0);
}

Value Id(uint32_t id) { return Value::Number(id); }
Value SignedId(uint32_t id) { return Value::Number(static_cast<int32_t>(id)); }

// A name that is not known yet is absent.
Value NameOrAbsent(std::string_view name) { return name.empty() ? Value::Absent() : Value::String(name); }

template <std::string_view (Names::*look)(uint32_t) const>
Value OfUser(RecordView& view, const FieldUse&) {
  return view.names == nullptr ? Value::Absent() : NameOrAbsent((view.names->*look)(view.header().uid));
}

Value LoginName(RecordView& view, const FieldUse&) {
  const uint32_t uid = view.header().loginuid;
  if (view.names == nullptr || uid == UINT32_MAX) return Value::Absent();
  return NameOrAbsent(view.names->User(uid));
}

Value GroupName(RecordView& view, const FieldUse&) {
  return view.names == nullptr ? Value::Absent() : NameOrAbsent(view.names->Group(view.header().gid));
}

Value Capabilities(RecordView& view, uint64_t set) {
  return Value::String(RenderCapabilities(set, view.arena));
}

Value Since(const RecordView& view, uint64_t start_ns) {
  if (start_ns == 0) return Value::Unknown();
  return Value::Number(static_cast<int64_t>(view.header().time_ns - start_ns));
}

using V = RecordView;
using U = FieldUse;

const std::vector<ExtractorRow>& Numbers() {
  static const std::vector<ExtractorRow> rows = {
      {FieldId::kProcPid, [](V& v, const U&) { return Id(v.header().pid); }},
      {FieldId::kProcVpid, [](V& v, const U&) { return Id(v.header().vpid); }},
      {FieldId::kProcSid, [](V& v, const U&) { return Id(v.header().session_pid); }},
      {FieldId::kProcPgid, [](V& v, const U&) { return Id(v.header().pgid); }},
      {FieldId::kProcTty, [](V& v, const U&) { return Id(v.header().tty); }},
      {FieldId::kProcIsSidLeader,
       [](V& v, const U&) { return Value::Bool(v.header().session_pid == v.header().pid); }},
      {FieldId::kProcIsPgidLeader,
       [](V& v, const U&) { return Value::Bool(v.header().pgid == v.header().pid); }},
      {FieldId::kProcIsVpgidLeader,
       [](V& v, const U&) { return Value::Bool(v.header().pgid == v.header().pid); }},
      {FieldId::kProcDuration, [](V& v, const U&) { return Since(v, v.header().start_ns); }},
      {FieldId::kProcPidTs, [](V& v, const U&) { return Value::Number(v.UnixTime(v.header().start_ns)); }},
      {FieldId::kThreadTid, [](V& v, const U&) { return Id(v.header().tid); }},
      {FieldId::kThreadIsmain, [](V& v, const U&) { return Value::Bool(v.header().tid == v.header().pid); }},
      {FieldId::kProcCgroupId,
       [](V& v, const U&) { return Value::Number(static_cast<int64_t>(v.header().cgroup_id)); }},
      {FieldId::kProcMntNs, [](V& v, const U&) { return Id(v.header().mnt_ns); }},
      {FieldId::kProcPidNs, [](V& v, const U&) { return Id(v.header().pid_ns); }},
      {FieldId::kUserUid, [](V& v, const U&) { return Id(v.header().uid); }},
      {FieldId::kUserLoginuid, [](V& v, const U&) { return SignedId(v.header().loginuid); }},
      {FieldId::kGroupGid, [](V& v, const U&) { return Id(v.header().gid); }},
  };
  return rows;
}

const std::vector<ExtractorRow>& Texts() {
  static const std::vector<ExtractorRow> rows = {
      {FieldId::kProcName, Name},
      {FieldId::kProcExepath, Exepath},
      {FieldId::kProcExe, Exe},
      {FieldId::kProcArgs, Args},
      {FieldId::kProcCmdline, Cmdline},
      {FieldId::kProcExeline, Exeline},
      {FieldId::kProcCmdnargs, [](V& v, const U&) { return ArgumentCount(OwnArgs(v)); }},
      {FieldId::kProcCmdlenargs, [](V& v, const U&) { return ArgumentBytes(OwnArgs(v)); }},
      {FieldId::kProcEnv, Env},
      {FieldId::kProcCwd, Cwd},
      {FieldId::kProcIsExeUpperLayer, ImageFlag<SLUICE_IMAGE_UPPER>},
      {FieldId::kProcIsExeFromMemfd, ImageFlag<SLUICE_IMAGE_MEMFD>},
      {FieldId::kProcIsExeDeleted, ImageFlag<SLUICE_IMAGE_DELETED>},
      {FieldId::kThreadCapPermitted,
       [](V& v, const U&) { return Capabilities(v, v.header().cap_permitted); }},
      {FieldId::kThreadCapEffective,
       [](V& v, const U&) { return Capabilities(v, v.header().cap_effective); }},
      {FieldId::kThreadCapInheritable,
       [](V& v, const U&) { return Capabilities(v, v.header().cap_inheritable); }},
      {FieldId::kUserName, OfUser<&Names::User>},
      {FieldId::kUserHomedir, OfUser<&Names::Home>},
      {FieldId::kUserShell, OfUser<&Names::Shell>},
      {FieldId::kUserLoginname, LoginName},
      {FieldId::kGroupName, GroupName},
  };
  return rows;
}

}  // namespace

Strings ArgvOf(const lineage::Image& image) {
  return {!image.args_truncated || !image.args.empty(), image.args_truncated, image.args};
}

Value OwnName(RecordView& view) {
  if (view.record->name.state == Text::State::kPresent) return FromText(view.record->name);
  if (view.IsRefusedExec() || view.self == nullptr) return Value::Unknown();
  const lineage::Image& image = *view.self->image;
  return image.name.empty() ? Value::Unknown() : Value::String(image.name);
}

Value OwnExepath(RecordView& view) {
  const ring::Record& record = *view.record;
  if (view.IsExec()) {
    const auto rounds = static_cast<int>(record.rounds.size());
    if (view.round >= 0 && view.round < rounds)
      return FromText(record.rounds[static_cast<size_t>(view.round)].path);
    if (record.exepath.state != Text::State::kAbsent) return FromText(record.exepath);
    return rounds > 0 ? FromText(record.rounds.back().path) : Value::Unknown();
  }
  const Value sent = FromText(record.exepath);
  if (sent.kind == Value::Kind::kString && !sent.truncated) return sent;
  if (view.self == nullptr) return sent.kind == Value::Kind::kString ? sent : Value::Unknown();
  // The kernel keeps the path's beginning; the tree has all of it from the exec.
  const lineage::Image& image = *view.self->image;
  if (sent.kind == Value::Kind::kString && image.exepath.compare(0, sent.text.size(), sent.text) != 0)
    return sent;
  if (!image.exepath.empty()) {
    Value value = Value::String(image.exepath);
    value.truncated = !image.exepath_known;
    return value;
  }
  return image.exepath_known ? Value::Absent() : Value::Unknown();
}

Strings OwnArgs(const RecordView& view) {
  if (view.IsExec() && view.record->args.state == Text::State::kPresent) return StringsOf(view.record->args);
  if (view.IsExec() || view.self == nullptr) return {};
  return ArgvOf(*view.self->image);
}

Strings OwnEnv(const RecordView& view) {
  if (view.Is(SLUICE_HOOK_BPRM_COMMITTED)) return {};  // the tree has the old image's
  if (view.IsExec()) return StringsOf(view.record->env);
  if (view.self == nullptr) return {};
  const lineage::Image& image = *view.self->image;
  return {image.env_known || !image.env.empty(), !image.env_known, image.env};
}

const std::vector<ExtractorRow>& ProcessExtractors() {
  static const std::vector<ExtractorRow> rows = [] {
    std::vector<ExtractorRow> all = Numbers();
    all.insert(all.end(), Texts().begin(), Texts().end());
    return all;
  }();
  return rows;
}

}  // namespace sluice::eval
