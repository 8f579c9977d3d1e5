#include "runtime/capture/reader.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "compiler/check/event.h"
#include "runtime/capture/pack.h"

namespace sluice::capture {
namespace {

constexpr uint16_t kUnknownNumber = 0xffff;

bool ReadBytes(std::istream& file, void* to, size_t size) {
  file.read(static_cast<char*>(to), static_cast<std::streamsize>(size));
  return static_cast<size_t>(file.gcount()) == size;
}

lineage::Image UnpackImage(Unpacker& from) {
  lineage::Image image;
  for (std::string* text : {&image.name, &image.exepath, &image.exe, &image.args, &image.env, &image.cwd})
    *text = from.Text();
  const uint32_t bits = from.U32();
  image.exepath_known = (bits & 1) != 0;
  image.args_truncated = (bits & 2) != 0;
  image.env_known = (bits & 4) != 0;
  for (uint32_t* number : {&image.flags, &image.uid, &image.gid, &image.loginuid}) *number = from.U32();
  image.exec_time_ns = from.U64();
  return image;
}

// By name; the one without a name carries the tree's records.
uint16_t HookOf(std::string_view name) {
  if (name.empty()) return SLUICE_HOOK_IMAGE;
  const check::HookRow* row = check::FindHook(name);
  return row == nullptr ? kUnknownNumber : row->id;
}

}  // namespace

bool IsCapture(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  char magic[sizeof kMagic];
  file.read(magic, sizeof magic);
  const auto size = static_cast<size_t>(file.gcount());
  if (size == 0) return !path.ends_with(".json") && !path.ends_with(".jsonl");
  return std::memcmp(magic, kMagic, size) == 0;
}

source::Result<std::unique_ptr<Reader>> Reader::Open(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  FileHeader header{};
  const bool whole = ReadBytes(file, &header, sizeof header);
  if (errno != 0)
    return absl::NotFoundError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  if (!whole && IsCapture(path))
    return absl::InvalidArgumentError(
        fmt::format("{}: the capture is cut off in its first {} bytes", path, sizeof header));
  if (!whole || std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    return absl::InvalidArgumentError(fmt::format("{}: no capture of `sluice record`", path));
  if (header.version != kVersion) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: a capture of version {}; this program reads version {}", path, header.version, kVersion));
  }
  std::unique_ptr<Reader> reader(new Reader(std::move(file)));
  reader->file_.seekg(0, std::ios::end);
  reader->size_ = static_cast<uint64_t>(reader->file_.tellg());
  reader->file_.seekg(sizeof header);
  return reader;
}

source::Status Reader::Fault(const std::string& what) const {
  return absl::DataLossError(
      fmt::format("byte {}: {}; {} records before it were read", offset_, what, records_));
}

source::Status Reader::ReadChunk(ChunkKind& kind, std::string& raw) {
  offset_ = static_cast<uint64_t>(file_.tellg());
  ChunkHeader header{};
  if (!ReadBytes(file_, &header, sizeof header)) return Fault("the capture is cut off");
  if (header.stored_bytes > compressBound(kMaxChunkBytes) || header.raw_bytes > kMaxChunkBytes)
    return Fault("the capture is corrupt: a chunk of impossible size");
  if (header.stored_bytes > size_ - offset_)
    return Fault("the capture is cut off");  // before it is allocated
  std::string bytes(sizeof header + header.stored_bytes, '\0');
  if (!ReadBytes(file_, bytes.data() + sizeof header, header.stored_bytes))
    return Fault("the capture is cut off");
  const uint64_t checksum = std::exchange(header.checksum, 0);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (XXH3_64bits(bytes.data(), bytes.size()) != checksum)
    return Fault("the capture is corrupt: the checksum does not match");
  raw.resize(header.raw_bytes);
  uLongf size = header.raw_bytes;
  if (uncompress(reinterpret_cast<Bytef*>(raw.data()), &size,
                 reinterpret_cast<const Bytef*>(bytes.data() + sizeof header), header.stored_bytes) != Z_OK ||
      size != header.raw_bytes)
    return Fault("the capture is corrupt: a chunk does not inflate");
  kind = static_cast<ChunkKind>(header.kind);
  return absl::OkStatus();
}

source::Status Reader::ReadAll(Visitor& visitor) {
  std::string raw;
  ChunkKind kind{};
  while (true) {
    if (source::Status read = ReadChunk(kind, raw); !read.ok()) return read;
    if (kind == ChunkKind::kEnd) return absl::OkStatus();
    if (source::Status told = Tell(kind, raw, visitor); !told.ok()) return told;
  }
}

source::Status Reader::Tell(ChunkKind kind, std::string_view raw, Visitor& visitor) {
  Unpacker from(raw);
  switch (kind) {
    case ChunkKind::kHost:
      return TellHost(raw, visitor);
    case ChunkKind::kUsers: {
      const std::string_view passwd = from.Text(), group = from.Text();
      if (from.ok()) visitor.Users(eval::Names::Parse(std::string(passwd), std::string(group)));
      break;
    }
    case ChunkKind::kProcesses:
      return TellProcesses(raw, visitor);
    case ChunkKind::kContainer:
      return TellContainer(raw, visitor);
    case ChunkKind::kHosts:
      return TellHosts(raw, visitor);
    case ChunkKind::kRules:
      return TellRules(raw, visitor);
    case ChunkKind::kRecords:
      return TellRecords(raw, visitor);
    case ChunkKind::kAlert:
      visitor.OwnAlert(raw);
      break;
    case ChunkKind::kGap:
      if (const uint64_t records = from.U64(); from.ok()) visitor.Gap(records);
      break;
    case ChunkKind::kEnd:
      break;
  }
  return from.ok() ? absl::OkStatus() : Fault("the capture is corrupt: a chunk is too short");
}

source::Status Reader::TellHost(std::string_view raw, Visitor& visitor) {
  Unpacker from(raw);
  const uint32_t header_bytes = from.U32();
  alert::Host host;
  eval::HostFacts facts;
  host.boot_to_unix_ns = facts.boot_to_unix_ns = static_cast<int64_t>(from.U64());
  facts.mnt_ns = from.U32();
  facts.pid_ns = from.U32();
  host.hostname = facts.hostname = from.Text();
  host.boot_id = from.Text();
  hooks_.clear();
  types_.clear();
  for (uint32_t left = from.U32(); left > 0 && from.ok(); --left) {
    hooks_.push_back(HookOf(from.Text()));
  }
  for (uint32_t left = from.U32(); left > 0 && from.ok(); --left) {
    const std::string_view name = from.Text();
    const check::EventType type = check::FindEvent(name);
    types_.push_back(!name.empty() && type == check::kNoType ? kUnknownNumber : type);
  }
  if (!from.empty()) facts.utc_offset_s = static_cast<int32_t>(from.U32());
  if (!from.ok()) return Fault("the capture is corrupt: a chunk is too short");
  if (header_bytes != sizeof(sluice_record))
    return Fault("the records are of another version of sluice, with which the capture must be read");
  has_host_ = true;
  visitor.Host(host, facts);
  return absl::OkStatus();
}

source::Status Reader::TellRules(std::string_view raw, Visitor& visitor) const {
  Unpacker from(raw);
  ActiveRules rules;
  rules.generation = from.U32();
  rules.fingerprint = from.U64();
  rules.every_event = from.U32() != 0;
  for (uint32_t sets = from.empty() ? 0 : from.U32(); sets > 0 && from.ok(); --sets) {
    std::vector<std::string>& members = rules.members[std::string(from.Text())];
    for (uint32_t left = from.U32(); left > 0 && from.ok(); --left) members.emplace_back(from.Text());
  }
  if (!from.ok()) return Fault("the capture is corrupt: a chunk is too short");
  visitor.Rules(std::move(rules));
  return absl::OkStatus();
}

source::Status Reader::TellProcesses(std::string_view raw, Visitor& visitor) const {
  Unpacker from(raw);
  std::vector<lineage::ProcEntry> entries;
  for (uint32_t left = from.U32(); left > 0 && from.ok(); --left) {
    lineage::ProcEntry& entry = entries.emplace_back();
    for (uint32_t* number :
         {&entry.pid, &entry.parent_pid, &entry.session_pid, &entry.pgid, &entry.vpid, &entry.tty})
      *number = from.U32();
    entry.start_ns = from.U64();
    entry.image = UnpackImage(from);
  }
  if (!from.ok()) return Fault("the capture is corrupt: a chunk is too short");
  visitor.Processes(std::move(entries));
  return absl::OkStatus();
}

source::Status Reader::TellContainer(std::string_view raw, Visitor& visitor) const {
  Unpacker from(raw);
  container::Container container;
  for (std::string* text : {&container.id, &container.type, &container.name, &container.image,
                            &container.image_id, &container.image_digest, &container.ip})
    *text = from.Text();
  for (std::optional<bool>* flag :
       {&container.privileged, &container.host_pid, &container.host_network, &container.host_ipc}) {
    if (const uint32_t number = from.U32(); number < 2) *flag = number == 1;
  }
  container.start_ns = static_cast<int64_t>(from.U64());
  for (uint32_t left = from.U32(); left > 0 && from.ok(); --left) {
    container::Mount& mount = container.mounts.emplace_back();
    for (std::string* text : {&mount.source, &mount.destination, &mount.mode, &mount.propagation})
      *text = from.Text();
    mount.writable = from.U32() != 0;
  }
  for (uint32_t left = from.U32(); left > 0 && from.ok(); --left) {
    const std::string_view key = from.Text();
    container.labels[std::string(key)] = from.Text();
  }
  if (!from.ok()) return Fault("the capture is corrupt: a chunk is too short");
  visitor.Container(std::move(container));
  return absl::OkStatus();
}

source::Status Reader::TellHosts(std::string_view raw, Visitor& visitor) const {
  Unpacker from(raw);
  hosts::Table table;
  for (uint32_t left = from.U32(); left > 0 && from.ok(); --left) {
    hosts::Address address{};
    for (size_t half = 0; half < address.size(); half += 8) {
      const uint64_t bytes = from.U64();
      std::memcpy(address.data() + half, &bytes, sizeof bytes);
    }
    for (uint32_t names = from.U32(); names > 0 && from.ok(); --names)
      table[address].emplace_back(from.Text());
  }
  if (!from.ok()) return Fault("the capture is corrupt: a chunk is too short");
  visitor.Hosts(std::move(table));
  return absl::OkStatus();
}

source::Status Reader::TellRecords(std::string_view raw, Visitor& visitor) {
  if (!has_host_) return Fault("the capture is corrupt: records before the host");
  while (!raw.empty()) {
    sluice_record header;
    if (raw.size() < sizeof header) return Fault("the capture is corrupt: a record is too short");
    std::memcpy(&header, raw.data(), sizeof header);
    if (header.size < sizeof header || header.size > raw.size())
      return Fault("the capture is corrupt: a record of impossible size");
    if (header.hook >= hooks_.size() || header.type >= types_.size())
      return Fault("the capture is corrupt: a hook or type without a name");
    record_.assign(raw.substr(0, header.size));
    raw.remove_prefix(header.size);
    header.hook = hooks_[header.hook];
    header.type = types_[header.type];
    if (header.hook == kUnknownNumber || header.type == kUnknownNumber) continue;  // of a newer sluice
    std::memcpy(record_.data(), &header, sizeof header);
    ++records_;
    visitor.Record(record_);
  }
  return absl::OkStatus();
}

}  // namespace sluice::capture
