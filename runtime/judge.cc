#include "runtime/judge.h"

#include <algorithm>
#include <array>

#include "runtime/alert/scope.h"
#include "runtime/eval/cost_sampler.h"

namespace sluice {
namespace {

// Two generations are in the kernel at most; an exec that was judged before a swap may end after the next
// one.
constexpr size_t kKeptSets = 3;

// Hooks of one call follow each other within this time: an open may wait for a slow disk or for a virus scanner. It
// bounds how long an execve that failed after its open can be taken for the next one.
constexpr uint64_t kOperationNs = 2'000'000'000;
constexpr size_t kMaxOperations = 4096;
constexpr uint64_t kExchange = 2;  // RENAME_EXCHANGE

bool IsEmpty(const uint64_t* set) {
  return std::all_of(set, set + SLUICE_WORDS, [](uint64_t word) { return word == 0; });
}

uint64_t RecordId(const sluice_record& header) { return uint64_t{header.cpu} << 48 | header.sequence; }

bool Contains(const std::vector<check::RuleId>& rules, check::RuleId rule) {
  return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

// Whether a further record of the same operation may follow: of an exec, or of an exchange of two names.
bool MayGoOn(const sluice_record& header) {
  if (header.hook == SLUICE_HOOK_PATH_RENAME)
    return (header.numbers[0] & kExchange) != 0 && (header.flags & SLUICE_EVENT_AGAIN) == 0;
  return header.hook == SLUICE_HOOK_FILE_OPEN && (header.flags & SLUICE_EVENT_NO_TYPE) != 0;
}

constexpr uint32_t kRefused = SLUICE_EVENT_DENIED | SLUICE_EVENT_KILLED;

// `passed`: whatever was refused, this round was not.
uint32_t FlagsOf(const sluice_record& header, bool passed) {
  if (!passed || (header.flags & kRefused) == 0) return header.flags;
  return (header.flags & ~kRefused) | SLUICE_EVENT_AUDITED;
}

}  // namespace

alert::Decision Decide(const ast::RuleKeys& rule, uint32_t record_flags, bool undecided) {
  using alert::Decision;
  const bool denied = (record_flags & SLUICE_EVENT_DENIED) != 0;
  if (rule.action == ast::Action::kAlert) return undecided ? Decision::kUndecided : Decision::kAlert;
  if (undecided && !(denied && rule.on_unknown == ast::OnUnknown::kDeny)) return Decision::kUndecided;
  if (rule.action == ast::Action::kKill && (record_flags & SLUICE_EVENT_KILLED) != 0)
    return Decision::kKilled;
  if (denied) return Decision::kDenied;
  // The kernel was asked to audit everything, or it could not decide what user space now can.
  return (record_flags & SLUICE_EVENT_AUDITED) != 0 ? Decision::kAudited : Decision::kUndecided;
}

alert::Decision WouldBe(const ast::RuleKeys& rule, const eval::Event& event, bool undecided) {
  if (rule.mode == ast::Mode::kAudit || !alert::InScope(ast::ScopeOf(rule), event))
    return Decide(rule, SLUICE_EVENT_AUDITED, undecided);
  const uint32_t kill = rule.action == ast::Action::kKill ? SLUICE_EVENT_KILLED : 0;
  return Decide(rule, SLUICE_EVENT_DENIED | kill, undecided);
}

Judge::Judge(Sink sink) : sink_(std::move(sink)) {}
Judge::~Judge() = default;

void Judge::SetHost(alert::Host host, eval::HostFacts facts) {
  host_ = std::move(host);
  facts_ = std::move(facts);
  facts_.hostname = host_.hostname;
  facts_.boot_to_unix_ns = host_.boot_to_unix_ns;  // one clock for the alert's time and its fields
  MakeEvent();
}

void Judge::SetNames(std::shared_ptr<const eval::Names> names) {
  names_ = std::move(names);
  MakeEvent();
}

void Judge::SetHosts(std::shared_ptr<const hosts::Table> hosts) {
  hosts_ = std::move(hosts);
  MakeEvent();
}

void Judge::SetTree(const lineage::Tree& tree) {
  tree_ = &tree;
  MakeEvent();
}

void Judge::MakeEvent() {
  event_ = std::make_unique<eval::RecordEvent>(names_.get(), facts_, &containers_, hosts_.get(), tree_);
}

void Judge::Add(uint32_t generation, std::shared_ptr<const uplan::UserPlan> plan) {
  sets_.push_back(
      {.generation = generation, .evaluator = std::make_unique<eval::Evaluator>(std::move(plan))});
  if (sets_.size() <= kKeptSets) return;
  TakeCosts(sets_.front());
  sets_.pop_front();
}

void Judge::TakeCosts(RuleSet& set) {
  set.evaluator->TakeCosts([&](check::RuleId rule, uint64_t ns) {
    rule_counts_[set.evaluator->plan().checked.rules[rule].rule.name.text].cost_ns += ns;
  });
}

const std::map<std::string, RuleCounts>& Judge::CountRules() {
  for (RuleSet& set : sets_) TakeCosts(set);
  return rule_counts_;
}

void Judge::AddUnjudged(uint32_t generation, std::shared_ptr<const uplan::UserPlan> plan) {
  Add(generation, std::move(plan));
  sets_.back().judged = false;
}

Judge::RuleSet* Judge::Find(uint32_t generation) {
  for (RuleSet& set : sets_) {
    if (set.generation == generation) return &set;
  }
  return nullptr;
}

void Judge::Apply(const ring::Record& record, const std::shared_ptr<const lineage::Link>& self) {
  const sluice_record& header = record.header;
  if (header.kind != SLUICE_RECORD_EVENT && header.kind != SLUICE_RECORD_EXEC) return;
  if (!sets_.empty() && !sets_.back().judged) {
    ++events_;
    ApplyUnjudged(sets_.back(), record, self);
    return;
  }
  std::array<uint64_t, SLUICE_WORDS> clauses{};  // __u64 is another type
  std::copy(std::begin(header.set), std::end(header.set), clauses.begin());
  RuleSet* set = Find(header.generation);
  if (set == nullptr && !IsEmpty(clauses.data())) return ApplyLate(record, self);
  ++events_;
  std::vector<check::RuleId> fired = FiredBefore(record);
  if (IsEmpty(clauses.data())) return;
  // The header's set: of an exec, all rounds together; of a refused one, the round that was refused, after others that
  // passed.
  if (record.rounds.empty() || header.kind == SLUICE_RECORD_EVENT) {
    Round(*set, record, self, -1, clauses.data(), false, fired);
  }
  for (size_t i = 0; i < record.rounds.size(); ++i) {
    Round(*set, record, self, static_cast<int>(i), record.rounds[i].set, true, fired);
  }
  if (MayGoOn(header)) Remember(record, std::move(fired));
}

void Judge::ApplyLate(const ring::Record& record, const std::shared_ptr<const lineage::Link>& self) {
  if (sets_.empty()) return;
  ++events_;
  std::vector<check::RuleId> fired = FiredBefore(record);
  if (record.rounds.empty() || record.header.kind == SLUICE_RECORD_EVENT)
    RoundLate(sets_.back(), record, self, -1, fired);
  for (size_t i = 0; i < record.rounds.size(); ++i)
    RoundLate(sets_.back(), record, self, static_cast<int>(i), fired);
  if (MayGoOn(record.header)) Remember(record, std::move(fired));
}

void Judge::RoundLate(RuleSet& set, const ring::Record& record,
                      const std::shared_ptr<const lineage::Link>& self, int round,
                      std::vector<check::RuleId>& fired) {
  static constexpr auto kAll = [] {
    std::array<uint64_t, SLUICE_WORDS> all{};
    all.fill(~uint64_t{0});
    return all;
  }();
  event_->Reset(&record, self, round, events_);
  set.evaluator->Begin(*event_);
  if (observer_) observer_(*set.evaluator, *event_);
  Match(set, record, self, kAll.data(), true, FlagsOf(record.header, round >= 0), fired);
}

// The tree's own exec records are events, too: the rules that did not ask for them were others.
void Judge::ApplyUnjudged(RuleSet& set, const ring::Record& record,
                          const std::shared_ptr<const lineage::Link>& self) {
  std::vector<check::RuleId> fired = FiredBefore(record);
  if (record.rounds.empty()) RoundUnjudged(set, record, self, -1, fired);
  for (size_t i = 0; i < record.rounds.size(); ++i)
    RoundUnjudged(set, record, self, static_cast<int>(i), fired);
  if (MayGoOn(record.header)) Remember(record, std::move(fired));
}

void Judge::RoundUnjudged(RuleSet& set, const ring::Record& record,
                          const std::shared_ptr<const lineage::Link>& self, int round,
                          std::vector<check::RuleId>& fired) {
  event_->Reset(&record, self, round, events_);
  set.evaluator->Begin(*event_);
  if (observer_) observer_(*set.evaluator, *event_);
  matches_.clear();
  set.evaluator->MatchAll(matches_);
  for (const eval::Match& match : matches_) {
    if (Contains(fired, match.rule)) continue;
    fired.push_back(match.rule);
    const check::CheckedRule& rule = set.evaluator->plan().checked.rules[match.rule];
    Raise(set, record, self, rule, WouldBe(rule.rule, *event_, match.undecided));
  }
}

void Judge::Round(RuleSet& set, const ring::Record& record, const std::shared_ptr<const lineage::Link>& self,
                  int round, const uint64_t* clauses, bool passed, std::vector<check::RuleId>& fired) {
  if (clauses == nullptr || IsEmpty(clauses)) return;
  const sluice_record& header = record.header;
  event_->Reset(&record, self, round, events_);
  set.evaluator->Begin(*event_);
  if (observer_) observer_(*set.evaluator, *event_);
  const uint32_t audited_flags = (header.flags & ~kRefused) | SLUICE_EVENT_AUDITED;
  const uint32_t flags = FlagsOf(header, passed);
  std::array<uint64_t, SLUICE_WORDS> sure{}, unsure{}, audited{}, audited_unsure{};
  const bool undecided = (flags & SLUICE_EVENT_UNDECIDED) != 0;
  for (size_t i = 0; i < SLUICE_WORDS; ++i) {
    const uint64_t doubt = !undecided ? 0 : record.undecided ? (*record.undecided)[i] : ~uint64_t{0};
    const uint64_t let_pass = record.audited && !passed ? (*record.audited)[i] : 0;
    sure[i] = clauses[i] & ~doubt & ~let_pass;
    unsure[i] = clauses[i] & doubt & ~let_pass;
    audited[i] = clauses[i] & ~doubt & let_pass;
    audited_unsure[i] = clauses[i] & doubt & let_pass;
  }
  Match(set, record, self, sure.data(), false, flags, fired);
  if (undecided) Match(set, record, self, unsure.data(), true, flags, fired);
  if (!record.audited || passed) return;
  Match(set, record, self, audited.data(), false, audited_flags, fired);
  if (undecided) Match(set, record, self, audited_unsure.data(), true, audited_flags, fired);
}

void Judge::Match(RuleSet& set, const ring::Record& record, const std::shared_ptr<const lineage::Link>& self,
                  const uint64_t* clauses, bool whole, uint32_t flags, std::vector<check::RuleId>& fired) {
  if (IsEmpty(clauses)) return;
  const sluice_record& header = record.header;
  matches_.clear();
  const bool refused_exec =
      header.hook == SLUICE_HOOK_BPRM_CHECK && (header.flags & SLUICE_EVENT_DENIED) != 0;
  set.evaluator->MatchSet(clauses, whole, matches_);
  for (const eval::Match& match : matches_) {
    if (Contains(fired, match.rule)) continue;
    const check::CheckedRule& rule = set.evaluator->plan().checked.rules[match.rule];
    if ((header.flags & SLUICE_EVENT_GIVEN) != 0 && !set.evaluator->plan().sees_failures[match.rule])
      continue;
    // A refused exec never had arguments or an environment: whoever only wants to hear of them heard of the
    // refusal.
    if (match.undecided && refused_exec && rule.rule.action == ast::Action::kAlert) continue;
    fired.push_back(match.rule);
    Raise(set, record, self, rule, Decide(rule.rule, flags, match.undecided));
  }
}

void Judge::Raise(RuleSet& set, const ring::Record& record, const std::shared_ptr<const lineage::Link>& self,
                  const check::CheckedRule& rule, alert::Decision decision) {
  const sluice_record& header = record.header;
  if (adder_ && rule.then_field && decision != alert::Decision::kUndecided)
    adder_(rule, *event_, header.time_ns);
  const int64_t begin_ns = eval::CostSampler::Now();
  RuleCounts& counts = rule_counts_[rule.rule.name.text];
  ++counts.matches;
  const alert::Throttle::Verdict throttled =
      throttled_ ? throttle_.Ask(rule, *event_, header.time_ns) : alert::Throttle::Verdict{true, 0};
  if (!throttled.passes) {
    ++counts.suppressed;
    return;
  }
  alert::Alert alert = alert::Make(*set.evaluator, rule, decision, *event_, self.get(), RecordId(header),
                                   host_, header.time_ns);
  alert.suppressed = throttled.suppressed;
  sink_(alert);
  counts.cost_ns += static_cast<uint64_t>(eval::CostSampler::Now() - begin_ns);
}

// An execve opens the program and its interpreters: those records have no type of their own and come just
// before the exec's, on the same thread. (An open that creates is one event already in the kernel.)
std::vector<check::RuleId> Judge::FiredBefore(const ring::Record& record) {
  const auto at = operations_.find(record.header.tid);
  if (at == operations_.end()) return {};
  Operation operation = std::move(at->second);
  operations_.erase(at);
  const sluice_record& header = record.header;
  if (operation.generation != header.generation || header.time_ns - operation.time_ns > kOperationNs)
    return {};
  if ((header.flags & SLUICE_EVENT_AGAIN) != 0)
    return operation.hook == header.hook ? std::move(operation.fired) : std::vector<check::RuleId>{};
  if (operation.hook != SLUICE_HOOK_FILE_OPEN) return {};
  const bool exec = header.hook == SLUICE_HOOK_BPRM_CHECK;
  const bool further_open =
      header.hook == SLUICE_HOOK_FILE_OPEN && (header.flags & SLUICE_EVENT_NO_TYPE) != 0;
  return exec || further_open ? std::move(operation.fired) : std::vector<check::RuleId>{};
}

void Judge::Remember(const ring::Record& record, std::vector<check::RuleId> fired) {
  if (fired.empty()) return;
  if (operations_.size() >= kMaxOperations) operations_.clear();
  const sluice_record& header = record.header;
  operations_[header.tid] = {.time_ns = header.time_ns,
                             .generation = header.generation,
                             .hook = header.hook,
                             .fired = std::move(fired)};
}

}  // namespace sluice
