// judge.h - a record of the kernel -> the alerts that it means.
//
// Every record is judged by the rule set that sent it: sets are kept by generation until their records are
// drained. A call may wait longer than that, an accept for hours: its record is judged by the rules of today, all of
// them. One operation gives a rule at most one alert, however many hooks it passes.
//
// A rule's throttle stands in front of its alerts (alert/throttle.h).
//
// Threads: engine thread. Memory: kKeptSets user plans; one small entry per thread that may be inside an
//          exec; the throttle's windows; one entry a rule that ever matched.
// Errors:  none.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/alert/alert.h"
#include "runtime/alert/throttle.h"
#include "runtime/engine_snapshot.h"
#include "runtime/eval/evaluator.h"
#include "runtime/eval/extract.h"
#include "runtime/lineage/tree.h"
#include "runtime/ring/record.h"

namespace sluice {

// What a rule would do to an operation that no kernel judged by it: by its mode and its scope.
alert::Decision WouldBe(const ast::RuleKeys& rule, const eval::Event& event, bool undecided);

// What became of an operation, for one rule that matched it: from the flags of its clauses and the rule's action.
alert::Decision Decide(const ast::RuleKeys& rule, uint32_t record_flags, bool undecided);

class Judge {
 public:
  using Sink = std::function<void(const alert::Alert&)>;
  // Each event that rules are asked about, begun, before its alerts.
  using Observer = std::function<void(eval::Evaluator&, const eval::RecordEvent&)>;

  explicit Judge(Sink sink);
  ~Judge();

  // REQUIRES: both before the first record; again whenever they change.
  void SetHost(alert::Host host, eval::HostFacts facts);
  void SetNames(std::shared_ptr<const eval::Names> names);
  void SetHosts(std::shared_ptr<const hosts::Table> hosts);
  // Where processes are looked up that are no ancestors. REQUIRES: there at every Apply().
  void SetTree(const lineage::Tree& tree);
  // Those that become known are put there; those that fields ask for in vain are found there.
  container::Table& containers() { return containers_; }

  // REQUIRES: generations grow. Records whose rules are not these (a capture of others) are not judged by the
  // kernel's word but by every rule, and a mitigation's decision is what it would have been.
  void Add(uint32_t generation, std::shared_ptr<const uplan::UserPlan> plan);
  void AddUnjudged(uint32_t generation, std::shared_ptr<const uplan::UserPlan> plan);

  // `self` is the process as the tree knows it after this record; may be null.
  void Apply(const ring::Record& record, const std::shared_ptr<const lineage::Link>& self);
  // A record from before the rules of today, by all of these: what they ask and it does not tell is undecided.
  void ApplyLate(const ring::Record& record, const std::shared_ptr<const lineage::Link>& self);

  void Observe(Observer observer) { observer_ = std::move(observer); }
  // Tests of rules want every alert.
  void LiftThrottles() { throttled_ = false; }
  // Called for each match of a rule with a `then`, whatever its throttle says; not for an undecided one.
  using Adder =
      std::function<void(const check::CheckedRule& rule, const eval::Event& event, uint64_t time_ns)>;
  void AddTo(Adder adder) { adder_ = std::move(adder); }

  alert::Throttle& throttle() { return throttle_; }
  // By name, of all rule sets. Cost: one pass over the rules.
  const std::map<std::string, RuleCounts>& CountRules();

 private:
  struct RuleSet {
    uint32_t generation = 0;
    std::unique_ptr<eval::Evaluator> evaluator;
    bool judged = true;  // by the kernel
  };
  // A thread that may be on its way through an execve or an exchange of names, and the rules that its events have fired.
  struct Operation {
    uint64_t time_ns = 0;
    uint32_t generation = 0;
    uint16_t hook = 0;
    std::vector<check::RuleId> fired;
  };

  void MakeEvent();
  void TakeCosts(RuleSet& set);
  RuleSet* Find(uint32_t generation);
  void Round(RuleSet& set, const ring::Record& record, const std::shared_ptr<const lineage::Link>& self,
             int round, const uint64_t* clauses, bool passed, std::vector<check::RuleId>& fired);
  void RoundUnjudged(RuleSet& set, const ring::Record& record,
                     const std::shared_ptr<const lineage::Link>& self, int round,
                     std::vector<check::RuleId>& fired);
  void RoundLate(RuleSet& set, const ring::Record& record, const std::shared_ptr<const lineage::Link>& self,
                 int round, std::vector<check::RuleId>& fired);
  void ApplyUnjudged(RuleSet& set, const ring::Record& record,
                     const std::shared_ptr<const lineage::Link>& self);
  // What matches among `clauses`, by their residues or, where the kernel could not decide them, as a `whole`.
  void Match(RuleSet& set, const ring::Record& record, const std::shared_ptr<const lineage::Link>& self,
             const uint64_t* clauses, bool whole, uint32_t flags, std::vector<check::RuleId>& fired);
  // Counts a match and, unless its throttle holds it back, tells it.
  void Raise(RuleSet& set, const ring::Record& record, const std::shared_ptr<const lineage::Link>& self,
             const check::CheckedRule& rule, alert::Decision decision);
  std::vector<check::RuleId> FiredBefore(const ring::Record& record);
  void Remember(const ring::Record& record, std::vector<check::RuleId> fired);

  const Sink sink_;
  Adder adder_;
  Observer observer_;
  alert::Host host_;
  eval::HostFacts facts_;
  std::shared_ptr<const eval::Names> names_;
  container::Table containers_;
  std::shared_ptr<const hosts::Table> hosts_;
  const lineage::Tree* tree_ = nullptr;
  std::unique_ptr<eval::RecordEvent> event_;
  std::deque<RuleSet> sets_;
  alert::Throttle throttle_;
  bool throttled_ = true;
  std::map<std::string, RuleCounts> rule_counts_;
  std::unordered_map<uint32_t, Operation> operations_;  // by thread
  std::vector<eval::Match> matches_;                    // reused
  uint64_t events_ = 0;                                 // judged or not: evt.num
};

}  // namespace sluice
