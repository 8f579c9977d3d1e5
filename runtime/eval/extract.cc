#include "runtime/eval/extract.h"

#include <sys/stat.h>
#include <unistd.h>

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

// By FieldId; null: absent.
const std::vector<Extractor>& Table() {
  static const std::vector<Extractor> table = [] {
    std::vector<Extractor> by_field(check::Fields().size(), nullptr);
    for (const auto* rows : {&EventExtractors(), &ProcessExtractors(), &LineageExtractors()}) {
      for (const ExtractorRow& row : *rows) by_field[static_cast<size_t>(row.field)] = row.extract;
    }
    return by_field;
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
  return facts;
}

struct RecordEvent::State {
  RecordView view;
};

RecordEvent::RecordEvent(const Names* names) : RecordEvent(names, HostFacts::Read()) {}

RecordEvent::RecordEvent(const Names* names, HostFacts host) : state_(std::make_unique<State>()) {
  RecordView& view = state_->view;
  view.names = names;
  view.hostname = std::move(host.hostname);
  view.boot_to_unix_ns = host.boot_to_unix_ns;
  view.host_mnt_ns = host.mnt_ns;
  view.host_pid_ns = host.pid_ns;
}

RecordEvent::~RecordEvent() = default;

void RecordEvent::Reset(const ring::Record* record, std::shared_ptr<const lineage::Link> self, int round) {
  RecordView& view = state_->view;
  view.record = record;
  view.self = std::move(self);
  view.round = round;
  view.arena.Reset();
}

check::HookId RecordEvent::hook() const { return state_->view.hook(); }

check::EventType RecordEvent::type() const { return state_->view.header().type; }

Value RecordEvent::Get(const check::FieldUse& use) const {
  RecordView& view = state_->view;
  if (const check::Operand* operand = check::FindOperand(use, view.hook(), view.header().type)) {
    return ExtractOperand(view, *operand);
  }
  const Extractor extract = Table()[static_cast<size_t>(use.field)];
  return extract == nullptr ? Value::Absent() : extract(view, use);
}

Value RecordEvent::GetList(const check::FieldUse& use) const {
  if (use.field != check::FieldId::kProcArgs || use.index >= 0) return Get(use);
  return ArgumentList(state_->view, OwnArgs(state_->view));
}

}  // namespace sluice::eval
