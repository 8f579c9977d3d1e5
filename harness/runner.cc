#include "harness/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iterator>
#include <random>
#include <thread>

#include "compiler/check/returns.h"
#include "compiler/source/thread.h"
#include "harness/capture_run.h"
#include "harness/event_check.h"
#include "harness/explanation.h"
#include "harness/kernel_subject.h"
#include "harness/views.h"
#include "runtime/judge.h"
#include "runtime/sets.h"

namespace sluice::harness {
namespace {

using check::RuleId;
using diag::Code;
using diag::Diagnostic;
using eval::Truth;

Truth TruthOf(naive::Truth truth) {
  return truth == naive::Truth::kTrue    ? Truth::kTrue
         : truth == naive::Truth::kFalse ? Truth::kFalse
                                         : Truth::kUnknown;
}

// The engine may know more than Kleene's tables do: `a or not a` is true.
bool Agree(Truth naive, Truth engine) { return naive == engine || naive == Truth::kUnknown; }

constexpr size_t kMostGrown = 4;  // rule sets with members that are kept, a thread

// What the kernel said of one event.
struct KernelVerdict {
  bool asked = false;  // a hook supplies the type
  kplan::Verdict verdict;
  std::string contradiction;  // of the test's own values
  // What the record would say of a rule behind these clauses.
  uint32_t FlagsOf(const std::vector<uint32_t>& clauses) const {
    const bool refuses = std::any_of(clauses.begin(), clauses.end(), [&](uint32_t clause) {
      return (verdict.refusing[clause / 64] >> (clause % 64) & 1) != 0;
    });
    const uint32_t refused =
        (verdict.denied ? SLUICE_EVENT_DENIED : 0) | (verdict.killed ? SLUICE_EVENT_KILLED : 0);
    return (refuses ? refused : 0) | (verdict.audited ? SLUICE_EVENT_AUDITED : 0);
  }
};

}  // namespace

bool Result::differs() const {
  return std::any_of(failures.begin(), failures.end(),
                     [](const Diagnostic& d) { return d.code == Code::E502; });
}

Diagnostic& Result::Fail(Code code, source::Span where, std::string message) {
  return failures.emplace_back(Diagnostic{code, std::move(message), {where, {}}, {}, {}, {}, {}});
}

void KernelCount::Add(const KernelCount& other) {
  judged += other.judged;
  left_out += other.left_out;
  for (const auto& [reason, count] : other.reasons) reasons[reason] += count;
}

struct Runner::State {
  State(const Suite& s, uint64_t run_seed, Coverage* c)
      : suite(s),
        written(s.written_plan),
        live(s.live_plan),
        model(s.live->kernel),
        naive(s.written->ast),
        seed(run_seed),
        coverage(c) {
    active.resize(SLUICE_HOOKS);
    for (const split::HookPartition& hook : s.live->partition.hooks) active[hook.hook] = true;
  }

  // With rules of its own.
  State(std::unique_ptr<Suite> s, uint64_t run_seed, Coverage* c) : State(*s, run_seed, c) {
    owned = std::move(s);
  }

  Result Run(size_t index);
  // The rules with what alerts have added to sets; an error when they do not compile with it.
  source::Result<std::shared_ptr<State>> Grow(const check::SetMembers& members);
  Judges AsJudges();
  bool JudgeAll();
  void JudgeBy(State& with);
  void Judge(size_t number);
  std::vector<Truth> Matches(eval::Evaluator& evaluator, const kplan::Verdict* verdict);
  KernelVerdict AskKernel(const PlanEvent& at_hook, std::vector<Truth>& found);
  std::vector<RuleId> RulesToJudge(const std::vector<Truth>& found);
  std::string CannotCompare(RuleId rule, const WrittenEvent& event);
  void CompareKernel(RuleId rule, const KernelVerdict& kernel, Truth naive_truth, Truth truth,
                     bool& all_known);
  void CompareDenial(const KernelVerdict& kernel, const std::vector<Truth>& naive_truths,
                     const naive::Event& naive_event, bool all_known);
  void Note(RuleId rule, bool undecided, const KernelVerdict& kernel, const PlanEvent& event);

  void Differ(RuleId rule, std::string_view way, Truth naive_truth, Truth way_truth);
  const std::string& NameOf(RuleId rule) const { return suite.rule(rule).rule.name.text; }

  std::unique_ptr<Suite> owned;
  const Suite& suite;
  eval::Evaluator written, live;
  kplan::Model model;
  naive::Evaluator naive;
  const uint64_t seed;
  std::mt19937_64 random;
  std::vector<bool> active;  // by hook: some rule asks there
  Coverage* const coverage;
  KernelCount count;
  std::map<check::SetMembers, std::shared_ptr<State>> grown_states;

  // The test at hand.
  const Case* test = nullptr;
  size_t at = 0;  // the event that is judged
  Sets sets;      // what its alerts have added; time stands still
  std::vector<Fired> fired;
  std::vector<std::string> sent;  // by event: why it is not dropped in the kernel; "" when it is
  Result* result = nullptr;
};

Runner::Runner(const Suite& suite, uint64_t seed, Coverage* coverage)
    : state_(std::make_unique<State>(suite, seed, coverage)) {}
Runner::~Runner() = default;
const KernelCount& Runner::kernel() const { return state_->count; }
Result Runner::Run(size_t index) { return state_->Run(index); }

Result Runner::State::Run(size_t index) {
  const auto begin = std::chrono::steady_clock::now();
  Result found;
  found.index = index;
  test = &suite.cases[index];
  if (test->events.empty() && test->capture.empty()) {
    found.skipped = "it has a trigger alone, for --live";
    return found;
  }
  result = &found;
  random.seed(seed + index);  // the same whichever thread runs it
  fired.clear();
  sent.assign(test->events.size(), "");
  sets = Sets();
  if (!test->capture.empty()) {
    RunCapture(AsJudges(), *test, found);
  } else if (JudgeAll()) {
    EventCheck(suite, written, *test, fired, sent, found).Check();
  }
  result = nullptr;
  found.time_ns = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count());
  return found;
}

source::Result<std::shared_ptr<Runner::State>> Runner::State::Grow(const check::SetMembers& members) {
  if (const auto known = grown_states.find(members); known != grown_states.end()) return known->second;
  if (grown_states.size() >= kMostGrown) grown_states.clear();
  source::Result<std::unique_ptr<Suite>> with = WithMembers(suite, members);
  if (!with.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("The rules do not compile with what alerts have added to sets: {}",
                    std::string(with.status().message())));
  }
  return grown_states.emplace(members, std::make_shared<State>(*std::move(with), seed, coverage))
      .first->second;
}

Judges Runner::State::AsJudges() {
  const auto grow = [this](const auto& members) -> source::Result<std::shared_ptr<const Judges>> {
    struct Kept {
      std::shared_ptr<State> state;
      Judges judges;
    };
    const source::Result<std::shared_ptr<State>> state = Grow(members);
    if (!state.ok()) return state.status();
    const auto kept = std::make_shared<const Kept>(Kept{*state, (*state)->AsJudges()});
    return std::shared_ptr<const Judges>(kept, &kept->judges);
  };
  return {suite, written, naive, model, active, random, count, coverage, grow};
}

// Each event by the rules with what those before it have added to sets. False after a failure of the test.
bool Runner::State::JudgeAll() {
  std::shared_ptr<State> grown;
  for (at = 0; at < test->events.size(); ++at) {
    if (grown == nullptr) {
      Judge(at);
    } else {
      JudgeBy(*grown);
    }
    if (!sets.changed()) continue;
    source::Result<std::shared_ptr<State>> with = Grow(sets.Take());
    if (!with.ok()) {
      result->Fail(Code::E501, test->events[at].span, std::string(with.status().message())).primary.text =
          "at this event";
      return false;
    }
    grown = *std::move(with);
  }
  return true;
}

void Runner::State::JudgeBy(State& with) {
  with.random.seed(random());
  with.test = test;
  with.result = result;
  with.at = at;
  with.fired.clear();
  with.sent.assign(test->events.size(), "");
  with.sets = sets;
  with.count = {};
  with.Judge(at);
  sets = with.sets;
  sent[at] = with.sent[at];
  count.Add(with.count);
  fired.insert(fired.end(), std::make_move_iterator(with.fired.begin()),
               std::make_move_iterator(with.fired.end()));
}

// ---- one event, three ways

std::vector<Truth> Runner::State::Matches(eval::Evaluator& evaluator, const kplan::Verdict* verdict) {
  std::vector<eval::Match> matches;
  if (verdict == nullptr) {
    evaluator.MatchAll(matches);
  } else {
    bool undecided = false;
    for (size_t word = 0; word < SLUICE_WORDS; ++word)
      undecided = undecided || (verdict->undecided[word] & verdict->surviving.words[word]) != 0;
    std::array<uint64_t, SLUICE_WORDS> surviving;
    std::copy(std::begin(verdict->surviving.words), std::end(verdict->surviving.words), surviving.begin());
    evaluator.MatchSet(surviving.data(), undecided, matches);
  }
  std::vector<Truth> truths(suite.rules.size(), Truth::kFalse);
  for (const eval::Match& match : matches)
    truths[match.rule] = match.undecided ? Truth::kUnknown : Truth::kTrue;
  return truths;
}

KernelVerdict Runner::State::AskKernel(const PlanEvent& at_hook, std::vector<Truth>& found) {
  KernelVerdict kernel;
  found.assign(suite.rules.size(), Truth::kFalse);
  kernel.asked = at_hook.hook() != check::kNoHook;
  if (!kernel.asked) return kernel;
  kernel.verdict.dropped = true;
  if (!active[at_hook.hook()]) return kernel;
  const KernelEvent made = KernelEventOf(at_hook, model);
  kernel.contradiction = made.contradiction;
  kernel.verdict = model.Judge(made.subject);
  if (kernel.verdict.dropped) return kernel;
  live.Begin(at_hook);
  found = Matches(live, &kernel.verdict);
  return kernel;
}

std::vector<RuleId> Runner::State::RulesToJudge(const std::vector<Truth>& found) {
  std::vector<RuleId> rules;
  if (found.size() <= kNaiveRules) {
    for (RuleId rule = 0; rule < found.size(); ++rule) rules.push_back(rule);
    return rules;
  }
  for (RuleId rule = 0; rule < found.size(); ++rule) {
    if (found[rule] != Truth::kFalse) rules.push_back(rule);
  }
  for (const std::optional<RuleId>& rule : test->rules) {
    if (rule) rules.push_back(*rule);
  }
  for (size_t i = 0; i < kNaiveRules; ++i) rules.push_back(static_cast<RuleId>(random() % found.size()));
  std::sort(rules.begin(), rules.end());
  rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
  return rules;
}

// Why the rule as run may say something else of the event than the rule as written; "" when it must not.
// REQUIRES: `written` has begun the event.
std::string Runner::State::CannotCompare(RuleId rule, const WrittenEvent& event) {
  const RuleFacts& facts = suite.rules[rule];
  const auto unread = facts.unread.find(event.hook);
  if (unread != facts.unread.end())
    return fmt::format("the model of the kernel does not read `{}`", unread->second);
  for (const Folded& folded : facts.folded) {
    if ((written.Ask(folded.predicate) == Truth::kTrue) != folded.value) {
      return fmt::format("`{}` asks for a result, which no hook knows",
                         check::Print(suite.written_plan->checked.predicates[folded.predicate]));
    }
  }
  const std::string_view hook = check::FindHook(event.hook)->name;
  for (const check::FieldUse& use : facts.fields) {
    if ((use.hooks() >> event.hook & 1) != 0 || check::IsResult(use)) continue;
    check::Term term;
    term.field = use;
    if (use.field == check::FieldId::kEvtNum) continue;  // folded as written, too
    if (written.TermValue(term).kind != eval::Value::Kind::kAbsent)
      return fmt::format("`{}` is not supplied at {}", use.Name(), hook);
  }
  return "";
}

void Runner::State::Judge(size_t number) {
  const WrittenEvent& event = test->events[number];
  const PlanEvent as_written(event, false), at_hook(as_written, true);
  written.Begin(as_written);
  const std::vector<Truth> plan = Matches(written, nullptr);
  if (coverage != nullptr) coverage->See(written);
  std::vector<Truth> found;
  const KernelVerdict kernel = AskKernel(at_hook, found);
  const naive::Event naive_event = NaiveEvent(event.fields);
  std::vector<Truth> naive_truths(plan.size(), Truth::kFalse);
  bool all_known = kernel.asked && plan.size() <= kNaiveRules;
  for (const RuleId rule : RulesToJudge(plan)) {
    const Truth truth = naive_truths[rule] = TruthOf(naive.Holds(*suite.rules[rule].source, naive_event));
    if (!Agree(truth, plan[rule])) Differ(rule, "the user plan", truth, plan[rule]);
    CompareKernel(rule, kernel, truth, found[rule], all_known);
  }
  CompareDenial(kernel, naive_truths, naive_event, all_known);
  if (!kernel.asked) sent[number] = fmt::format("no hook supplies `{}`", event.title);
  if (kernel.asked && !kernel.verdict.dropped) sent[number] = "the kernel sends it to user space";
  for (RuleId rule = 0; rule < plan.size(); ++rule) {
    if (plan[rule] != Truth::kFalse) Note(rule, plan[rule] == Truth::kUnknown, kernel, as_written);
  }
}

// A verdict that differs for a reason that lies in the event is left out.
void Runner::State::CompareKernel(RuleId rule, const KernelVerdict& kernel, Truth naive_truth, Truth truth,
                                  bool& all_known) {
  const WrittenEvent& event = test->events[at];
  const bool mitigates = suite.rule(rule).rule.action != ast::Action::kAlert;
  if (kernel.asked && !mitigates && Agree(naive_truth, truth)) {
    ++count.judged;
    return;
  }
  const std::string reason = !kernel.contradiction.empty() ? kernel.contradiction
                             : kernel.asked                ? CannotCompare(rule, event)
                                            : fmt::format("no hook supplies `{}`", event.title);
  if (reason.empty()) {
    ++count.judged;
    if (!Agree(naive_truth, truth)) Differ(rule, "the kernel plan", naive_truth, truth);
    return;
  }
  all_known = all_known && !mitigates;
  ++count.left_out;
  ++count.reasons[reason];
}

// A denial when a mitigation in force, for this process, is true, and only then.
void Runner::State::CompareDenial(const KernelVerdict& kernel, const std::vector<Truth>& naive_truths,
                                  const naive::Event& naive_event, bool all_known) {
  if (!all_known) return;
  std::optional<RuleId> wants;
  bool maybe = false;
  for (RuleId rule = 0; rule < naive_truths.size(); ++rule) {
    const ast::RuleKeys& keys = suite.rule(rule).rule;
    if (keys.action == ast::Action::kAlert || keys.mode == ast::Mode::kAudit) continue;
    if (!naive::InScope(ast::ScopeOf(keys), naive_event)) continue;
    if (naive_truths[rule] == Truth::kTrue) wants = rule;
    maybe = maybe || naive_truths[rule] == Truth::kUnknown;
  }
  const std::string name = EventName(*test, at);
  if (wants && !kernel.verdict.denied && !maybe) {
    result->Fail(Code::E502, test->events[at].span,
                 fmt::format("The kernel does not deny {}, and `{}` holds", name, NameOf(*wants)));
  } else if (!wants && !maybe && kernel.verdict.denied) {
    result->Fail(Code::E502, test->events[at].span,
                 fmt::format("The kernel denies {}, and no rule wants that", name));
  }
}

void Runner::State::Note(RuleId rule, bool undecided, const KernelVerdict& kernel, const PlanEvent& event) {
  const check::CheckedRule& checked = suite.rule(rule);
  Fired& alert = fired.emplace_back();
  alert.rule = rule;
  alert.event = at;
  const auto& by_hook = suite.rules[rule].clauses;
  const auto clauses = by_hook.find(test->events[at].hook);
  const bool judged = kernel.asked && clauses != by_hook.end();
  alert.decision = judged ? Decide(checked.rule, kernel.FlagsOf(clauses->second), undecided)
                          : WouldBe(checked.rule, event, undecided);
  if (alert.decision != alert::Decision::kUndecided) sets.Add(checked, event, 0);
  alert.output = alert::Make(written, checked, alert.decision, event, nullptr, at, {}, 0).output;
}

// ---- faults

void Runner::State::Differ(RuleId rule, std::string_view way, Truth naive_truth, Truth way_truth) {
  const PlanEvent event(test->events[at], false);
  Diagnostic& failure =
      result->Fail(Code::E502, test->events[at].span,
                   fmt::format("`{}` is {} as the rule is written, and {} by {}", NameOf(rule),
                               TruthName(naive_truth), TruthName(way_truth), way));
  failure.others.push_back({suite.rule(rule).rule.name.span, "this rule"});
  Explanation explanation(written, suite.rule(rule), suite.files());
  failure.note =
      fmt::format("the condition of `{}` at {}\n{}", NameOf(rule), EventName(*test, at), explanation.Table());
  failure.help = "this is a fault of sluice, not of the rule; please report it with the rule and the test";
}

std::vector<Result> RunAll(const Suite& suite, const std::vector<size_t>& order, size_t jobs, uint64_t seed,
                           KernelCount& kernel, Coverage* coverage) {
  struct Share {
    KernelCount count;
    std::unique_ptr<Coverage> coverage;
  };
  std::vector<Result> results(order.size());
  std::vector<Share> shares(std::max<size_t>(1, std::min(jobs, order.size())));
  std::atomic<size_t> next{0};
  const auto work = [&](Share& share) {
    if (coverage != nullptr) share.coverage = std::make_unique<Coverage>(suite);
    Runner runner(suite, seed, share.coverage.get());
    for (size_t i = next++; i < order.size(); i = next++) results[i] = runner.Run(order[i]);
    share.count = runner.kernel();
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < shares.size(); ++i) {
    if (!source::StartThread(threads.emplace_back(), [&, i] { work(shares[i]); }).ok()) break;
  }
  work(shares[0]);
  for (std::thread& thread : threads) {
    if (thread.joinable()) thread.join();
  }
  for (const Share& share : shares) {
    kernel.Add(share.count);
    if (share.coverage != nullptr) coverage->Merge(*share.coverage);
  }
  return results;
}

}  // namespace sluice::harness
