#include "harness/capture_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/alert_check.h"
#include "harness/explanation.h"
#include "harness/kernel_subject.h"
#include "harness/views.h"
#include "runtime/capture/writer.h"
#include "runtime/replay.h"

namespace sluice::harness {
namespace {

using check::RuleId;
using diag::Code;
using diag::Diagnostic;
using eval::Truth;

constexpr size_t kByChance = 16;  // further rules that the slow judges are asked about, for each record

eval::Value ValueOf(const eval::Event& event, const char* field) {
  return event.Get({.field = check::FindField(field)->id, .index = -1, .argument = {}});
}

class CaptureRun {
 public:
  CaptureRun(const Judges& judges, const Case& test, Result& result)
      : judges_(judges), suite_(judges.suite), test_(test), result_(result), truths_(suite_.rules.size()) {
    for (const std::optional<RuleId>& rule : test.rules) {
      if (rule) named_.push_back(*rule);
    }
  }

  void Run() {
    const source::Result<Replayed> done =
        Pass([this](eval::Evaluator& live, const eval::RecordEvent& event) { See(live, event); },
             [this](const alert::Alert& alert) { Keep(alert); });
    if (!done.ok()) return Unreadable(std::string(done.status().message()));
    if (!done->read.ok()) Unreadable(std::string(done->read.message()));
    if (done->undecodable != 0) Unreadable(fmt::format("{} records do not parse", done->undecodable));
    if (!grown_fault_.ok()) return Tell(Code::E501, std::string(grown_fault_.message()));
    AlertCheck(
        test_, alerts_, "in the capture", true,
        [this](const ast::Expectation& expectation, std::optional<RuleId> rule, const alert::Alert* alert,
               std::string message) { Tell(expectation, rule, alert, std::move(message)); })
        .Check();
    CheckDropped();
  }

 private:
  source::Result<Replayed> Pass(Judge::Observer observe,
                                const std::function<void(const alert::Alert&)>& raise) {
    ReplayOptions options;
    options.plan = suite_.live_plan;
    options.grow = [this](const check::SetMembers& members) { return Grow(members); };
    options.throttled = false;
    options.raise = [&raise](const alert::Alert& alert, const std::string& own) {
      if (own.empty()) raise(alert);
    };
    options.observe = std::move(observe);
    return Replay(test_.capture, options);
  }

  std::optional<GrownRules> Grow(const check::SetMembers& members) {
    source::Result<std::shared_ptr<const Judges>> grown = judges_.grow(members);
    if (!grown.ok()) {
      grown_fault_.Update(grown.status());
      return std::nullopt;
    }
    grown_ = *std::move(grown);
    return GrownRules{grown_->suite.live_plan, 0};
  }

  // By the evaluator's own plan: with other members a set's predicates have other numbers.
  Explanation ExplanationOf(eval::Evaluator& live, RuleId id) const {
    return {live, live.plan().checked.rules[id], At(live).suite.files()};
  }
  const check::CheckedRule& rule(RuleId id) const { return suite_.live_plan->checked.rules[id]; }

  static std::string EventName(const eval::Event& event) {
    const check::EventType type = event.type();
    const eval::Value name = ValueOf(event, "proc.name"), pid = ValueOf(event, "proc.pid"),
                      path = ValueOf(event, "fd.name");
    return fmt::format("`{}` by {}[{}]{}{}",
                       type != check::kNoType ? check::EventName(type) : check::FindHook(event.hook())->name,
                       name.kind == eval::Value::Kind::kString ? name.text : "?", pid.number,
                       path.kind == eval::Value::Kind::kString ? " of " : "", path.text);
  }

  // ---- every record

  // That judge what `live` does: with what alerts have added to sets so far.
  const Judges& At(const eval::Evaluator& live) const {
    return grown_ != nullptr && &live.plan() == grown_->suite.live_plan.get() ? *grown_ : judges_;
  }

  void See(eval::Evaluator& live, const eval::RecordEvent& event) {
    last_live_ = &live;
    last_event_ = &event;
    if (judges_.coverage != nullptr) {
      eval::Evaluator& written = At(live).written;
      written.Begin(event);
      judges_.coverage->See(written);
    }
    matches_.clear();
    live.MatchAll(matches_);
    std::fill(truths_.begin(), truths_.end(), Truth::kFalse);
    asked_ = named_;
    for (const eval::Match& match : matches_) {
      truths_[match.rule] = match.undecided ? Truth::kUnknown : Truth::kTrue;
      asked_.push_back(match.rule);
    }
    for (size_t i = 0; i < kByChance && !truths_.empty(); ++i)
      asked_.push_back(static_cast<RuleId>(judges_.random() % truths_.size()));
    std::sort(asked_.begin(), asked_.end());
    asked_.erase(std::unique(asked_.begin(), asked_.end()), asked_.end());
    CompareNaive(live, event);
    CompareKernel(live, event);
  }

  void CompareNaive(eval::Evaluator& live, const eval::RecordEvent& event) {
    const Judges& judges = At(live);
    std::set<check::FieldUse> fields;
    for (const RuleId id : asked_)
      fields.insert(suite_.rules[id].fields.begin(), suite_.rules[id].fields.end());
    const naive::Event values = NaiveEvent(event, fields);
    for (const RuleId id : asked_) {
      const RuleFacts& facts = judges.suite.rules[id];
      if (!facts.folded.empty()) continue;  // it asks for a result, and is replayed as at the hook
      const naive::Truth naive = judges.naive.Holds(*facts.source, values);
      if (naive == naive::Truth::kUnknown || (naive == naive::Truth::kTrue) == (truths_[id] == Truth::kTrue))
        continue;
      if (truths_[id] == Truth::kUnknown) continue;  // a value of which a part is known
      Differ(live, event, id, "as the rule is written",
             naive == naive::Truth::kTrue ? Truth::kTrue : Truth::kFalse);
    }
  }

  void CompareKernel(eval::Evaluator& live, const eval::RecordEvent& event) {
    const Judges& judges = At(live);
    if (event.hook() == check::kNoHook || !judges.active[event.hook()]) return;
    const KernelEvent made = KernelEventOf(event, judges.model);
    const kplan::Verdict verdict = judges.model.Judge(made.subject);
    if (!verdict.dropped && sent_.empty()) sent_ = EventName(event);
    std::array<uint64_t, SLUICE_WORDS> surviving{};
    bool undecided = false;
    for (size_t i = 0; i < SLUICE_WORDS; ++i) {
      surviving[i] = verdict.dropped ? 0 : verdict.surviving.words[i];
      undecided = undecided || (verdict.undecided[i] & surviving[i]) != 0;
    }
    std::vector<eval::Match> found;
    live.MatchSet(surviving.data(), undecided, found);
    for (const RuleId id : asked_) {
      const RuleFacts& facts = suite_.rules[id];
      if (!made.contradiction.empty() || facts.unread.count(event.hook()) != 0 || undecided ||
          truths_[id] == Truth::kUnknown) {
        ++judges_.count.left_out;
        ++judges_.count.reasons["a captured record lacks what the model of the kernel asks for"];
        continue;
      }
      ++judges_.count.judged;
      const bool fires =
          std::any_of(found.begin(), found.end(), [id](const eval::Match& m) { return m.rule == id; });
      if (fires != (truths_[id] == Truth::kTrue))
        Differ(live, event, id, "by the kernel plan", fires ? Truth::kTrue : Truth::kFalse);
    }
  }

  void Differ(eval::Evaluator& live, const eval::Event& event, RuleId id, std::string_view way, Truth truth) {
    if (!told_.insert(id).second) return;
    Diagnostic& failure =
        result_.Fail(Code::E502, test_.test->capture->span,
                     fmt::format("`{}` is {} {}, and {} by the user plan", rule(id).rule.name.text,
                                 TruthName(truth), way, TruthName(truths_[id])));
    failure.others.push_back({rule(id).rule.name.span, "this rule"});
    failure.note = fmt::format("the condition at {}\n{}", EventName(event), ExplanationOf(live, id).Table());
    failure.help =
        "this is a fault of sluice, not of the rule; please report it with the rule and the capture";
  }

  // With the condition's values at the first alert of each rule.
  void Keep(const alert::Alert& alert) {
    alerts_.push_back(alert);
    if (tables_.count(alert.rule) != 0) return;
    for (const eval::Match& match : matches_) {
      if (rule(match.rule).rule.name.text == alert.rule) Note(match.rule, *last_live_, *last_event_);
    }
  }

  void Note(RuleId id, eval::Evaluator& live, const eval::Event& event) {
    const std::string& name = rule(id).rule.name.text;
    tables_[name] = fmt::format("the condition of `{}` at {}\n{}", name, EventName(event),
                                ExplanationOf(live, id).Table());
  }

  // ---- what was expected

  void Tell(const ast::Expectation& expectation, std::optional<RuleId> id, const alert::Alert* alert,
            std::string message) {
    Diagnostic& failure = result_.Fail(Code::E501, expectation.span, std::move(message));
    failure.primary.text = "expected";
    const std::string name = alert != nullptr ? alert->rule : expectation.rule.text;
    if (id && tables_.count(name) == 0) FindNearest(*id);
    if (const auto table = tables_.find(name); table != tables_.end()) failure.note = table->second;
    if (alert != nullptr) failure.help = fmt::format("its output is \"{}\"", alert->output);
  }

  void CheckDropped() {
    for (const ast::Expectation& expectation : test_.test->expectations) {
      if (expectation.what != ast::Expected::kDropped || sent_.empty()) continue;
      Diagnostic& failure =
          result_.Fail(Code::E501, expectation.span,
                       fmt::format("The kernel does not drop {}: it sends it to user space", sent_));
      failure.primary.text = "expected";
      failure.help =
          "`sluice explain` says what of each rule the kernel decides; `expect: nothing` asks less";
    }
  }

  // The record at which a rule that did not fire came nearest; of equals the first.
  void FindNearest(RuleId id) {
    size_t least = SIZE_MAX;
    const auto observe = [&](eval::Evaluator& live, const eval::RecordEvent& event) {
      const size_t lacking = ExplanationOf(live, id).Lacking();
      if (lacking >= least) return;
      least = lacking;
      Note(id, live, event);
    };
    Pass(observe, [](const alert::Alert&) {}).status().IgnoreError();
  }

  // Of the capture as a whole.
  void Tell(Code code, std::string why) {
    result_.Fail(code, test_.test->capture->span, std::move(why)).primary.text = "this capture";
  }
  void Unreadable(std::string why) { Tell(Code::E505, std::move(why)); }

  const Judges& judges_;
  const Suite& suite_;
  const Case& test_;
  Result& result_;
  std::vector<RuleId> named_, asked_;
  std::vector<Truth> truths_;  // by rule, at the record at hand
  std::vector<eval::Match> matches_;
  eval::Evaluator* last_live_ = nullptr;
  const eval::RecordEvent* last_event_ = nullptr;
  std::shared_ptr<const Judges> grown_;
  source::Status grown_fault_;  // the first
  std::string sent_;            // the first event that the kernel would send for these rules
  std::vector<alert::Alert> alerts_;
  std::map<std::string, std::string> tables_;  // by rule
  std::set<RuleId> told_;
};

}  // namespace

void RunCapture(const Judges& judges, const Case& test, Result& result) {
  CaptureRun(judges, test, result).Run();
}

}  // namespace sluice::harness
