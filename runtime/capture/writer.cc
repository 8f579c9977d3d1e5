#include "runtime/capture/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "compiler/source/thread.h"
#include "runtime/capture/pack.h"

namespace sluice::capture {
namespace {

constexpr size_t kRecordsPerChunk = 256u << 10;
constexpr int kLevel = 1;  // the records are mostly zeros: more effort gains little

source::Status Failed(std::string_view what, int error) {
  return absl::UnavailableError(fmt::format("the capture cannot be {}: {}", what, std::strerror(error)));
}

source::Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("written", errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// The owner's alone and empty, also where it was there before; a device is left as it is. Returns an errno.
int MakePrivate(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return errno;
  return S_ISREG(file.st_mode) && (fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0) ? errno : 0;
}

void PackImage(const lineage::Image& image, Packer& pack) {
  for (const std::string* text :
       {&image.name, &image.exepath, &image.exe, &image.args, &image.env, &image.cwd})
    pack.Text(*text);
  pack.U32((image.exepath_known ? 1u : 0u) | (image.args_truncated ? 2u : 0u) | (image.env_known ? 4u : 0u));
  for (const uint32_t number : {image.flags, image.uid, image.gid, image.loginuid}) pack.U32(number);
  pack.U64(image.exec_time_ns);
}

}  // namespace

uint64_t FingerprintOf(const Compilation& compilation) {
  std::string text = kplan::Print(compilation.kernel, compilation.partition);
  for (source::FileId id = 0; id < compilation.files.size(); ++id) {
    text += '\0';
    text += compilation.files.text(id);
  }
  return XXH3_64bits(text.data(), text.size());
}

source::Result<std::unique_ptr<Writer>> Writer::Create(const std::string& path) {
  const auto refused = [&path](int error) -> source::Status {
    const std::string message = fmt::format("{}: cannot be written: {}", path,
                                            error == ELOOP ? "it is a symbolic link" : std::strerror(error));
    if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
    return absl::NotFoundError(message);
  };
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return refused(errno);
  if (const int error = MakePrivate(fd); error != 0) {
    close(fd);
    return refused(error);
  }
  FileHeader header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  std::unique_ptr<Writer> writer(new Writer(fd));
  writer->status_ = WriteAll(fd, {reinterpret_cast<const char*>(&header), sizeof header});
  if (writer->status_.ok())
    writer->status_ = source::StartThread(writer->thread_, [raw = writer.get()] { raw->Run(); });
  if (!writer->status_.ok()) return writer->status_;
  return writer;
}

Writer::Writer(int fd) : fd_(fd) {}

Writer::~Writer() {
  Close().IgnoreError();
  close(fd_);
}

void Writer::Host(const alert::Host& host, const eval::HostFacts& facts) {
  Packer pack;
  pack.U32(sizeof(sluice_record));
  pack.U64(static_cast<uint64_t>(host.boot_to_unix_ns));
  pack.U32(facts.mnt_ns);
  pack.U32(facts.pid_ns);
  pack.Text(host.hostname);
  pack.Text(host.boot_id);
  pack.U32(SLUICE_HOOKS);
  for (check::HookId hook = 0; hook < SLUICE_HOOKS; ++hook) {
    const check::HookRow* row = check::FindHook(hook);
    pack.Text(row == nullptr ? std::string_view() : row->name);
  }
  const auto types = static_cast<uint32_t>(check::Events().size()) + 1;
  pack.U32(types);
  for (uint32_t type = 0; type < types; ++type)
    pack.Text(check::EventName(static_cast<check::EventType>(type)));
  if (facts.utc_offset_s) pack.U32(static_cast<uint32_t>(*facts.utc_offset_s));
  Push(ChunkKind::kHost, pack.Take());
}

void Writer::Users(const eval::Names& names) {
  Packer pack;
  pack.Text(names.passwd());
  pack.Text(names.group());
  Push(ChunkKind::kUsers, pack.Take());
}

void Writer::Processes(const std::vector<lineage::ProcEntry>& entries) {
  Packer pack;
  pack.U32(static_cast<uint32_t>(entries.size()));
  for (const lineage::ProcEntry& entry : entries) {
    for (const uint32_t number :
         {entry.pid, entry.parent_pid, entry.session_pid, entry.pgid, entry.vpid, entry.tty})
      pack.U32(number);
    pack.U64(entry.start_ns);
    PackImage(entry.image, pack);
  }
  Push(ChunkKind::kProcesses, pack.Take());
}

void Writer::Container(const container::Container& container) {
  Packer pack;
  for (const std::string* text : {&container.id, &container.type, &container.name, &container.image,
                                  &container.image_id, &container.image_digest, &container.ip})
    pack.Text(*text);
  for (const std::optional<bool>& flag :
       {container.privileged, container.host_pid, container.host_network, container.host_ipc})
    pack.U32(!flag ? 2 : *flag ? 1 : 0);
  pack.U64(static_cast<uint64_t>(container.start_ns));
  pack.U32(static_cast<uint32_t>(container.mounts.size()));
  for (const container::Mount& mount : container.mounts) {
    for (const std::string* text : {&mount.source, &mount.destination, &mount.mode, &mount.propagation})
      pack.Text(*text);
    pack.U32(mount.writable ? 1 : 0);
  }
  pack.U32(static_cast<uint32_t>(container.labels.size()));
  for (const auto& [key, value] : container.labels) {
    pack.Text(key);
    pack.Text(value);
  }
  Push(ChunkKind::kContainer, pack.Take());
}

void Writer::Hosts(const hosts::Table& hosts) {
  Packer pack;
  pack.U32(static_cast<uint32_t>(hosts.size()));
  for (const auto& [address, names] : hosts) {
    for (size_t half = 0; half < address.size(); half += 8) {
      uint64_t bytes = 0;
      std::memcpy(&bytes, address.data() + half, sizeof bytes);
      pack.U64(bytes);
    }
    pack.U32(static_cast<uint32_t>(names.size()));
    for (const std::string& name : names) pack.Text(name);
  }
  Push(ChunkKind::kHosts, pack.Take());
}

void Writer::Rules(const ActiveRules& rules) {
  Packer pack;
  pack.U32(rules.generation);
  pack.U64(rules.fingerprint);
  pack.U32(rules.every_event ? 1 : 0);
  pack.U32(static_cast<uint32_t>(rules.members.size()));
  for (const auto& [set, members] : rules.members) {
    pack.Text(set);
    pack.U32(static_cast<uint32_t>(members.size()));
    for (const std::string& member : members) pack.Text(member);
  }
  Push(ChunkKind::kRules, pack.Take());
}

void Writer::Record(std::string_view bytes) {
  ++records_;
  ++waiting_count_;
  waiting_records_.append(bytes);
  if (waiting_records_.size() >= kRecordsPerChunk) FlushRecords();
}

void Writer::OwnAlert(const alert::Alert& alert) { Push(ChunkKind::kAlert, alert::ToJson(alert)); }

void Writer::FlushRecords() {
  if (waiting_records_.empty()) return;
  std::string records = std::exchange(waiting_records_, {});
  {
    const std::lock_guard lock(mutex_);
    if (chunk_bytes_ + records.size() > kMaxWaitingBytes) {
      gap_ += std::exchange(waiting_count_, 0);
      return;
    }
  }
  if (gap_ != 0) {
    Packer pack;
    pack.U64(gap_);
    left_out_ += std::exchange(gap_, 0);
    Push(ChunkKind::kGap, pack.Take());
  }
  waiting_count_ = 0;
  Push(ChunkKind::kRecords, std::move(records));
}

void Writer::Push(ChunkKind kind, std::string raw) {
  if (kind != ChunkKind::kRecords && kind != ChunkKind::kGap) FlushRecords();  // the order of what happened
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || !status_.ok()) return;
    if (raw.size() > kMaxChunkBytes) {
      status_ =
          absl::ResourceExhaustedError("the capture cannot be written: the host has too many processes");
      return;
    }
    chunk_bytes_ += raw.size();
    chunks_.push_back({kind, std::move(raw)});
  }
  wake_.notify_one();
}

void Writer::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !chunks_.empty(); });
    if (chunks_.empty()) return;
    const Chunk chunk = std::move(chunks_.front());
    chunks_.pop_front();
    lock.unlock();
    const source::Status written = Write(chunk);
    lock.lock();
    chunk_bytes_ -= chunk.raw.size();
    if (written.ok()) continue;
    status_ = written;
    chunks_.clear();
    chunk_bytes_ = 0;
  }
}

source::Status Writer::Write(const Chunk& chunk) const {
  uLongf stored = compressBound(chunk.raw.size());
  std::string bytes(sizeof(ChunkHeader) + stored, '\0');
  if (compress2(reinterpret_cast<Bytef*>(bytes.data() + sizeof(ChunkHeader)), &stored,
                reinterpret_cast<const Bytef*>(chunk.raw.data()), chunk.raw.size(), kLevel) != Z_OK)
    return Failed("written", ENOMEM);
  bytes.resize(sizeof(ChunkHeader) + stored);
  ChunkHeader header{};
  header.kind = static_cast<uint32_t>(chunk.kind);
  header.stored_bytes = static_cast<uint32_t>(stored);
  header.raw_bytes = static_cast<uint32_t>(chunk.raw.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  header.checksum = XXH3_64bits(bytes.data(), bytes.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  return WriteAll(fd_, bytes);
}

source::Status Writer::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

source::Status Writer::Close() {
  if (!thread_.joinable()) return status();
  FlushRecords();
  Packer pack;
  pack.U64(records_ - left_out());
  Push(ChunkKind::kEnd, pack.Take());
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (status_.ok() && fsync(fd_) != 0 && errno != EINVAL && errno != EROFS)
    status_ = Failed("written", errno);
  return status_;
}

}  // namespace sluice::capture
