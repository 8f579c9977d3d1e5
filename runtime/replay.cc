#include "runtime/replay.h"

#include <nlohmann/json.hpp>

#include "runtime/capture/reader.h"
#include "runtime/capture/writer.h"
#include "runtime/lineage/tree.h"
#include "runtime/ring/record.h"
#include "runtime/sets.h"

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
    plan_ = options.plan;
    if (!options.grow) return;
    judge_.AddTo([this](const check::CheckedRule& rule, const eval::Event& event, uint64_t time_ns) {
      if (!judged_) sets_.Add(rule, event, time_ns);  // otherwise the capture tells what they hold
    });
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

  void Rules(capture::ActiveRules rules) override {
    generation_ = rules.generation;
    GrownRules own{options_.plan, options_.fingerprint};
    if (own.fingerprint != 0 && !rules.members.empty() && options_.grow)
      own = options_.grow(rules.members).value_or(own);
    judged_ = own.fingerprint != 0 && own.fingerprint == rules.fingerprint;
    if (judged_) return judge_.Add(generation_, std::move(own.plan));
    judge_.AddUnjudged(generation_, plan_);
    done_.lacks_events = done_.lacks_events || !rules.every_event;
  }

  void Record(std::string_view bytes) override {
    ++done_.records;
    if (!ring::Decode(bytes, record_).ok()) {
      ++done_.undecodable;
      return;
    }
    if (!judged_) RefillSets(record_.header.time_ns);
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
  void RefillSets(uint64_t now_ns) {
    sets_.Expire(now_ns);
    if (!sets_.changed()) return;
    if (const std::optional<GrownRules> grown = options_.grow(sets_.Take())) {
      plan_ = grown->plan;
      judge_.AddUnjudged(generation_, plan_);
    } else {
      done_.sets_failed = true;
    }
  }

  const ReplayOptions& options_;
  std::shared_ptr<const uplan::UserPlan> plan_;  // for records that no kernel judged by these rules
  uint32_t generation_ = 0;
  bool judged_ = false;
  Sets sets_;  // of those records
  lineage::Tree tree_{lineage::Limits{}};
  Judge judge_;
  ring::Record record_;
  Replayed done_;
};

}  // namespace

Grow Recompiling(const Compilation& compilation, Options options) {
  return [sources = SourcesOf(compilation), options = std::move(options)](
             const check::SetMembers& members) mutable -> std::optional<GrownRules> {
    options.members = members;
    const std::unique_ptr<Compilation> grown = CompileTexts(sources, options);
    if (!grown->ok()) return std::nullopt;
    const uint64_t fingerprint = capture::FingerprintOf(*grown);
    return GrownRules{std::make_shared<const uplan::UserPlan>(std::move(grown->user)), fingerprint};
  };
}

source::Result<Replayed> Replay(const std::string& path, const ReplayOptions& options) {
  auto reader = capture::Reader::Open(path);
  if (!reader.ok()) return reader.status();
  Replayer replayer(options);
  return replayer.Done((*reader)->ReadAll(replayer));
}

}  // namespace sluice
