#include "runtime/load/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "bpf/abi/event_abi.h"
#include "compiler/kplan/model.h"
#include "runtime/load/attach.h"
#include "runtime/load/calls.h"
#include "runtime/load/cgroup_guard.h"
#include "runtime/load/companions.h"
#include "runtime/load/libbpf_log.h"
#include "runtime/load/lsm_hooks.h"
#include "runtime/load/own_objects.h"
#include "runtime/load/record_merge.h"
#include "runtime/load/seeds.h"
#include "runtime/load/tables.h"
#include "sluice.skel.h"

namespace sluice::load {
namespace {

constexpr int kFillRounds = 5;
constexpr int kLongestWaitMs = 10;  // the kernel wakes us above a watermark only
constexpr size_t kBytesPerPoll =
    16u << 20;  // so that one Poll() ends even when records come as fast as they go
constexpr uint32_t kMostProcesses = 1u << 18;

uint64_t BootNs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

source::Status Failed(const std::string& what, int error) {
  const std::string message = fmt::format("{}: {}{}", what, std::strerror(error), TakeLibbpfLog());
  if (error == EPERM || error == EACCES) return absl::PermissionDeniedError(message);
  if (error == ENOMEM) return absl::ResourceExhaustedError(message);
  return absl::FailedPreconditionError(message);
}

static_assert(sizeof(sluice_hook_stats) % sizeof(uint64_t) == 0, "added as numbers");

void Add(const sluice_hook_stats& from, sluice_hook_stats& to) {
  uint64_t values[sizeof from / sizeof(uint64_t)], sums[sizeof to / sizeof(uint64_t)];
  std::memcpy(values, &from, sizeof from);
  std::memcpy(sums, &to, sizeof to);
  for (size_t i = 0; i < std::size(sums); ++i) sums[i] += values[i];
  std::memcpy(&to, sums, sizeof to);
}

}  // namespace

struct Kernel::State {
  ~State();

  source::Status Open(const Options& given);
  source::Status LoadOverMaps(sluice_bpf* more) const;
  source::Status LoadHooks(check::HookMask mask, const kplan::Companions& wanted);
  source::Status StoreCalls(const std::vector<const kplan::Companions*>& wanted);
  source::Status DropCompanions(const kplan::Companions& wanted);
  source::Status Protect();
  source::Status NoteOwnObjects();
  source::Status StoreNames(const std::vector<std::string>& paths);
  source::Status Prepare(uint32_t slot, const kplan::KernelPlan& plan, bool same_rules);
  uint32_t FirstBound() { return (control().bounds[control().active & 1] & 1) * SLUICE_MITIGATIONS; }
  source::Status FillLineage(uint32_t slot, uint32_t next, const kplan::KernelPlan& plan,
                             const lineage::Tree& tree, const std::function<void()>& drain);
  source::Status StoreSeeds(const Seeds& seeds);
  void ClearSeeds(const Seeds& seeds);
  source::Status Consume();
  void Wait(int timeout_ms);
  static int Take(void* state, void* record, size_t bytes);

  sluice_control& control() { return skeleton->data_control->control; }
  sluice_handover& handover() { return skeleton->data_handover->handover; }
  sluice_totals& totals() const { return skeleton->data_totals->totals; }

  Options options;
  sluice_bpf* skeleton = nullptr;
  ring_buffer* rings = nullptr;
  Attachments attachments;
  Companions companions;
  GracePeriod grace_period;
  FileNames file_names;
  CgroupGuard cgroup_guard;
  std::unique_ptr<Pins> pins;  // null: nothing is pinned
  RecordMerge merge;
  uint32_t generation = 0;  // the last one given out
  check::HookMask missing = 0, loaded = 0;
  check::HookMask used = 0;          // by some rule set so far
  std::vector<sluice_bpf*> further;  // more programs over the maps of `skeleton`
  check::HookMask mitigating = 0;    // of the active rule set: these are pinned, if any are
  kplan::Companions completing;      // of the active rule set
  uint64_t left_pinned = 0;          // programs, at Detach()
  bool detached = false;
  bool flushing = false;  // hand over at once, without waiting for records from elsewhere
};

Kernel::Kernel() : state_(std::make_unique<State>()) {}
Kernel::~Kernel() = default;

Kernel::State::~State() {
  file_names.Close();  // its thread reads what the skeleton maps
  companions.DetachAllBut({});
  attachments.DetachAll();
  if (rings != nullptr) ring_buffer__free(rings);
  for (sluice_bpf* more : further) sluice_bpf__destroy(more);
  if (skeleton != nullptr) sluice_bpf__destroy(skeleton);
}

source::Status Kernel::State::LoadOverMaps(sluice_bpf* more) const {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, more->obj) {
    const int file = bpf_object__find_map_fd_by_name(skeleton->obj, bpf_map__name(map));
    if (file < 0 || bpf_map__reuse_fd(map, file) != 0)
      return Failed(fmt::format("the map `{}` cannot be shared", bpf_map__name(map)), errno);
  }
  const int error = sluice_bpf__load(more);
  return error == 0 ? absl::OkStatus() : Failed("the kernel does not take the programs", -error);
}

// Programs that no rule set needed so far, over the maps that there are.
source::Status Kernel::State::LoadHooks(check::HookMask mask, const kplan::Companions& wanted) {
  const check::HookMask fresh = mask & ~loaded & ~missing;
  const size_t lacking = companions.Lacking(wanted).size();
  if (fresh == 0 && lacking == 0) return absl::OkStatus();
  sluice_bpf* more = sluice_bpf__open();
  if (more == nullptr) return Failed("the programs cannot be read", errno);
  ChoosePrograms(more->obj, fresh, false);
  companions.Choose(more->obj, wanted);
  if (source::Status shared = LoadOverMaps(more); !shared.ok()) {
    sluice_bpf__destroy(more);
    return shared;
  }
  further.push_back(more);
  companions.Accept();
  attachments.Add(more->obj);
  loaded |= fresh;
  const std::vector<std::string> rest = companions.Lacking(wanted);
  if (!rest.empty() && rest.size() == lacking)
    return absl::FailedPreconditionError(
        fmt::format("no program can be attached to {}", fmt::join(rest, ", ")));
  return LoadHooks(mask, wanted);
}

source::Status Kernel::State::Open(const Options& given) {
  options = given;
  CaptureLibbpfLog();
  if (!options.pin_folder.empty()) {
    source::Result<std::unique_ptr<Pins>> opened = Pins::Open(options.pin_folder);
    if (!opened.ok()) return opened.status();
    pins = std::move(*opened);
  }
  skeleton = sluice_bpf__open();
  if (skeleton == nullptr) return Failed("the programs cannot be read", errno);
  bpf_map__set_max_entries(skeleton->maps.events, options.events_ring_bytes);
  bpf_map__set_max_entries(skeleton->maps.mitigations, options.mitigations_ring_bytes);
  // Filled for the moment of a swap only, so it takes memory when it is needed.
  bpf_map__set_max_entries(skeleton->maps.seed_by_pid, kMostProcesses);
  bpf_map__set_map_flags(skeleton->maps.seed_by_pid, BPF_F_NO_PREALLOC);
  bpf_map__set_max_entries(skeleton->maps.exec_record_by_cpu,
                           static_cast<uint32_t>(std::max(libbpf_num_possible_cpus(), 1)));
  handover().agent_pid = static_cast<uint32_t>(getpid());
  control().host_mnt_ns = options.host_mnt_ns;
  control().host_pid_ns = options.host_pid_ns;
  control().wake_bytes = options.events_ring_bytes / 8;
  missing = load::MissingHooks(skeleton->obj);
  if (options.self_protection) options.hooks |= SLUICE_POINT_PROTECT;
  ChoosePrograms(skeleton->obj, options.hooks, true);
  companions.Choose(skeleton->obj, options.companions);
  loaded = options.hooks;
  if (const int error = sluice_bpf__load(skeleton); error != 0) {
    return Failed("the kernel does not take the programs", -error);
  }
  companions.Accept();
  attachments.Add(skeleton->obj);
  if (source::Status stored = StoreCalls({}); !stored.ok()) return stored;
  if (pins != nullptr) {
    const std::pair<const bpf_map*, const char*> kept[] = {{skeleton->maps.data_handover, kHandoverPin},
                                                           {skeleton->maps.mitigations, kMitigationsPin},
                                                           {skeleton->maps.events, kEventsPin}};
    for (const auto& [map, name] : kept) {
      if (source::Status pinned = pins->PinMap(bpf_map__fd(map), name); !pinned.ok()) return pinned;
    }
  }
  rings = ring_buffer__new(bpf_map__fd(skeleton->maps.mitigations), Take, this, nullptr);
  if (rings == nullptr || ring_buffer__add(rings, bpf_map__fd(skeleton->maps.events), Take, this) != 0) {
    return Failed("the ring buffers cannot be mapped", errno);
  }
  if (source::Status opened = file_names.Open(skeleton->obj, &totals().names_refused); !opened.ok())
    return opened;
  return grace_period.Open();
}

// Calls whose companions are attached, and wanted by one of `wanted`, may let their events wait.
source::Status Kernel::State::StoreCalls(const std::vector<const kplan::Companions*>& wanted) {
  std::set<check::EventType> types;
  for (const kplan::Companions* one : wanted) {
    types.insert(one->results.begin(), one->results.end());
    types.insert(one->calls.begin(), one->calls.end());
  }
  const std::vector<sluice_call> calls = CallTable([&](check::EventType type, int abi) {
    if (abi == 2) return !types.empty() && companions.CompletesRing();
    return types.count(type) != 0 && companions.Completes(type, abi);
  });
  std::vector<uint32_t> numbers(calls.size());
  for (uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  return StoreAll(bpf_map__fd(skeleton->maps.type_by_call), "type_by_call",
                  {numbers.data(), calls.data(), sizeof(uint32_t), sizeof(sluice_call),
                   static_cast<uint32_t>(calls.size())});
}

// Companions that `wanted` does not need go. Calls that are under way still want to be completed: where there are some, all
// stay until the next swap.
source::Status Kernel::State::DropCompanions(const kplan::Companions& wanted) {
  if (source::Status stored = StoreCalls({&wanted}); !stored.ok()) return stored;
  if (source::Status waited = grace_period.Wait(); !waited.ok()) return waited;
  if (__atomic_load_n(&totals().waiting, __ATOMIC_ACQUIRE) == 0) companions.DetachAllBut(wanted);
  return absl::OkStatus();
}

// Which maps, programs and links are the agent's. From the attachment on the kernel adds maps and programs by itself.
source::Status Kernel::State::NoteOwnObjects() {
  const OwnObjects own(bpf_map__fd(skeleton->maps.own_objects));
  std::vector<sluice_bpf*> all = further;
  all.push_back(skeleton);
  for (const sluice_bpf* one : all) {
    if (source::Status stored = own.Add(one->obj); !stored.ok()) return stored;
  }
  return own.AddLinks();
}

source::Status Kernel::State::Protect() {
  if (!options.self_protection) return absl::OkStatus();
  if (pins != nullptr) {
    const source::Result<Pins::Folder> folder = pins->Identify();
    if (!folder.ok()) return folder.status();
    control().pin_device = folder->device;
    __atomic_store_n(&control().pin_inode, folder->inode, __ATOMIC_RELEASE);
  }
  // The iterator tells the programs which task they protect.
  source::Status known = control().agent_task != 0 ? absl::OkStatus() : attachments.IterateTasks();
  if (known.ok()) known = attachments.Attach(SLUICE_POINT_PROTECT);
  if (known.ok()) cgroup_guard.Engage();
  return known.ok() ? NoteOwnObjects() : known;
}

// From when the programs are attached that follow renames: whatever happens from here on is seen.
source::Status Kernel::State::StoreNames(const std::vector<std::string>& paths) {
  if (!paths.empty()) __atomic_store_n(&control().names, 1u, __ATOMIC_RELEASE);
  return file_names.Add(paths);
}

source::Result<std::unique_ptr<Kernel>> Kernel::Open(const Options& options) {
  if (source::Status host = ProbeHost(); !host.ok()) return host;
  std::unique_ptr<Kernel> kernel(new Kernel());
  if (source::Status opened = kernel->state_->Open(options); !opened.ok()) return opened;
  return kernel;
}

source::Status Kernel::AttachLineage() { return state_->attachments.AttachLineage(); }

source::Status Kernel::State::Prepare(uint32_t slot, const kplan::KernelPlan& plan, bool same_rules) {
  // A program that began before the last swap may still read this slot; from here on none begins to.
  __atomic_store_n(&control().generation[slot], 0u, __ATOMIC_RELEASE);
  if (source::Status waited = grace_period.Wait(); !waited.ok()) return waited;
  control().cgroup_scopes[slot] = static_cast<uint32_t>(plan.cgroup_scopes.size());
  const uint32_t half = control().bounds[1 - slot];
  control().bounds[slot] = same_rules ? half : 1 - half;
  if (!same_rules) {
    if (source::Status stored = StoreBounds(skeleton->obj, plan, 1 - half); !stored.ok()) return stored;
  }
  return FillSlot(skeleton->obj, plan, slot, options.max_entries);
}

source::Status Kernel::State::StoreSeeds(const Seeds& seeds) {
  return StoreAll(bpf_map__fd(skeleton->maps.seed_by_pid), "seed_by_pid",
                  {seeds.pids.data(), seeds.seeds.data(), sizeof(uint32_t), sizeof(sluice_seed),
                   static_cast<uint32_t>(seeds.pids.size())});
}

void Kernel::State::ClearSeeds(const Seeds& seeds) {
  const int map = bpf_map__fd(skeleton->maps.seed_by_pid);
  for (uint32_t pid : seeds.pids) bpf_map_delete_elem(map, &pid);
}

// From the moment that the slot has its generation number, forks inherit its bits and execs make them; what
// was there before is filled from the tree. A task forked by one that is not filled yet is found in the next
// round.
source::Status Kernel::State::FillLineage(uint32_t slot, uint32_t next, const kplan::KernelPlan& plan,
                                          const lineage::Tree& tree, const std::function<void()>& drain) {
  __atomic_store_n(&control().seed_slot, slot, __ATOMIC_RELEASE);
  __atomic_store_n(&control().generation[slot], next, __ATOMIC_RELEASE);
  const kplan::Model model(plan);
  uint64_t unfilled = UINT64_MAX;
  for (int round = 0; round < kFillRounds; ++round) {
    drain();
    const Seeds seeds = ComputeSeeds(tree, model, slot, next);
    source::Status status = StoreSeeds(seeds);
    __atomic_store_n(&totals().unfilled, uint64_t{0}, __ATOMIC_RELEASE);
    if (status.ok()) status = attachments.IterateTasks();
    ClearSeeds(seeds);
    if (!status.ok()) return status;
    const uint64_t before = unfilled;
    unfilled = __atomic_load_n(&totals().unfilled, __ATOMIC_ACQUIRE);
    // What stays unfilled has a gap above it: unknown, which is a value of its own.
    if (unfilled == 0 || (unfilled == before && round >= 2)) break;
  }
  return absl::OkStatus();
}

source::Result<uint32_t> Kernel::Swap(const kplan::KernelPlan& plan, const lineage::Tree& tree,
                                      const std::function<void()>& drain, bool same_rules) {
  State& state = *state_;
  const uint32_t slot = 1 - (state.control().active & 1);
  const uint64_t mask = plan.HookMask() | (state.options.self_protection ? SLUICE_POINT_PROTECT : 0);
  state.used |= mask;
  const uint32_t next =
      ++state.generation;  // never used again, for tasks may keep it as the tag of their bits
  source::Status status = state.Protect();
  if (status.ok()) status = state.Prepare(slot, plan, same_rules);
  if (status.ok()) {
    state.flushing = true;
    status = state.FillLineage(slot, next, plan, tree, drain);
    state.flushing = false;
  }
  if (status.ok()) status = state.LoadHooks(mask, plan.companions);
  if (status.ok()) status = state.attachments.Attach(mask);
  if (status.ok()) status = state.StoreNames(plan.files);
  if (status.ok() && state.pins != nullptr)
    status = state.attachments.Pin(plan.MitigationMask(), *state.pins);
  if (status.ok()) status = state.companions.Attach(plan.companions);
  if (status.ok()) status = state.StoreCalls({&state.completing, &plan.companions});
  if (status.ok() && state.options.self_protection) status = state.NoteOwnObjects();
  if (!status.ok()) {
    if (state.pins != nullptr) state.attachments.UnpinAllBut(state.mitigating, *state.pins);
    state.DropCompanions(state.completing).IgnoreError();
    __atomic_store_n(&state.control().generation[slot], 0u, __ATOMIC_RELEASE);
    return status;
  }
  __atomic_store_n(&state.control().active, slot, __ATOMIC_RELEASE);
  state.mitigating = plan.MitigationMask();
  if (state.pins != nullptr) state.attachments.UnpinAllBut(state.mitigating, *state.pins);
  state.attachments.DetachAllBut(mask);
  state.file_names.Keep(plan.files);
  // The new rules are active whatever becomes of companions that they do not need.
  state.DropCompanions(plan.companions).IgnoreError();
  state.completing = plan.companions;
  return next;
}

source::Status Kernel::SetMode(uint32_t mitigation, bool audited) {
  const uint32_t key = state_->FirstBound() + mitigation;
  const uint32_t mode = audited ? SLUICE_MITIGATION_AUDITED : SLUICE_MITIGATION_ENFORCED;
  if (bpf_map_update_elem(bpf_map__fd(state_->skeleton->maps.mode_by_rule), &key, &mode, BPF_ANY) == 0)
    return absl::OkStatus();
  return Failed("the kernel does not take the mode", errno);
}

void Kernel::AuditAll(bool audited) {
  __atomic_store_n(&state_->control().audit, audited ? 1u : 0u, __ATOMIC_RELEASE);
}

source::Result<std::vector<sluice_mitigation>> Kernel::Mitigations(uint32_t count) const {
  std::vector<sluice_mitigation> rows(count);
  const uint32_t first = state_->FirstBound();
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t key = first + i;
    if (bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.mitigation_by_rule), &key, &rows[i]) != 0)
      return Failed("the state of the mitigations cannot be read", errno);
  }
  return rows;
}

source::Status Kernel::Canary() {
  const int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);
  if (statistics < 0) return Failed("the kernel's statistics of programs cannot be switched on", errno);
  const std::map<std::string, uint64_t> before = state_->attachments.Runs();
  const int file = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);  // file_open, whatever it returns
  if (file >= 0) close(file);
  const pid_t child = fork();  // task_alloc
  if (child == 0) _exit(0);
  const int error = errno;
  if (child > 0) waitpid(child, nullptr, 0);
  const std::map<std::string, uint64_t> after = state_->attachments.Runs();
  close(statistics);
  if (child < 0) return Failed("a process that tests the hooks cannot be started", error);
  for (const char* hook : {"file_open", "task_alloc"}) {
    const auto first = before.find(hook), last = after.find(hook);
    if (first == before.end() || last == after.end() || last->second > first->second) continue;
    return absl::FailedPreconditionError(fmt::format(
        "the program at the hook {} is attached, but the kernel does not call it: its LSM list must hold bpf "
        "(`lsm=...,bpf` on the kernel command line)",
        hook));
  }
  return absl::OkStatus();
}

source::Result<TakenOver> Kernel::TakeOver() {
  if (state_->pins == nullptr) return TakenOver{};
  state_->pins->Keep(true);  // from the first that goes, this one is needed
  return state_->pins->TakeAwayOthers();
}

uint64_t Kernel::pinned() const {
  return state_->detached ? state_->left_pinned : state_->attachments.pinned();
}

int Kernel::State::Take(void* state, void* record, size_t bytes) {
  RecordMerge& merge = static_cast<State*>(state)->merge;
  merge.Add({static_cast<const char*>(record), bytes});
  return merge.bytes() < kBytesPerPoll ? 0 : -ENOBUFS;  // the record is consumed all the same
}

source::Status Kernel::State::Consume() {
  const int taken = ring_buffer__consume(rings);
  if (taken >= 0 || taken == -ENOBUFS) return absl::OkStatus();
  return Failed("the ring buffers cannot be read", -taken);
}

// Level-triggered: it returns at once while records wait, otherwise at a wake-up from the kernel.
void Kernel::State::Wait(int timeout_ms) {
  int longest = std::min(timeout_ms, kLongestWaitMs);
  if (merge.holds_candidates()) longest = std::min(longest, static_cast<int>(kReorderNs / 1'000'000));
  epoll_event events[2];
  epoll_wait(ring_buffer__epoll_fd(rings), events, 2, longest);
}

source::Status Kernel::Poll(int timeout_ms, const std::function<void(std::string_view record)>& callback) {
  State& state = *state_;
  if (timeout_ms > 0) state.Wait(timeout_ms);
  const uint64_t now = BootNs();  // before reading: whatever is older than the window is in the rings by now
  if (source::Status consumed = state.Consume(); !consumed.ok()) return consumed;
  state.merge.HandOver(state.flushing ? UINT64_MAX : now - std::min(now, kReorderNs), callback);
  return absl::OkStatus();
}

uint64_t Kernel::ModuleLoadedNs(uint64_t address) const {
  uint64_t loaded_ns = 0;
  const int map = bpf_map__fd(state_->skeleton->maps.loaded_modules);
  return bpf_map_lookup_elem(map, &address, &loaded_ns) == 0 ? loaded_ns : 0;
}

std::vector<HookCounters> Kernel::Counters() const {
  const int cpus = libbpf_num_possible_cpus();
  std::vector<sluice_hook_stats> per_cpu(static_cast<size_t>(std::max(cpus, 1)));
  std::vector<HookCounters> rows;
  for (const check::HookRow& hook : check::Hooks()) {
    if ((state_->used >> hook.id & 1) == 0) continue;
    HookCounters& row = rows.emplace_back();
    row.hook = hook.name;
    const uint32_t key = hook.id;
    if (bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.stats_by_hook), &key, per_cpu.data()) != 0)
      continue;
    for (const sluice_hook_stats& stats : per_cpu) Add(stats, row.stats);
    // What still waited for the return of its call, and an exec that was judged and never got its new image.
    if (state_->detached) row.stats.dropped += row.stats.waiting;
    if (state_->detached && hook.id == SLUICE_HOOK_BPRM_CHECK) row.stats.dropped += state_->totals().parked;
  }
  return rows;
}

check::HookMask Kernel::MissingHooks() const { return state_->missing; }

NameFaults Kernel::TakeNameFaults() { return state_->file_names.TakeFaults(); }

uint64_t Kernel::Attempts() const { return __atomic_load_n(&state_->totals().attempts, __ATOMIC_ACQUIRE); }

const std::vector<std::string>& Kernel::ProtectionFaults() const { return state_->cgroup_guard.faults(); }

uint64_t Kernel::TreeRecordsLost() const { return state_->totals().tree_lost; }

void Kernel::Detach() {
  State& state = *state_;
  if (state.detached) return;
  state.left_pinned = state.pins == nullptr ? 0 : state.attachments.pinned();
  if (state.left_pinned > 0) {
    __atomic_store_n(&state.handover().unattended, 1u, __ATOMIC_RELEASE);
    __atomic_store_n(&state.handover().agent_pid, 0u, __ATOMIC_RELEASE);
    state.StoreCalls({}).IgnoreError();  // no event waits for a companion any more
  } else {
    // The kernel lets go of a closed link a moment later. Without clauses nothing is counted in that moment.
    ClearSlot(state.skeleton->obj, state.control().active & 1).IgnoreError();
    if (state.pins != nullptr) state.pins->Keep(false);
  }
  state.grace_period.Wait().IgnoreError();
  state.companions.DetachAllBut({});
  state.cgroup_guard.Release();
  state.attachments.DetachAll();
  state.detached = true;
  state.flushing = true;
}

}  // namespace sluice::load
