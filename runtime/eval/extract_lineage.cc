// Fields of the parent, of ancestors and of the session leader: each under the image that it had at its fork.
#include "runtime/eval/extractors.h"

namespace sluice::eval {
namespace {

using check::FieldId;
using check::FieldUse;
using lineage::Image;
using lineage::Link;

// What a field asks of one process.
using Ask = Value (*)(RecordView&, const Link&);

bool IsUnseen(const Image& image) { return image.name.empty() && !image.exepath_known; }

Value NameOf(RecordView&, const Link& link) {
  return link.image->name.empty() ? Value::Unknown() : Value::String(link.image->name);
}

Value ExepathOf(RecordView&, const Link& link) {
  const Image& image = *link.image;
  if (image.exepath.empty()) return image.exepath_known ? Value::Absent() : Value::Unknown();
  Value value = Value::String(image.exepath);
  value.truncated = !image.exepath_known;
  return value;
}

Value ExeOfLink(RecordView&, const Link& link) {
  return IsUnseen(*link.image) ? Value::Unknown() : ExeOf(ArgvOf(*link.image));
}

Value ArgsOfLink(RecordView& view, const Link& link) {
  return IsUnseen(*link.image) ? Value::Unknown() : ArgsOf(view, ArgvOf(*link.image));
}

Value CmdlineOf(RecordView& view, const Link& link) {
  return IsUnseen(*link.image) ? Value::Unknown() : LineOf(view, NameOf(view, link), ArgvOf(*link.image));
}

Value PidOf(RecordView&, const Link& link) { return Value::Number(link.key.pid); }

// The n-th ancestor, 1 being the parent. Above a gap everything is unknown, above the top absent.
template <Ask ask>
Value Ancestor(RecordView& view, int32_t level) {
  if (view.self == nullptr) return Value::Unknown();
  const Link* link = view.self.get();
  for (; level > 0; --level) {
    if (link->parent == nullptr) return link->gap_above ? Value::Unknown() : Value::Absent();
    link = link->parent.get();
  }
  return ask(view, *link);
}

template <Ask ask>
Value Parent(RecordView& view, const FieldUse&) {
  return Ancestor<ask>(view, 1);
}

// [0] is the process itself, which at exec is the new image: `own` knows.
template <Ask ask, FieldId own>
Value Ancestors(RecordView& view, const FieldUse& use) {
  if (use.index == 0) {
    const FieldUse self{.field = own, .index = -1, .argument = {}};
    for (const ExtractorRow& row : ProcessExtractors()) {
      if (row.field == own) return row.extract(view, self);
    }
  }
  if (use.index > 0) return Ancestor<ask>(view, use.index);
  std::vector<Value>& list = view.arena.List();
  Value value = Value::List(&list);
  const Link* link = view.self.get();
  value.partial = link == nullptr;
  for (; link != nullptr; link = link->parent.get()) {
    if (link->gap_above) value.partial = true;
    if (link->parent != nullptr) list.push_back(ask(view, *link->parent));
  }
  return value;
}

// An ancestor, or whom the tree has under that number; null when it is gone. Not of a process that leads itself.
const Link* GroupLeader(RecordView& view) {
  const uint32_t group = view.header().pgid;
  for (const Link* link = view.self.get(); link != nullptr; link = link->parent.get()) {
    if (link->key.pid == group) return link;
  }
  if (view.tree == nullptr) return nullptr;
  if (view.group_leader == nullptr) view.group_leader = view.tree->FindPid(group);
  const Link* found = view.group_leader.get();
  return found != nullptr && found->key.start_ns <= view.header().time_ns ? found : nullptr;
}

Value GoneLeader(const RecordView& view) { return view.tree == nullptr ? Value::Unknown() : Value::Absent(); }

template <Ask ask, FieldId own>
Value OfGroupLeader(RecordView& view, const FieldUse& use) {
  if (view.header().pgid == view.header().pid) {
    for (const ExtractorRow& row : ProcessExtractors()) {
      if (row.field == own) return row.extract(view, use);
    }
  }
  const Link* leader = GroupLeader(view);
  return leader == nullptr ? GoneLeader(view) : ask(view, *leader);
}

// A leader with one number everywhere is of the first pid namespace.
Value InnerGroup(RecordView& view, const FieldUse&) {
  const sluice_record& header = view.header();
  if (header.pgid == header.pid) return Value::Number(header.vpid);
  if (header.vpid == header.pid) return Value::Number(header.pgid);
  const Link* leader = GroupLeader(view);
  if (leader == nullptr) return GoneLeader(view);
  return Value::Number(leader->vpid == leader->key.pid ? 0 : leader->vpid);
}

// Its pid is the session's number. One that is no ancestor any more stands for by the eldest of the session.
const Link* SessionLeader(const RecordView& view) {
  const uint32_t session = view.header().session_pid;
  const Link* eldest = view.self.get();
  for (const Link* link = eldest; link != nullptr && link->session_pid == session;
       link = link->parent.get()) {
    eldest = link;
    if (link->key.pid == session) break;
  }
  return eldest;
}

template <Ask ask, FieldId own>
Value Leader(RecordView& view, const FieldUse& use) {
  if (view.header().session_pid == view.header().pid) {
    for (const ExtractorRow& row : ProcessExtractors()) {
      if (row.field == own) return row.extract(view, use);
    }
  }
  const Link* leader = SessionLeader(view);
  if (leader == nullptr || (leader->gap_above && leader->key.pid != view.header().session_pid))
    return Value::Unknown();
  return ask(view, *leader);
}

Value ParentStart(RecordView& view, int64_t (*of)(const RecordView&, uint64_t)) {
  if (view.self == nullptr) return Value::Unknown();
  const Link* parent = view.self->parent.get();
  if (parent == nullptr) return view.self->gap_above ? Value::Unknown() : Value::Absent();
  return parent->key.start_ns == 0 ? Value::Unknown() : Value::Number(of(view, parent->key.start_ns));
}

// The oldest; names that end with `sh` are a shell's, as in Falco.
Value LoginShell(RecordView& view, const FieldUse&) {
  const auto is_shell = [](const Value& name) { return name.text.ends_with("sh"); };
  Value found = Value::Absent();
  if (const Value own = OwnName(view); is_shell(own)) found = Value::Number(view.header().pid);
  if (view.self == nullptr) return Value::Unknown();
  for (const Link* link = view.self.get(); link != nullptr; link = link->parent.get()) {
    if (link->gap_above) return Value::Unknown();
    if (link->parent != nullptr && is_shell(NameOf(view, *link->parent)))
      found = Value::Number(link->parent->key.pid);
  }
  return found;
}

Value ParentDuration(RecordView& view, const FieldUse&) {
  return ParentStart(view, [](const RecordView& v, uint64_t start) {
    return static_cast<int64_t>(v.header().time_ns - start);
  });
}

Value ParentTime(RecordView& view, const FieldUse&) {
  return ParentStart(view, [](const RecordView& v, uint64_t start) { return v.UnixTime(start); });
}

}  // namespace

const std::vector<ExtractorRow>& LineageExtractors() {
  static const std::vector<ExtractorRow> rows = {
      {FieldId::kProcPname, Parent<NameOf>},
      {FieldId::kProcPexe, Parent<ExeOfLink>},
      {FieldId::kProcPexepath, Parent<ExepathOf>},
      {FieldId::kProcPcmdline, Parent<CmdlineOf>},
      {FieldId::kProcPpid, Parent<PidOf>},
      {FieldId::kProcAname, Ancestors<NameOf, FieldId::kProcName>},
      {FieldId::kProcAexe, Ancestors<ExeOfLink, FieldId::kProcExe>},
      {FieldId::kProcAexepath, Ancestors<ExepathOf, FieldId::kProcExepath>},
      {FieldId::kProcAargs, Ancestors<ArgsOfLink, FieldId::kProcArgs>},
      {FieldId::kProcAcmdline, Ancestors<CmdlineOf, FieldId::kProcCmdline>},
      {FieldId::kProcApid, Ancestors<PidOf, FieldId::kProcPid>},
      {FieldId::kProcSname, Leader<NameOf, FieldId::kProcName>},
      {FieldId::kProcSidExe, Leader<ExeOfLink, FieldId::kProcExe>},
      {FieldId::kProcSidExepath, Leader<ExepathOf, FieldId::kProcExepath>},
      {FieldId::kProcPgidName, OfGroupLeader<NameOf, FieldId::kProcName>},
      {FieldId::kProcPgidExe, OfGroupLeader<ExeOfLink, FieldId::kProcExe>},
      {FieldId::kProcPgidExepath, OfGroupLeader<ExepathOf, FieldId::kProcExepath>},
      {FieldId::kProcVpgid, InnerGroup},
      {FieldId::kProcVpgidName, OfGroupLeader<NameOf, FieldId::kProcName>},
      {FieldId::kProcVpgidExe, OfGroupLeader<ExeOfLink, FieldId::kProcExe>},
      {FieldId::kProcVpgidExepath, OfGroupLeader<ExepathOf, FieldId::kProcExepath>},
      {FieldId::kProcLoginshellid, LoginShell},
      {FieldId::kProcPpidDuration, ParentDuration},
      {FieldId::kProcPpidTs, ParentTime},
  };
  return rows;
}

}  // namespace sluice::eval
