#include "runtime/load/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "bpf/abi/event_abi.h"

namespace sluice::load {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSetPrefix = "set-";
constexpr const char* kMapPins[] = {kHandoverPin, kMitigationsPin, kEventsPin};
constexpr int kMostSets = 10'000;
constexpr int kLockTries = 5;  // who takes leftovers away may remove the folder just then

source::Status Fault(const std::string& path, int error) {
  return absl::InternalError(fmt::format("pin: {}: {}", path, std::strerror(error)));
}

// Not of what a symbolic link leads to.
fs::file_status StatusOf(const std::string& path) {
  std::error_code error;
  return fs::symlink_status(path, error);
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename());
  return names;
}

// A folder of an agent's, by its name.
bool IsSet(const std::string& folder, const std::string& name) {
  return name.size() > kSetPrefix.size() && name.starts_with(kSetPrefix) &&
         name.find_first_not_of("0123456789", kSetPrefix.size()) == std::string::npos &&
         fs::is_directory(StatusOf(folder + "/" + name));
}

bool HoldsPins(const std::string& folder) {
  const std::vector<std::string> names = NamesIn(folder);
  return std::any_of(names.begin(), names.end(), [&folder](const std::string& name) {
    return fs::is_regular_file(StatusOf(folder + "/" + name));
  });
}

source::Status OnBpfFileSystem(const std::string& folder) {
  const std::string parent = fs::path(folder).parent_path();
  struct statfs found {};
  if (statfs(parent.c_str(), &found) == 0 && found.f_type == BPF_FS_MAGIC) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "pin: {} is no BPF file system: `mount -t bpf bpf {}`, or set `pin: false` in the configuration",
      parent, parent));
}

// The lock is the folder itself. Another agent may have removed it between our open and our lock.
source::Result<int> Lock(const std::string& folder) {
  for (int tries = 0; tries < kLockTries; ++tries) {
    if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return Fault(folder, errno);
    const int lock = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock < 0 && errno == ENOENT) continue;
    if (lock < 0) return Fault(folder, errno);
    struct stat ours {
    }, there{};
    const bool locked = flock(lock, LOCK_EX | LOCK_NB) == 0;
    const int error = errno;
    if (locked && fstat(lock, &ours) == 0 && lstat(folder.c_str(), &there) == 0 &&
        ours.st_ino == there.st_ino) {
      if (ours.st_uid == geteuid() && (ours.st_mode & (S_IWGRP | S_IWOTH)) == 0) return lock;
      close(lock);
      return absl::FailedPreconditionError(fmt::format("pin: others can write {}", folder));
    }
    close(lock);
    if (!locked && error == EWOULDBLOCK)
      return absl::AlreadyExistsError(fmt::format("pin: another agent runs and holds {}", folder));
    if (!locked) return Fault(folder, error);
  }
  return Fault(folder, ENOENT);
}

bool IsMap(const std::string& name) {
  return std::find(std::begin(kMapPins), std::end(kMapPins), name) != std::end(kMapPins);
}

// A ring's callback. Another version's records have the same head.
int CountMitigation(void* mitigated, void* record, size_t bytes) {
  sluice_record header{};
  constexpr size_t kHead = offsetof(sluice_record, type);
  if (bytes < kHead) return 0;
  std::memcpy(&header, record, kHead);
  const bool counts =
      header.kind == SLUICE_RECORD_EVENT && (header.flags & (SLUICE_EVENT_DENIED | SLUICE_EVENT_KILLED)) != 0;
  if (counts)
    ++(*static_cast<decltype(TakenOver::mitigated)*>(mitigated))[header.hook % SLUICE_HANDOVER_HOOKS];
  return 0;
}

bpf_link_info InfoOf(int link) {
  bpf_link_info info{};
  uint32_t bytes = sizeof info;
  return bpf_obj_get_info_by_fd(link, &info, &bytes) == 0 ? info : bpf_link_info{};
}

}  // namespace

// A set that another process made: its links are only known by their names.
struct Pins::Other {
  explicit Other(std::string path) : folder(std::move(path)) {
    rings = {bpf_obj_get((folder + "/" + kMitigationsPin).c_str()),
             bpf_obj_get((folder + "/" + kEventsPin).c_str())};
    const int map = bpf_obj_get((folder + "/" + kHandoverPin).c_str());
    bpf_map_info info{};
    uint32_t bytes = sizeof info;
    const bool known = map >= 0 && bpf_obj_get_info_by_fd(map, &info, &bytes) == 0 &&
                       info.type == BPF_MAP_TYPE_ARRAY && info.value_size >= sizeof(sluice_handover);
    void* memory = known ? mmap(nullptr, sizeof(sluice_handover), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0)
                         : MAP_FAILED;
    if (map >= 0) close(map);
    if (memory == MAP_FAILED) return;
    handover = static_cast<sluice_handover*>(memory);
    __atomic_store_n(&handover->unattended, 1u, __ATOMIC_RELEASE);
    __atomic_store_n(&handover->agent_pid, static_cast<uint32_t>(getpid()), __ATOMIC_RELEASE);
  }
  ~Other() {
    if (handover != nullptr) munmap(handover, sizeof *handover);
    for (const int ring : rings) {
      if (ring >= 0) close(ring);
    }
  }
  Other(const Other&) = delete;
  Other& operator=(const Other&) = delete;

  // What is no pin stays, and the folder with it.
  source::Status Remove(std::vector<uint32_t>& programs, std::vector<std::string>& strangers) const {
    const size_t before = strangers.size();
    for (const std::string& name : NamesIn(folder)) {
      const std::string path = folder + "/" + name;
      if (!fs::is_regular_file(StatusOf(path))) {
        if (fs::exists(StatusOf(path))) strangers.push_back(path);
        continue;
      }
      if (const int link = bpf_obj_get(path.c_str()); link >= 0) {
        if (const uint32_t id = IsMap(name) ? 0 : InfoOf(link).prog_id; id != 0) programs.push_back(id);
        close(link);
      }
      if (unlink(path.c_str()) != 0 && errno != ENOENT) return Fault(path, errno);
    }
    if (rmdir(folder.c_str()) == 0 || errno == ENOENT || strangers.size() > before) return absl::OkStatus();
    if (errno != ENOTEMPTY) return Fault(folder, errno);
    strangers.push_back(folder);
    return absl::OkStatus();
  }

  // Adds what was mitigated and not read. REQUIRES: the programs are gone.
  void Count(TakenOver& taken) const {
    for (size_t hook = 0; handover != nullptr && hook < taken.mitigated.size(); ++hook)
      taken.mitigated[hook] += __atomic_load_n(&handover->mitigated[hook], __ATOMIC_ACQUIRE);
    for (const int map : rings) {
      ring_buffer* ring =
          map < 0 ? nullptr : ring_buffer__new(map, CountMitigation, &taken.mitigated, nullptr);
      if (ring == nullptr) continue;
      ring_buffer__consume(ring);
      ring_buffer__free(ring);
    }
  }

  const std::string folder;
  sluice_handover* handover = nullptr;  // shared with the programs; null: there is none
  std::array<int, 2> rings = {-1, -1};
};

Pins::Pins(std::string folder, int lock) : folder_(std::move(folder)), lock_(lock) {}

source::Result<std::unique_ptr<Pins>> Pins::Open(const std::string& folder) {
  if (source::Status status = OnBpfFileSystem(folder); !status.ok()) return status;
  source::Result<int> lock = Lock(folder);
  if (!lock.ok()) return lock.status();
  std::unique_ptr<Pins> pins(new Pins(folder, *lock));
  for (const std::string& name : NamesIn(folder)) {
    if (IsSet(folder, name)) pins->others_.push_back(std::make_unique<Other>(folder + "/" + name));
  }
  return pins;
}

Pins::~Pins() {
  if (made_ && !kept_) {
    for (const std::string& name : NamesIn(PathOf(""))) unlink(PathOf(name).c_str());
    rmdir(PathOf("").c_str());
  }
  rmdir(folder_.c_str());  // an empty one only
  close(lock_);
}

std::string Pins::PathOf(const std::string& name) const { return folder_ + "/" + own_ + "/" + name; }

// Under the lowest number that is free.
source::Status Pins::MakeOwnSet() {
  for (int number = 1; !made_; ++number) {
    own_ = fmt::format("{}{}", kSetPrefix, number);
    made_ = mkdir(PathOf("").c_str(), 0700) == 0;
    if (!made_ && (errno != EEXIST || number == kMostSets)) return Fault(PathOf(""), errno);
  }
  return absl::OkStatus();
}

source::Status Pins::PinMap(int map, const std::string& name) {
  if (source::Status made = MakeOwnSet(); !made.ok()) return made;
  if (bpf_obj_pin(map, PathOf(name).c_str()) != 0) return Fault(PathOf(name), errno);
  return absl::OkStatus();
}

source::Status Pins::Pin(bpf_link* link, const std::string& name) {
  if (const int error = bpf_link__pin(link, PathOf(name).c_str()); error != 0)
    return Fault(PathOf(name), -error);
  return absl::OkStatus();
}

void Pins::Unpin(bpf_link* link) { bpf_link__unpin(link); }

source::Result<Pins::Folder> Pins::Identify() const {
  struct stat found {};
  if (fstat(lock_, &found) != 0) return Fault(folder_, errno);
  return Folder{.device = major(found.st_dev) << 20 | minor(found.st_dev), .inode = found.st_ino};
}

source::Result<TakenOver> Pins::TakeAwayOthers() {
  TakenOver taken;
  std::vector<uint32_t> programs;
  for (const std::unique_ptr<Other>& other : others_) {
    if (source::Status status = other->Remove(programs, taken.strangers); !status.ok()) return status;
  }
  WaitUntilGone(programs, bpf_prog_get_fd_by_id);  // a link loses its id before its program is detached
  taken.programs = programs.size();
  for (const std::unique_ptr<Other>& other : others_) other->Count(taken);
  others_.clear();
  return taken;
}

bool AnyLeftPinned(const std::string& folder) {
  const int lock = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (lock < 0) return false;
  const bool free = flock(lock, LOCK_SH | LOCK_NB) == 0;
  close(lock);
  const std::vector<std::string> names = NamesIn(folder);
  return free && std::any_of(names.begin(), names.end(), [&folder](const std::string& name) {
           return IsSet(folder, name) && HoldsPins(folder + "/" + name);
         });
}

uint32_t LinkId(int link) { return InfoOf(link).id; }

void WaitUntilGone(const std::vector<uint32_t>& ids, int (*open_by_id)(uint32_t)) {
  constexpr int kTries = 1000, kPauseUs = 10'000;
  for (int tries = 0; tries < kTries; ++tries) {
    bool any = false;
    for (const uint32_t id : ids) {
      const int file = open_by_id(id);
      if (file >= 0) close(file);
      any = any || file >= 0;
    }
    if (!any) return;
    usleep(kPauseUs);
  }
}

}  // namespace sluice::load
