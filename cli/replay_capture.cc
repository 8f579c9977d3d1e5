#include "cli/replay_capture.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "runtime/capture/reader.h"
#include "runtime/capture/writer.h"
#include "runtime/judge.h"
#include "runtime/lineage/tree.h"
#include "runtime/ring/record.h"

namespace sluice::cli {
namespace {

alert::Alert OwnAlertOf(std::string_view json) {
  alert::Alert alert;
  const nlohmann::json object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object()) return alert;
  alert.rule = object.value("rule", "");
  alert.source = object.value("source", "");
  const std::string priority = object.value("priority", "");
  for (int i = 0; i <= static_cast<int>(ast::Priority::kDebug); ++i) {
    if (ast::PriorityName(static_cast<ast::Priority>(i)) == priority)
      alert.priority = static_cast<ast::Priority>(i);
  }
  return alert;
}

class Replay : public capture::Visitor {
 public:
  Replay(const std::string& path, std::unique_ptr<Compilation> compilation, const Raise& raise)
      : path_(path),
        fingerprint_(capture::FingerprintOf(*compilation)),
        plan_(std::make_shared<const uplan::UserPlan>(std::move(compilation->user))),
        raise_(raise),
        judge_([this](const alert::Alert& alert) { raise_(alert, {}); }) {}

  void Host(const alert::Host& host, const eval::HostFacts& facts) override { judge_.SetHost(host, facts); }

  void Users(eval::Names names) override {
    judge_.SetNames(std::make_shared<const eval::Names>(std::move(names)));
  }

  void Processes(std::vector<lineage::ProcEntry> entries) override { tree_.Seed(std::move(entries)); }

  void Container(container::Container container) override {
    const std::string id = container.id;
    judge_.containers().Set(id, std::make_shared<const container::Container>(std::move(container)));
  }

  void Rules(uint32_t generation, uint64_t fingerprint, bool every_event) override {
    if (fingerprint == fingerprint_) {
      judge_.Add(generation, plan_);
      return;
    }
    judge_.AddUnjudged(generation, plan_);
    if (every_event || std::exchange(warned_, true)) return;
    Tell(fmt::format(
        "{}: warning: recorded with other rules; events that those did not ask for are not in it\n", path_));
  }

  void Record(std::string_view bytes) override {
    if (!ring::Decode(bytes, record_).ok()) {
      ++undecodable_;
      return;
    }
    if (record_.header.kind != SLUICE_RECORD_EVENT) tree_.Apply(record_);
    judge_.Apply(record_, tree_.Find({.pid = record_.header.pid, .start_ns = record_.header.start_ns}));
  }

  void OwnAlert(std::string_view json) override { raise_(OwnAlertOf(json), std::string(json)); }

  void Gap(uint64_t records) override {
    Tell(fmt::format("{}: warning: {} left out by the recorder, which could not keep up\n", path_,
                     Count(records, "record")));
  }

  uint64_t undecodable() const { return undecodable_; }
  uint64_t suppressed() const { return judge_.throttle().suppressed(); }

 private:
  const std::string path_;
  const uint64_t fingerprint_;
  const std::shared_ptr<const uplan::UserPlan> plan_;
  const Raise raise_;
  Judge judge_;
  lineage::Tree tree_{lineage::Limits{}};
  ring::Record record_;
  uint64_t undecodable_ = 0;
  bool warned_ = false;
};

}  // namespace

int ReplayCapture(const std::string& path, std::unique_ptr<Compilation> compilation, const Raise& raise,
                  uint64_t& suppressed) {
  auto reader = capture::Reader::Open(path);
  if (!reader.ok()) {
    TellError(reader.status());
    return kUsage;
  }
  Replay replay(path, std::move(compilation), raise);
  const source::Status read = (*reader)->ReadAll(replay);
  suppressed = replay.suppressed();
  if (replay.undecodable() != 0)
    TellError(
        fmt::format("{}: {} left out", path, Count(replay.undecodable(), "record that does not parse")));
  if (!read.ok()) TellError(fmt::format("{}: {}", path, MessageOf(read)));
  return read.ok() && replay.undecodable() == 0 ? kFine : kUsage;
}

}  // namespace sluice::cli
