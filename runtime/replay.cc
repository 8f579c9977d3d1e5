#include "runtime/replay.h"

#include <nlohmann/json.hpp>

#include "runtime/capture/reader.h"
#include "runtime/lineage/tree.h"
#include "runtime/ring/record.h"

namespace sluice {
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

class Replayer : public capture::Visitor {
 public:
  explicit Replayer(const ReplayOptions& options)
      : options_(options), judge_([this](const alert::Alert& alert) { options_.raise(alert, {}); }) {
    judge_.SetTree(tree_);
    if (!options.throttled) judge_.LiftThrottles();
    judge_.Observe(options.observe);
  }

  void Host(const alert::Host& host, const eval::HostFacts& facts) override { judge_.SetHost(host, facts); }

  void Users(eval::Names names) override {
    judge_.SetNames(std::make_shared<const eval::Names>(std::move(names)));
  }

  void Processes(std::vector<lineage::ProcEntry> entries) override { tree_.Seed(std::move(entries)); }

  void Container(container::Container container) override {
    const std::string id = container.id;
    judge_.containers().Set(id, std::make_shared<const container::Container>(std::move(container)));
  }

  void Hosts(hosts::Table hosts) override {
    judge_.SetHosts(std::make_shared<const hosts::Table>(std::move(hosts)));
  }

  void Rules(uint32_t generation, uint64_t fingerprint, bool every_event) override {
    if (fingerprint == options_.fingerprint) {
      judge_.Add(generation, options_.plan);
      return;
    }
    judge_.AddUnjudged(generation, options_.plan);
    done_.lacks_events = done_.lacks_events || !every_event;
  }

  void Record(std::string_view bytes) override {
    ++done_.records;
    if (!ring::Decode(bytes, record_).ok()) {
      ++done_.undecodable;
      return;
    }
    if (record_.header.kind != SLUICE_RECORD_EVENT) tree_.Apply(record_);
    judge_.Apply(record_, tree_.Find({.pid = record_.header.pid, .start_ns = record_.header.start_ns}));
  }

  void OwnAlert(std::string_view json) override { options_.raise(OwnAlertOf(json), std::string(json)); }
  void Gap(uint64_t records) override { done_.left_out += records; }

  Replayed Done(source::Status read) {
    done_.read = std::move(read);
    done_.suppressed = judge_.throttle().suppressed();
    return done_;
  }

 private:
  const ReplayOptions& options_;
  lineage::Tree tree_{lineage::Limits{}};
  Judge judge_;
  ring::Record record_;
  Replayed done_;
};

}  // namespace

source::Result<Replayed> Replay(const std::string& path, const ReplayOptions& options) {
  auto reader = capture::Reader::Open(path);
  if (!reader.ok()) return reader.status();
  Replayer replayer(options);
  return replayer.Done((*reader)->ReadAll(replayer));
}

}  // namespace sluice
