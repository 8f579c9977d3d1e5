#include "runtime/load/tables.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <vector>

#include "runtime/load/libbpf_log.h"

namespace sluice::load {
namespace {

constexpr int kNotSupported = 524;  // the kernel's ENOTSUPP, which user space has no name for
constexpr uint32_t kBatchEntries = 4096;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

source::Status StoreFailed(const std::string& name, int error, uint32_t count) {
  const std::string what =
      fmt::format("the map `{}` took only a part of {} entries: {}", name, count, std::strerror(error));
  if (error == E2BIG || error == ENOSPC) return absl::ResourceExhaustedError(what + ": it is full");
  if (error == ENOMEM) return absl::ResourceExhaustedError(what + ": the kernel has no memory for it");
  return absl::InternalError(what);
}

source::Status StoreOneByOne(int map, const std::string& name, const Batch& batch, uint32_t from) {
  const char* keys = static_cast<const char*>(batch.keys);
  const char* values = static_cast<const char*>(batch.values);
  for (uint32_t i = from; i < batch.count; ++i) {
    if (bpf_map_update_elem(map, keys + i * batch.key_bytes, values + i * batch.value_bytes, BPF_ANY) != 0) {
      return StoreFailed(name, errno, batch.count);
    }
  }
  return absl::OkStatus();
}

// Outer maps and what is put into them. The kernel compares this with the template in bpf/lib/maps.bpf.h
// (which libbpf forgets once the maps are made) and refuses what differs.
struct TableShape {
  const char* outer_name;
  bpf_map_type type;
  uint32_t key_bytes, value_bytes, flags;
};
constexpr TableShape kShortExact = {"short_by_slot", BPF_MAP_TYPE_HASH, sizeof(sluice_short_key), 4, 0};
constexpr TableShape kLongExact = {"long_by_slot", BPF_MAP_TYPE_HASH, sizeof(sluice_long_key), 4, 0};
constexpr TableShape kPrefixes = {"prefixes_by_slot", BPF_MAP_TYPE_LPM_TRIE, sizeof(sluice_prefix_key), 4,
                                  BPF_F_NO_PREALLOC};
constexpr TableShape kSuffixes = {"suffixes_by_slot", BPF_MAP_TYPE_LPM_TRIE, sizeof(sluice_suffix_key), 4,
                                  BPF_F_NO_PREALLOC};
constexpr TableShape kNets = {"nets_by_slot", BPF_MAP_TYPE_LPM_TRIE, sizeof(sluice_net_key), 4,
                              BPF_F_NO_PREALLOC};
constexpr TableShape kClasses = {"classes_by_slot", BPF_MAP_TYPE_ARRAY, 4, sizeof(sluice_set),
                                 BPF_F_INNER_MAP};
constexpr TableShape kDense = {"dense_by_slot", BPF_MAP_TYPE_ARRAY, 4, 4, BPF_F_INNER_MAP};
constexpr TableShape kIntervals = {"intervals_by_slot", BPF_MAP_TYPE_ARRAY, 4, sizeof(sluice_interval),
                                   BPF_F_INNER_MAP};
constexpr TableShape kAutomaton = {"automaton_by_slot", BPF_MAP_TYPE_ARRAY, 4, sizeof(sluice_automaton_row),
                                   BPF_F_INNER_MAP};

// Keys and values of (key, value) pairs as parallel arrays.
template <typename Key>
struct Columns {
  std::vector<Key> keys;
  std::vector<uint32_t> values;
  explicit Columns(const std::vector<std::pair<Key, uint32_t>>& pairs) {
    keys.reserve(pairs.size());
    values.reserve(pairs.size());
    for (const auto& [key, value] : pairs) {
      keys.push_back(key);
      values.push_back(value);
    }
  }
};

class SlotFilling {
 public:
  SlotFilling(bpf_object* object, uint32_t slot, uint32_t max_entries)
      : object_(object), slot_(slot), max_entries_(max_entries == 0 ? kMostEntries : max_entries) {}

  // Makes an inner map, fills it, and puts it into the slot of its outer map.
  source::Status Install(const TableShape& shape, const void* keys, const void* values, size_t count) {
    const int outer = bpf_object__find_map_fd_by_name(object_, shape.outer_name);
    if (outer < 0) return absl::InternalError(fmt::format("the programs have no map `{}`", shape.outer_name));
    if (count > max_entries_) {
      return absl::ResourceExhaustedError(
          fmt::format("the map `{}` holds {} entries, the rules need {}: split the largest lists, or test "
                      "them by a prefix",
                      shape.outer_name, max_entries_, count));
    }
    const uint32_t entries = std::max<uint32_t>(1, static_cast<uint32_t>(count));
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = shape.flags);
    const Descriptor inner(
        bpf_map_create(shape.type, nullptr, shape.key_bytes, shape.value_bytes, entries, &options));
    if (inner.get() < 0) {
      const int error = errno;
      const std::string what = fmt::format("a map of {} entries for `{}` cannot be made: {}", entries,
                                           shape.outer_name, std::strerror(error));
      return error == ENOMEM || error == E2BIG ? absl::ResourceExhaustedError(what)
                                               : absl::InternalError(what);
    }
    const Batch batch{keys, values, shape.key_bytes, shape.value_bytes, static_cast<uint32_t>(count)};
    if (source::Status stored = StoreAll(inner.get(), shape.outer_name, batch); !stored.ok()) return stored;
    const int number = inner.get();
    if (bpf_map_update_elem(outer, &slot_, &number, BPF_ANY) != 0) {
      return absl::InternalError(fmt::format("the map `{}` does not take the rules' table: {}{}",
                                             shape.outer_name, std::strerror(errno), TakeLibbpfLog()));
    }
    return absl::OkStatus();
  }

  template <typename Key>
  source::Status InstallPairs(const TableShape& shape, const std::vector<std::pair<Key, uint32_t>>& pairs) {
    const Columns<Key> columns(pairs);
    return Install(shape, columns.keys.data(), columns.values.data(), pairs.size());
  }

  template <typename T>
  source::Status InstallArray(const TableShape& shape, const std::vector<T>& values) {
    std::vector<uint32_t> indices(values.size());
    std::iota(indices.begin(), indices.end(), 0);
    return Install(shape, indices.data(), values.data(), values.size());
  }

 private:
  bpf_object* object_;
  const uint32_t slot_, max_entries_;
};

source::Status StoreRows(bpf_object* object, const char* map_name, uint32_t first, const void* values,
                         size_t value_bytes, uint32_t count) {
  const int map = bpf_object__find_map_fd_by_name(object, map_name);
  if (map < 0) return absl::InternalError(fmt::format("the programs have no map `{}`", map_name));
  std::vector<uint32_t> indices(count);
  std::iota(indices.begin(), indices.end(), first);
  return StoreAll(map, map_name, {indices.data(), values, sizeof(uint32_t), value_bytes, count});
}

}  // namespace

source::Status StoreBounds(bpf_object* object, const kplan::KernelPlan& plan, uint32_t half) {
  std::vector<sluice_mitigation> bounds;
  std::vector<uint32_t> modes;
  for (const kplan::Mitigation& mitigation : plan.mitigations) {
    bounds.push_back(mitigation.bounds);
    modes.push_back(mitigation.audited ? SLUICE_MITIGATION_AUDITED : SLUICE_MITIGATION_ENFORCED);
  }
  const uint32_t first = half * SLUICE_MITIGATIONS;
  const auto count = static_cast<uint32_t>(bounds.size());
  source::Status status =
      StoreRows(object, "mitigation_by_rule", first, bounds.data(), sizeof(sluice_mitigation), count);
  if (status.ok()) status = StoreRows(object, "mode_by_rule", first, modes.data(), sizeof(uint32_t), count);
  return status;
}

source::Status StoreAll(int map, const std::string& name, const Batch& batch) {
  const char* keys = static_cast<const char*>(batch.keys);
  const char* values = static_cast<const char*>(batch.values);
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  for (uint32_t done = 0; done < batch.count;) {
    uint32_t count = std::min(kBatchEntries, batch.count - done);
    const int error = bpf_map_update_batch(map, keys + done * batch.key_bytes,
                                           values + done * batch.value_bytes, &count, &options);
    if (error != 0) {
      const bool no_batches = errno == kNotSupported || errno == ENOTSUP || errno == EINVAL;
      return no_batches ? StoreOneByOne(map, name, batch, done) : StoreFailed(name, errno, batch.count);
    }
    done += count;
  }
  return absl::OkStatus();
}

source::Status FillSlot(bpf_object* object, const kplan::KernelPlan& plan, uint32_t slot,
                        uint32_t max_entries) {
  SlotFilling filling(object, slot, max_entries);
  source::Status status = filling.InstallPairs(kShortExact, plan.short_exact);
  if (status.ok()) status = filling.InstallPairs(kLongExact, plan.long_exact);
  if (status.ok()) status = filling.InstallPairs(kPrefixes, plan.prefixes);
  if (status.ok()) status = filling.InstallPairs(kSuffixes, plan.suffixes);
  if (status.ok()) status = filling.InstallPairs(kNets, plan.nets);
  if (status.ok()) status = filling.InstallArray(kClasses, plan.classes);
  if (status.ok()) status = filling.InstallArray(kDense, plan.dense);
  if (status.ok()) status = filling.InstallArray(kIntervals, plan.intervals);
  if (status.ok()) status = filling.InstallArray(kAutomaton, plan.automaton);
  if (!status.ok()) return status;
  status = StoreRows(object, "cgroup_by_scope", slot * SLUICE_CGROUP_SCOPES, plan.cgroup_scopes.data(),
                     sizeof(sluice_cgroup_scope), static_cast<uint32_t>(plan.cgroup_scopes.size()));
  if (!status.ok()) return status;
  if (!plan.actions.empty()) {
    const uint32_t first = slot * SLUICE_HOOKS * SLUICE_CLAUSES;
    status = StoreRows(object, "action_by_clause", first, plan.actions.data(), sizeof(sluice_action),
                       static_cast<uint32_t>(plan.actions.size()));
    if (!status.ok()) return status;
  }
  return StoreRows(object, "config_by_hook", slot * SLUICE_HOOKS, plan.hooks.data(),
                   sizeof(sluice_hook_config), SLUICE_HOOKS);
}

source::Status ClearSlot(bpf_object* object, uint32_t slot) {
  const std::vector<sluice_hook_config> empty(SLUICE_HOOKS);
  return StoreRows(object, "config_by_hook", slot * SLUICE_HOOKS, empty.data(), sizeof(sluice_hook_config),
                   SLUICE_HOOKS);
}

source::Status GracePeriod::Open() {
  inner_ = bpf_map_create(BPF_MAP_TYPE_ARRAY, nullptr, sizeof(uint32_t), sizeof(uint32_t), 1, nullptr);
  if (inner_ < 0) return absl::InternalError(fmt::format("a map cannot be made: {}", std::strerror(errno)));
  LIBBPF_OPTS(bpf_map_create_opts, options, .inner_map_fd = static_cast<uint32_t>(inner_));
  outer_ =
      bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, nullptr, sizeof(uint32_t), sizeof(uint32_t), 1, &options);
  if (outer_ < 0)
    return absl::InternalError(fmt::format("a map of maps cannot be made: {}", std::strerror(errno)));
  return Wait();
}

source::Status GracePeriod::Wait() {
  const uint32_t zero = 0;
  if (bpf_map_update_elem(outer_, &zero, &inner_, BPF_ANY) == 0) return absl::OkStatus();
  return absl::InternalError(fmt::format("a map of maps cannot be updated: {}", std::strerror(errno)));
}

GracePeriod::~GracePeriod() {
  if (outer_ >= 0) close(outer_);
  if (inner_ >= 0) close(inner_);
}

}  // namespace sluice::load
