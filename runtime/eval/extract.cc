#include "runtime/eval/extract.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "runtime/eval/extractors.h"

namespace sluice::eval {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

// Of init where that may be read, else of this process.
uint32_t NamespaceOf(const std::string& kind) {
  struct stat status;
  for (const char* process : {"1", "self"}) {
    if (stat(("/proc/" + std::string(process) + "/ns/" + kind).c_str(), &status) == 0) {
      return static_cast<uint32_t>(status.st_ino);
    }
  }
  return 0;
}

// Where a field comes from at a hook: what the hook itself brings, else the extractor, else nowhere.
struct Supply {
  const check::Operand* operand = nullptr;
  Extractor extract = nullptr;
};

// By FieldId; of evt.arg what each argument's own row says.
using Supplies = std::vector<Supply>;

// By HookId; the last one is of no hook.
const std::vector<Supplies>& Table() {
  static const std::vector<Supplies> table = [] {
    const size_t fields = check::Fields().size();
    std::vector<Supplies> by_hook(SLUICE_HOOKS + 1, Supplies(fields));
    for (check::HookId hook = 0; hook <= SLUICE_HOOKS; ++hook) {
      Supplies& supplies = by_hook[hook];
      for (const auto* rows :
           {&EventExtractors(), &ProcessExtractors(), &ContainerExtractors(), &LineageExtractors()}) {
        for (const ExtractorRow& row : *rows) supplies[static_cast<size_t>(row.field)].extract = row.extract;
      }
      for (size_t field = 0; field < fields && hook < SLUICE_HOOKS; ++field) {
        const check::FieldUse use{.field = static_cast<check::FieldId>(field), .index = -1, .argument = {}};
        supplies[field].operand = check::FindOperand(use, hook);
      }
    }
    return by_hook;
  }();
  return table;
}

}  // namespace

HostFacts HostFacts::Read() {
  HostFacts facts;
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) == 0) facts.hostname = name;
  facts.boot_to_unix_ns = ClockNs(CLOCK_REALTIME) - ClockNs(CLOCK_BOOTTIME);
  facts.mnt_ns = NamespaceOf("mnt");
  facts.pid_ns = NamespaceOf("pid");
  facts.utc_offset_s = UtcOffsetS();
  return facts;
}

int32_t UtcOffsetS() {
  const time_t now = time(nullptr);
  tm local{};
  localtime_r(&now, &local);
  return static_cast<int32_t>(local.tm_gmtoff);
}

struct RecordEvent::State {
  RecordView view;
  const Supply* supplies = nullptr;  // of the record's hook
};

RecordEvent::RecordEvent(const Names* names) : RecordEvent(names, HostFacts::Read()) {}

RecordEvent::RecordEvent(const Names* names, HostFacts host, container::Table* containers,
                         const hosts::Table* hosts, const lineage::Tree* tree)
    : state_(std::make_unique<State>()) {
  RecordView& view = state_->view;
  view.names = names;
  view.containers = containers;
  view.hosts = hosts;
  view.tree = tree;
  view.hostname = std::move(host.hostname);
  view.boot_to_unix_ns = host.boot_to_unix_ns;
  view.utc_offset_s = host.utc_offset_s;
  view.host_mnt_ns = host.mnt_ns;
  view.host_pid_ns = host.pid_ns;
}

RecordEvent::~RecordEvent() = default;

void RecordEvent::Reset(const ring::Record* record, std::shared_ptr<const lineage::Link> self, int round,
                        uint64_t number) {
  RecordView& view = state_->view;
  view.record = record;
  view.self = std::move(self);
  view.round = round;
  view.number = number;
  view.group_leader.reset();
  view.arena.Reset();
  static const std::vector<Supplies>& table = Table();
  state_->supplies = table[std::min<size_t>(view.hook(), SLUICE_HOOKS)].data();
}

check::HookId RecordEvent::hook() const { return state_->view.hook(); }

check::EventType RecordEvent::type() const { return state_->view.header().type; }

Value RecordEvent::Get(const check::FieldUse& use) const {
  RecordView& view = state_->view;
  const Supply& supply = state_->supplies[static_cast<size_t>(use.field)];
  const check::Operand* operand = supply.operand;
  if (use.field == check::FieldId::kEvtArg)
    operand = check::FindOperand(use, view.hook(), view.header().type);
  if (operand != nullptr) return ExtractOperand(view, *operand);
  return supply.extract == nullptr ? Value::Absent() : supply.extract(view, use);
}

Value RecordEvent::GetList(const check::FieldUse& use) const {
  if (use.field != check::FieldId::kProcArgs || use.index >= 0) return Get(use);
  return ArgumentList(state_->view, OwnArgs(state_->view));
}

}  // namespace sluice::eval
