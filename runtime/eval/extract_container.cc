// Fields of the container: its id from the cgroup, everything else from what its runtime wrote down.
#include <fnmatch.h>

#include <algorithm>
#include <charconv>

#include "compiler/check/operand.h"
#include "runtime/eval/extractors.h"

namespace sluice::eval {
namespace {

using check::FieldId;
using check::FieldUse;
using container::Container;
using container::Mount;

constexpr std::string_view kHost = "host";

// The 64 digits that container runtimes put into the name of a container's cgroup: `docker-ID.scope`,
// `cri-containerd-ID.scope`, `crio-ID.scope`, `libpod-ID.scope`, `ID`. Their monitors (conmon) run on the host.
std::string_view IdIn(std::string_view cgroup) {
  if (cgroup.find("conmon") != std::string_view::npos) return {};
  for (size_t begin = 0; begin + container::kIdDigits <= cgroup.size();) {
    const size_t end = std::min(cgroup.find_first_not_of("0123456789abcdef", begin), cgroup.size());
    if (end - begin == container::kIdDigits) return cgroup.substr(begin, end - begin);
    begin = end + 1;
  }
  return {};
}

// Empty when it is not known. Without a cgroup of its own (the older hierarchy) a process in the host's namespaces
// is the host's.
std::string_view FullId(const RecordView& view) {
  std::string_view rest = view.record->cgroup.bytes;
  const bool known = !rest.empty();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    if (const std::string_view id = IdIn(rest.substr(0, end)); !id.empty()) return id;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const sluice_record& header = view.header();
  const bool host = header.mnt_ns == view.host_mnt_ns && header.pid_ns == view.host_pid_ns;
  return known || host ? kHost : std::string_view();
}

Value TextOrAbsent(std::string_view text) { return text.empty() ? Value::Absent() : Value::String(text); }

Value Id(RecordView& view, const FieldUse&) {
  return TextOrAbsent(FullId(view).substr(0, container::kShownDigits));
}

// Null for the host and for a container that is not known (yet).
const Container* Of(RecordView& view) {
  const std::string_view id = FullId(view);
  return view.containers == nullptr || id.empty() || id == kHost ? nullptr : view.containers->Find(id);
}

template <std::string Container::*text, bool host = false>
Value Text(RecordView& view, const FieldUse&) {
  if (host && FullId(view) == kHost) return Value::String(kHost);
  const Container* container = Of(view);
  return container == nullptr ? Value::Absent() : TextOrAbsent(container->*text);
}

template <std::string_view container::ImageName::*part>
Value ImagePart(RecordView& view, const FieldUse&) {
  const Container* container = Of(view);
  return container == nullptr ? Value::Absent() : TextOrAbsent(container::SplitImage(container->image).*part);
}

template <std::optional<bool> Container::*flag>
Value Flag(RecordView& view, const FieldUse&) {
  const Container* container = Of(view);
  return container == nullptr || !(container->*flag) ? Value::Absent() : Value::Bool(*(container->*flag));
}

Value Start(RecordView& view, const FieldUse&) {
  const Container* container = Of(view);
  return container == nullptr || container->start_ns == 0 ? Value::Absent()
                                                          : Value::Number(container->start_ns);
}

Value Duration(RecordView& view, const FieldUse& use) {
  const Value start = Start(view, use);
  return start.kind == Value::Kind::kAbsent
             ? start
             : Value::Number(view.UnixTime(view.header().time_ns) - start.number);
}

Value Kept(RecordView& view, const std::string& text) { return TextOrAbsent(view.arena.Keep(text)); }

// As Falco prints a mount.
std::string MountText(const Mount& mount) {
  return mount.source + ':' + mount.destination + ':' + mount.mode + ':' +
         (mount.writable ? "true" : "false") + ':' + mount.propagation;
}

Value Mounts(RecordView& view, const FieldUse&) {
  const Container* container = Of(view);
  if (container == nullptr) return Value::Absent();
  std::string all;
  for (const Mount& mount : container->mounts) all += (all.empty() ? "" : ",") + MountText(mount);
  return Kept(view, all);
}

// By number, or by a pattern of `key`.
template <std::string Mount::*key>
const Mount* FindMount(RecordView& view, const FieldUse& use) {
  const Container* container = Of(view);
  if (container == nullptr) return nullptr;
  const std::string& wanted = use.argument;
  size_t number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (error == std::errc() && end == wanted.data() + wanted.size())
    return number < container->mounts.size() ? &container->mounts[number] : nullptr;
  for (const Mount& mount : container->mounts) {
    if (fnmatch(wanted.c_str(), (mount.*key).c_str(), 0) == 0) return &mount;
  }
  return nullptr;
}

template <std::string Mount::*key, std::string Mount::*part>
Value MountPart(RecordView& view, const FieldUse& use) {
  const Mount* mount = FindMount<key>(view, use);
  return mount == nullptr ? Value::Absent() : TextOrAbsent(mount->*part);
}

Value OneMount(RecordView& view, const FieldUse& use) {
  const Mount* mount = FindMount<&Mount::source>(view, use);
  return mount == nullptr ? Value::Absent() : Kept(view, MountText(*mount));
}

Value Writable(RecordView& view, const FieldUse& use) {
  const Mount* mount = FindMount<&Mount::source>(view, use);
  return mount == nullptr ? Value::Absent() : Value::String(mount->writable ? "true" : "false");
}

Value Label(RecordView& view, const FieldUse& use) {
  const Container* container = Of(view);
  if (container == nullptr) return Value::Absent();
  const auto label = container->labels.find(use.argument);
  return label == container->labels.end() ? Value::Absent() : Value::String(label->second);
}

Value Labels(RecordView& view, const FieldUse&) {
  const Container* container = Of(view);
  if (container == nullptr) return Value::Absent();
  std::string all;
  for (const auto& [key, value] : container->labels) all += (all.empty() ? "" : ", ") + key + ':' + value;
  return Kept(view, all);
}

// A path in a container: the container's id stands before it.
template <FieldId path>
Value InContainer(RecordView& view, const FieldUse&) {
  const std::string_view id = FullId(view).substr(0, container::kShownDigits);
  const check::Operand* operand =
      check::FindOperand({.field = path, .index = -1, .argument = {}}, view.hook());
  if (id.empty() || operand == nullptr) return Value::Absent();
  Value value = ExtractOperand(view, *operand);
  if (value.kind != Value::Kind::kString) return value;
  const std::string text = std::string(id == kHost ? "" : id) + ':' + std::string(value.text);
  value.text = view.arena.Keep(text);
  return value;
}

}  // namespace

const std::vector<ExtractorRow>& ContainerExtractors() {
  static const std::vector<ExtractorRow> rows = {
      {FieldId::kContainerId, Id},
      {FieldId::kContainerFullId, [](RecordView& v, const FieldUse&) { return TextOrAbsent(FullId(v)); }},
      {FieldId::kContainerName, Text<&Container::name, true>},
      {FieldId::kContainerType, Text<&Container::type, true>},
      {FieldId::kContainerImage, Text<&Container::image>},
      {FieldId::kContainerImageId, Text<&Container::image_id>},
      {FieldId::kContainerImageRepository, ImagePart<&container::ImageName::repository>},
      {FieldId::kContainerImageTag, ImagePart<&container::ImageName::tag>},
      {FieldId::kContainerImageDigest, Text<&Container::image_digest>},
      {FieldId::kContainerIp, Text<&Container::ip>},
      {FieldId::kContainerPrivileged, Flag<&Container::privileged>},
      {FieldId::kContainerHostPid, Flag<&Container::host_pid>},
      {FieldId::kContainerHostNetwork, Flag<&Container::host_network>},
      {FieldId::kContainerHostIpc, Flag<&Container::host_ipc>},
      {FieldId::kContainerStartTs, Start},
      {FieldId::kContainerDuration, Duration},
      {FieldId::kContainerMounts, Mounts},
      {FieldId::kContainerMount, OneMount},
      {FieldId::kContainerMountSource, MountPart<&Mount::destination, &Mount::source>},
      {FieldId::kContainerMountDest, MountPart<&Mount::source, &Mount::destination>},
      {FieldId::kContainerMountMode, MountPart<&Mount::source, &Mount::mode>},
      {FieldId::kContainerMountPropagation, MountPart<&Mount::source, &Mount::propagation>},
      {FieldId::kContainerMountRdwr, Writable},
      {FieldId::kContainerLabel, Label},
      {FieldId::kContainerLabels, Labels},
      {FieldId::kFdContainername, InContainer<FieldId::kFdName>},
      {FieldId::kFdContainerdirectory, InContainer<FieldId::kFdDirectory>},
  };
  return rows;
}

}  // namespace sluice::eval
