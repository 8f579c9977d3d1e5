#include "runtime/engine.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <mutex>

#include "runtime/container/watch.h"
#include "runtime/hosts/resolver.h"
#include "runtime/judge.h"
#include "runtime/load/record_merge.h"
#include "runtime/loss_watch.h"
#include "runtime/module_watch.h"
#include "runtime/reload.h"
#include "runtime/ring/record.h"
#include "runtime/rule_files.h"
#include "runtime/self_protection.h"
#include "runtime/set_refill.h"
#include "runtime/trusted.h"

namespace sluice {
namespace {

constexpr int kPollMs = 10;
constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kClockStepNs = 10'000'000;
constexpr int64_t kThrottleLookNs = 10 * kSecondNs;
constexpr int64_t kFuseLookNs = 200'000'000;
constexpr auto kPatience = std::chrono::seconds(5);

int64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * kSecondNs + now.tv_nsec;
}

int64_t BootToUnixNs() { return ClockNs(CLOCK_REALTIME) - ClockNs(CLOCK_BOOTTIME); }

// What rules compare the names of connections with.
std::vector<std::string> HostNamesOf(const check::CheckedRules& checked) {
  std::vector<std::string> names;
  for (const check::Predicate& predicate : checked.predicates) {
    if (!check::LooksUpHosts(predicate)) continue;
    for (const check::Value& value : predicate.values) names.push_back(value.text);
  }
  return names;
}

alert::Host ThisHost() {
  alert::Host host;
  char name[HOST_NAME_MAX + 1] = "";
  if (gethostname(name, sizeof name - 1) == 0) host.hostname = name;
  std::ifstream boot_id("/proc/sys/kernel/random/boot_id");
  std::getline(boot_id, host.boot_id);
  host.boot_to_unix_ns = BootToUnixNs();
  return host;
}

}  // namespace

struct Engine::State {
  State(EngineOptions o, AlertSink s)
      : options(std::move(o)),
        sink(std::move(s)),
        enforcement(options.audit),
        judge([this](const alert::Alert& alert) {
          lag.Add(ClockNs(CLOCK_BOOTTIME) + host.boot_to_unix_ns - static_cast<int64_t>(alert.time_unix_ns));
          sink(alert);
        }),
        refill(options.compile) {
    if (!options.throttled) judge.LiftThrottles();
    judge.AddTo([this](const check::CheckedRule& rule, const eval::Event& event, uint64_t time_ns) {
      refill.Add(rule, event, time_ns);
    });
  }

  source::Status Open();
  // `same_rules`: with other members of sets; fuses and counts go on.
  source::Status Activate(Compilation& compilation, bool same_rules = false);
  source::Status Poll(int timeout_ms);
  void Apply(std::string_view bytes);
  void WatchModule(std::string_view bytes);
  void TellHiddenModules();
  std::vector<load::HookCounters> Counters() const;
  void SetHost();
  void SetNames(std::shared_ptr<const eval::Names> names);
  void FollowContainers();
  void FollowHosts();
  source::Status TakeOver();
  source::Status Loop(Reloader& reloader);
  void FollowClock();
  void TellFaults(int64_t now_ns);
  void TellHeldBack(const std::map<std::string, uint64_t>& by_rule);
  void Publish(int64_t now_ns, std::vector<load::HookCounters> hooks, bool last);
  void Reloaded(const source::Status& status, const Compilation* compilation);
  void Raise(const alert::Alert& alert);
  void TakeAudit();
  void LookAtFuses(int64_t now_ns);
  void FinishReload(Reloader& reloader, Fresh fresh);
  source::Result<std::unique_ptr<Compilation>> Compile();
  void Close();

  EngineOptions options;
  const AlertSink sink;
  alert::Host host = ThisHost();
  int32_t utc_offset_s = 0;
  Enforcement enforcement;
  Judge judge;
  LossWatch losses;
  std::unique_ptr<container::Watch> containers;
  std::unique_ptr<hosts::Resolver> resolver;
  lineage::Tree tree{lineage::Limits{}};
  std::unique_ptr<load::Kernel> kernel;
  std::unique_ptr<ModuleWatch> modules;  // asks the kernel
  uint64_t modules_dropped = 0;          // in the end
  ring::Record record;
  EngineStats stats;
  LagHistogram lag;
  std::shared_ptr<const uplan::UserPlan> active;
  uint32_t generation = 0;  // of the active rules
  uint64_t rules_active = 0, taken_over = 0;
  std::map<std::string, uint64_t> unattended;
  std::vector<std::string> warnings;
  std::atomic<uint64_t> reloads = 0, reloads_failed = 0;
  std::atomic<bool> last_reload_failed = false;
  std::mutex failed_mutex;
  std::optional<ReloadFailure> failed_reload;
  SetRefill refill;
  uint64_t set_refusals_told = 0;
  int64_t throttle_looked_ns = 0;
  std::mutex audit_mutex;
  std::condition_variable audit_done;
  struct Asked {
    AuditRequest request;
    std::optional<source::Result<std::string>> answer;
  };
  std::vector<std::shared_ptr<Asked>> asked;
  std::string stopped_by;  // under audit_mutex; empty: by a signal
  mutable std::mutex published_mutex;
  EngineSnapshot published;
  uint64_t handed_over = 0;
  AttemptWatch attempts;
  std::atomic<int64_t> judged_until_ns = 0;
  std::atomic<bool> stop = false, reload = false;
  static_assert(std::atomic<bool>::is_always_lock_free, "set from signal handlers");
};

Engine::Engine(EngineOptions options, AlertSink sink)
    : state_(std::make_unique<State>(std::move(options), std::move(sink))) {}
Engine::~Engine() = default;

void Engine::Stop() { state_->stop = true; }
void Engine::StopFor(const std::string& asker) {
  {
    const std::lock_guard lock(state_->audit_mutex);
    state_->stopped_by = asker;
  }
  state_->stop = true;
}
void Engine::Reload() { state_->reload = true; }
int64_t Engine::JudgedUntilNs() const { return state_->judged_until_ns; }
source::Result<std::string> Engine::Audit(const AuditRequest& request) {
  const auto asked = std::make_shared<State::Asked>();
  asked->request = request;
  std::unique_lock lock(state_->audit_mutex);
  state_->asked.push_back(asked);
  if (state_->audit_done.wait_for(lock, kPatience, [&] { return asked->answer.has_value(); }))
    return *asked->answer;
  std::erase(state_->asked, asked);
  return absl::UnavailableError("the engine does not answer: nothing was switched");
}

EngineSnapshot Engine::Snapshot() const {
  const std::lock_guard lock(state_->published_mutex);
  return state_->published;
}

source::Status Engine::Run(std::unique_ptr<Compilation> compilation, const std::function<void()>& ready,
                           const std::function<void(const source::Status&, const Compilation*)>& reloaded) {
  State& state = *state_;
  if (source::Status usable = Usable(*compilation); !usable.ok()) return usable;
  state.options.load.hooks = compilation->kernel.HookMask();
  state.options.load.companions = compilation->kernel.companions;
  const eval::HostFacts facts = eval::HostFacts::Read();
  state.options.load.host_mnt_ns = facts.mnt_ns;
  state.options.load.host_pid_ns = facts.pid_ns;
  const auto report = [&](const source::Status& outcome, const Compilation* compiled) {
    reloaded(outcome, compiled);
    state.Reloaded(outcome, compiled);
  };
  // Every thread is there before a rule is active.
  source::Result<std::unique_ptr<Reloader>> reloader =
      Reloader::Open([&state] { return state.Compile(); }, report, state.options.compile.warnings_are_errors);
  if (!reloader.ok()) return reloader.status();
  if (source::Status started = state.refill.Start(); !started.ok()) return started;
  source::Status status = state.Open();
  if (status.ok()) status = state.Activate(*compilation);
  if (status.ok()) status = state.kernel->Canary();
  if (status.ok()) status = state.TakeOver();
  if (status.ok()) {
    compilation.reset();
    malloc_trim(0);  // what the stages needed goes back to the host
    state.Publish(ClockNs(CLOCK_BOOTTIME), state.Counters(), false);
    ready();
    status = state.Loop(**reloader);
  }
  state.refill.Stop();
  reloader->reset();
  state.Close();
  return status;
}

// Lineage first: a process that forks or execs while /proc is read is then seen twice rather than never.
source::Status Engine::State::Open() {
  SetHost();
  SetNames(std::make_shared<const eval::Names>(eval::Names::Read("/etc")));
  source::Result<std::unique_ptr<container::Watch>> watched = container::Watch::Open();
  if (!watched.ok()) return watched.status();
  containers = std::move(*watched);
  source::Result<std::unique_ptr<hosts::Resolver>> resolved = hosts::Resolver::Open();
  if (!resolved.ok()) return resolved.status();
  resolver = std::move(*resolved);
  source::Result<std::unique_ptr<load::Kernel>> opened = load::Kernel::Open(options.load);
  if (!opened.ok()) return opened.status();
  kernel = std::move(*opened);
  source::Result<std::unique_ptr<ModuleWatch>> looked =
      ModuleWatch::Open([this](uint64_t address) { return kernel->ModuleLoadedNs(address); });
  if (!looked.ok()) return looked.status();
  modules = std::move(*looked);
  if (source::Status status = kernel->AttachLineage(); !status.ok()) return status;
  source::Result<std::vector<lineage::ProcEntry>> processes = lineage::ReadProcesses("/proc", false);
  if (!processes.ok()) return processes.status();
  if (options.capture != nullptr) options.capture->Processes(*processes);
  tree.Seed(*std::move(processes));
  judge.SetTree(tree);
  FollowContainers();
  return Poll(0);
}

void Engine::State::SetHost() {
  eval::HostFacts facts = eval::HostFacts::Read();
  utc_offset_s = *facts.utc_offset_s;
  if (options.capture != nullptr) options.capture->Host(host, facts);
  judge.SetHost(host, std::move(facts));
}

void Engine::State::SetNames(std::shared_ptr<const eval::Names> names) {
  if (options.capture != nullptr) options.capture->Users(*names);
  judge.SetNames(std::move(names));
}

// One that goes is not told to a capture: no record after it can name it.
void Engine::State::FollowContainers() {
  for (const container::Change& change : containers->Take()) {
    if (options.capture != nullptr && change.container != nullptr)
      options.capture->Container(*change.container);
    judge.containers().Set(change.id, change.container);
  }
  for (const std::string& id : judge.containers().TakeMissing()) containers->Want(id);
}

void Engine::State::FollowHosts() {
  std::shared_ptr<const hosts::Table> table = resolver->Take();
  if (table == nullptr) return;
  if (options.capture != nullptr) options.capture->Hosts(*table);
  judge.SetHosts(std::move(table));
}

source::Status Engine::State::Activate(Compilation& compilation, bool same_rules) {
  // Swap() drains before the flip only, so no record of the new generation is read before the judge knows its
  // plan.
  const auto drain = [&] { Poll(0).IgnoreError(); };
  if (rules_active != 0) LookAtFuses(ClockNs(CLOCK_BOOTTIME));  // what the old set has to say
  enforcement.Prepare(compilation.kernel);
  std::vector<kplan::Mitigation>& mitigations = compilation.kernel.mitigations;
  if (const auto rows = kernel->Mitigations(static_cast<uint32_t>(mitigations.size()));
      same_rules && rows.ok()) {
    for (size_t i = 0; i < mitigations.size(); ++i) mitigations[i].bounds = (*rows)[i];
  }
  kernel->AuditAll(enforcement.state().audit_all);
  const source::Result<uint32_t> swapped = kernel->Swap(compilation.kernel, tree, drain, same_rules);
  if (!swapped.ok()) return swapped.status();
  generation = *swapped;
  rules_active = compilation.user.checked.rules.size();
  if (!same_rules) refill.Active(compilation);
  enforcement.Activate(compilation.kernel);
  resolver->Ask(HostNamesOf(compilation.user.checked));
  if (options.capture != nullptr)
    options.capture->Rules({.generation = generation,
                            .fingerprint = capture::FingerprintOf(compilation),
                            .every_event = options.every_event,
                            .members = compilation.members});
  active = std::make_shared<const uplan::UserPlan>(std::move(compilation.user));
  judge.Add(generation, active);
  return absl::OkStatus();
}

source::Status Engine::State::Poll(int timeout_ms) {
  return kernel->Poll(timeout_ms, [this](std::string_view bytes) {
    ++handed_over;
    Apply(bytes);
  });
}

void Engine::State::Apply(std::string_view bytes) {
  if (!ring::Decode(bytes, record).ok()) {
    ++stats.undecodable;
    return;
  }
  if (record.header.kind == SLUICE_RECORD_ATTEMPT) return Raise(attempts.Tell(record, host));
  if (record.header.kind == SLUICE_RECORD_EVENT && record.header.hook == SLUICE_HOOK_MODULE_HIDDEN) {
    WatchModule(bytes);
    return;
  }
  if (options.capture != nullptr) options.capture->Record(bytes);
  if (record.header.kind != SLUICE_RECORD_EVENT) tree.Apply(record);
  if (options.every_event) return;
  judge.Apply(record, tree.Find({.pid = record.header.pid, .start_ns = record.header.start_ns}));
}

// The load of a module: an event once the module has hidden itself.
void Engine::State::WatchModule(std::string_view bytes) {
  const sluice_record& header = record.header;
  if (modules == nullptr) return;  // the agent ends
  modules->Add({.name = std::string(record.text.bytes),
                .address = header.numbers[1],
                .loaded_ns = header.numbers[2],
                .record = std::string(bytes),
                .process = tree.Find({.pid = header.pid, .start_ns = header.start_ns})});
}

// A load that the watch had no room for was sent, and lost on the way.
std::vector<load::HookCounters> Engine::State::Counters() const {
  std::vector<load::HookCounters> rows = kernel->Counters();
  const uint64_t dropped = modules == nullptr ? modules_dropped : modules->dropped();
  for (load::HookCounters& row : rows) {
    if (check::FindHook(row.hook)->id != SLUICE_HOOK_MODULE_HIDDEN) continue;
    row.stats.sent -= std::min<uint64_t>(row.stats.sent, dropped);
    row.stats.lost += dropped;
  }
  return rows;
}

void Engine::State::TellHiddenModules() {
  if (modules == nullptr) return;
  for (const ModuleLoad& load : modules->Take()) {
    if (!ring::Decode(load.record, record).ok()) continue;
    if (options.capture != nullptr) options.capture->Record(load.record);
    if (options.every_event) continue;
    if (record.header.generation == generation)
      judge.Apply(record, load.process);
    else
      judge.ApplyLate(record, load.process);
  }
}

source::Status Engine::State::Loop(Reloader& reloader) {
  const auto same_rules = [this](Compilation& grown) { return Activate(grown, true); };
  int64_t looked_ns = 0, fuses_looked_ns = 0;
  while (!stop) {
    const int64_t begin_ns = ClockNs(CLOCK_BOOTTIME);
    if (source::Status status = Poll(kPollMs); !status.ok()) return status;
    judged_until_ns = begin_ns - static_cast<int64_t>(load::kReorderNs);
    FollowContainers();
    FollowHosts();
    TellHiddenModules();
    if (reload.exchange(false)) reloader.Request();
    if (std::optional<Fresh> fresh = reloader.Take()) FinishReload(reloader, std::move(*fresh));
    TakeAudit();
    const int64_t now_ns = ClockNs(CLOCK_BOOTTIME);
    refill.Look(now_ns, same_rules);
    if (now_ns - fuses_looked_ns > kFuseLookNs) {
      fuses_looked_ns = now_ns;
      LookAtFuses(now_ns);
    }
    if (now_ns - looked_ns > kSecondNs) {
      looked_ns = now_ns;
      FollowClock();
      TellFaults(now_ns);
      if (options.capture != nullptr && !options.capture->status().ok()) return options.capture->status();
    }
  }
  return absl::OkStatus();
}

// The rules are active: what an earlier agent left in force is no longer needed.
source::Status Engine::State::TakeOver() {
  const source::Result<load::TakenOver> taken = kernel->TakeOver();
  if (!taken.ok()) return taken.status();
  taken_over = taken->programs;
  for (const check::HookRow& hook : check::Hooks()) {
    if (taken->mitigated[hook.id] > 0) unattended[std::string(hook.name)] = taken->mitigated[hook.id];
  }
  warnings = kernel->ProtectionFaults();
  for (const std::string& path : taken->strangers)
    warnings.push_back(fmt::format("{} is not the agent's and stays: remove it", path));
  if (!unattended.empty()) Raise(Unattended(unattended, host, ClockNs(CLOCK_BOOTTIME)));
  return absl::OkStatus();
}

void Engine::State::TakeAudit() {
  const std::lock_guard lock(audit_mutex);
  if (asked.empty()) return;
  const auto set_mode = [this](std::optional<uint32_t> mitigation, bool audited) -> source::Status {
    if (mitigation) return kernel->SetMode(*mitigation, audited);
    kernel->AuditAll(audited);
    return absl::OkStatus();
  };
  for (const std::shared_ptr<Asked>& one : std::exchange(asked, {})) {
    one->answer = enforcement.Switch(one->request, set_mode);
    if (one->answer->ok())
      Raise(AuditSwitched(**one->answer, one->request.asker, host, ClockNs(CLOCK_BOOTTIME)));
  }
  {
    const std::lock_guard published_lock(published_mutex);  // whoever asks next sees it
    published.enforcement = enforcement.state();
  }
  audit_done.notify_all();
}

// The kernel has disarmed what blew; this only tells.
void Engine::State::LookAtFuses(int64_t now_ns) {
  const auto rows = kernel->Mitigations(static_cast<uint32_t>(enforcement.state().rules.size()));
  if (!rows.ok()) return;
  for (const alert::Alert& alert : enforcement.Look(now_ns, *rows, host)) Raise(alert);
}

// The wall clock may be set while we run, and summer time ends.
void Engine::State::FollowClock() {
  const int64_t offset = BootToUnixNs();
  const bool stepped = std::abs(offset - host.boot_to_unix_ns) >= kClockStepNs;
  if (!stepped && eval::UtcOffsetS() == utc_offset_s) return;
  if (stepped) host.boot_to_unix_ns = offset;
  SetHost();
}

// Once a second: what the kernel or another thread could not do.
void Engine::State::TellFaults(int64_t now_ns) {
  std::vector<load::HookCounters> hooks = Counters();
  stats.tree_records_lost = kernel->TreeRecordsLost();
  if (const auto alert = losses.Look(now_ns, hooks, stats, host)) Raise(*alert);
  std::optional<ReloadFailure> reload_fault;
  if (const std::unique_lock lock(failed_mutex, std::try_to_lock); lock)
    reload_fault = std::exchange(failed_reload, {});
  if (reload_fault) Raise(ReloadFailed(*reload_fault, host, now_ns));
  if (const auto fault = refill.TakeFault()) Raise(SetsNotInForce(*fault, host, now_ns));
  if (const auto alert = attempts.Look(now_ns, kernel->Attempts(), host)) Raise(*alert);
  const load::NameFaults names = kernel->TakeNameFaults();
  for (const std::string& path : names.crowded) Raise(TooManyNames(path, active->checked, host, now_ns));
  for (const std::string& path : names.flooded) Raise(TooManyFiles(path, active->checked, host, now_ns));
  if (!names.failed.ok()) Raise(FilesNotLookedUp(names.failed, host, now_ns));
  const uint64_t refused = refill.sets().refused();
  if (refused != set_refusals_told)
    Raise(SetsFull(refused - std::exchange(set_refusals_told, refused), host, now_ns));
  if (now_ns - throttle_looked_ns > kThrottleLookNs) {
    throttle_looked_ns = now_ns;
    TellHeldBack(judge.throttle().TakeQuiet(static_cast<uint64_t>(now_ns)));
  }
  Publish(now_ns, std::move(hooks), false);
}

void Engine::State::TellHeldBack(const std::map<std::string, uint64_t>& by_rule) {
  if (!by_rule.empty()) Raise(alert::HeldBack(by_rule, host, ClockNs(CLOCK_BOOTTIME)));
}

// An alert of the agent's own.
void Engine::State::Raise(const alert::Alert& alert) {
  if (options.capture != nullptr) options.capture->OwnAlert(alert);
  sink(alert);
}

// A reader that is copying just now is not waited for: the next second has its own.
void Engine::State::Publish(int64_t now_ns, std::vector<load::HookCounters> hooks, bool last) {
  std::unique_lock lock(published_mutex, std::defer_lock);
  if (last) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return;
  }
  stats.suppressed = judge.throttle().suppressed();
  published.taken_ns = now_ns;
  published.rules_active = rules_active;
  published.reloads = reloads, published.reloads_failed = reloads_failed;
  published.last_reload_failed = last_reload_failed;
  published.pinned = kernel->pinned();
  published.attempts = kernel->Attempts();
  published.taken_over = taken_over, published.unattended = unattended;
  published.warnings = warnings;
  published.hooks = std::move(hooks);
  published.rules = judge.CountRules();
  published.stats = stats;
  published.lag = lag;
  published.tree = tree.stats();
  published.enforcement = enforcement.state();
  published.sets = refill.sets().members();
  published.set_members_refused = refill.sets().refused();
}

// On the reloader's thread; the engine tells of it within a second.
void Engine::State::Reloaded(const source::Status& status, const Compilation* compilation) {
  ++(status.ok() ? reloads : reloads_failed);
  last_reload_failed = !status.ok();
  if (status.ok()) return;
  ReloadFailure failure{.status = status, .fault = {}};
  if (compilation != nullptr) failure.fault = FirstFault(*compilation, options.compile.warnings_are_errors);
  const std::lock_guard lock(failed_mutex);
  failed_reload = std::move(failure);
}

void Engine::State::FinishReload(Reloader& reloader, Fresh fresh) {
  source::Status status = Activate(*fresh.compilation);
  if (status.ok()) SetNames(std::move(fresh.names));
  reloader.Finish(std::move(status));
}

source::Result<std::unique_ptr<Compilation>> Engine::State::Compile() {
  source::Result<std::vector<std::string>> files = RuleFiles(options.rule_files, TestFiles::kSkip);
  if (!files.ok()) return files.status();
  for (const std::string& file : *files) {
    if (!options.trusted_files) break;
    if (source::Status status = Trusted(file); !status.ok()) return status;
  }
  sluice::Options compile = options.compile;
  compile.members = *refill.MembersInForce();
  return CompileFiles(*files, compile);
}

// Detached first, so that the rings can be emptied for good.
void Engine::State::Close() {
  if (kernel == nullptr) return;
  stats.tree_records_lost = kernel->TreeRecordsLost();
  TellHiddenModules();
  if (modules != nullptr) modules_dropped = modules->dropped();
  modules.reset();  // what is unloaded from here on is not told
  kernel->Detach();
  do {
    handed_over = 0;
  } while (Poll(0).ok() && handed_over > 0);
  if (const std::lock_guard lock(audit_mutex); !stopped_by.empty())
    Raise(StopAsked(stopped_by, host, ClockNs(CLOCK_BOOTTIME)));
  LookAtFuses(ClockNs(CLOCK_BOOTTIME));
  TellHeldBack(judge.throttle().TakeAll());
  if (kernel->pinned() == 0) stats.tree_records_lost = kernel->TreeRecordsLost();
  Publish(ClockNs(CLOCK_BOOTTIME), Counters(), true);
  kernel.reset();
}

}  // namespace sluice
