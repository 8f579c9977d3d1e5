#include "runtime/load/own_objects.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bpf/abi/filter_abi.h"

namespace sluice::load {
namespace {

constexpr uint64_t kKind = ~uint64_t{UINT32_MAX};

// 0: there is no such object.
uint32_t MapId(int map) {
  bpf_map_info info{};
  uint32_t bytes = sizeof info;
  return map >= 0 && bpf_obj_get_info_by_fd(map, &info, &bytes) == 0 ? info.id : 0;
}

uint32_t ProgramId(int program) {
  bpf_prog_info info{};
  uint32_t bytes = sizeof info;
  return program >= 0 && bpf_obj_get_info_by_fd(program, &info, &bytes) == 0 ? info.id : 0;
}

bool IsGone(uint64_t key) {
  const auto id = static_cast<uint32_t>(key);
  int file = -1;
  if ((key & kKind) == SLUICE_OWN_MAP)
    file = bpf_map_get_fd_by_id(id);
  else if ((key & kKind) == SLUICE_OWN_PROGRAM)
    file = bpf_prog_get_fd_by_id(id);
  else
    file = bpf_link_get_fd_by_id(id);
  if (file < 0) return errno == ENOENT;
  close(file);
  return false;
}

}  // namespace

source::Status OwnObjects::Store(uint64_t kind, uint32_t id) const {
  const uint64_t key = kind | id;
  const uint32_t one = 1;
  if (id == 0 || bpf_map_update_elem(map_, &key, &one, BPF_ANY) == 0) return absl::OkStatus();
  return absl::InternalError(fmt::format(
      "self_protection: the agent's own maps, programs and links cannot be kept: {}", std::strerror(errno)));
}

bool OwnObjects::IsKnown(uint64_t key) const {
  uint32_t found = 0;
  return bpf_map_lookup_elem(map_, &key, &found) == 0;
}

// A bucket at a time: asking for one key after the other would go round for ever, for a key that the kernel
// stores again meanwhile, as it does when we open the object, comes to the front of its bucket.
std::vector<uint64_t> OwnObjects::Keys() const {
  constexpr uint32_t kAtOnce = 4096;
  std::vector<uint64_t> keys, some(kAtOnce);
  std::vector<uint32_t> values(kAtOnce);
  uint32_t bucket = 0;
  for (bool first = true, more = true; more; first = false) {
    uint32_t count = kAtOnce;
    more = bpf_map_lookup_batch(map_, first ? nullptr : &bucket, &bucket, some.data(), values.data(), &count,
                                nullptr) == 0;
    if (!more && errno != ENOENT) break;
    keys.insert(keys.end(), some.begin(), some.begin() + count);
  }
  return keys;
}

source::Status OwnObjects::Add(const bpf_object* object) const {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (source::Status stored = Store(SLUICE_OWN_MAP, MapId(bpf_map__fd(map))); !stored.ok()) return stored;
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    source::Status stored = Store(SLUICE_OWN_PROGRAM, ProgramId(bpf_program__fd(program)));
    if (!stored.ok()) return stored;
  }
  return absl::OkStatus();
}

source::Status OwnObjects::AddLinks() const {
  for (uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
    const int link = bpf_link_get_fd_by_id(id);
    if (link < 0) continue;
    bpf_link_info info{};
    uint32_t bytes = sizeof info;
    const bool ours =
        bpf_obj_get_info_by_fd(link, &info, &bytes) == 0 && IsKnown(SLUICE_OWN_PROGRAM | info.prog_id);
    close(link);
    if (!ours) continue;
    if (source::Status stored = Store(SLUICE_OWN_LINK, id); !stored.ok()) return stored;
  }
  for (const uint64_t key : Keys()) {
    if (IsGone(key)) bpf_map_delete_elem(map_, &key);
  }
  return absl::OkStatus();
}

}  // namespace sluice::load
