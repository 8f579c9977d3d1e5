#include "runtime/eval/evaluator.h"

#include <algorithm>
#include <bit>

#include "runtime/eval/question.h"
#include "runtime/eval/slot_index.h"
#include "runtime/eval/terms.h"

namespace sluice::eval {
namespace {

template <typename T>
struct Cached {
  uint32_t epoch = 0;  // of the event that it belongs to
  T value{};
};

// Groups of as few branches are asked one by one.
constexpr uint32_t kFewBranches = 4;

const check::FieldUse kEventType{.field = check::FieldId::kEvtType, .index = -1, .argument = {}};

}  // namespace

struct Evaluator::State {
  explicit State(std::shared_ptr<const uplan::UserPlan> p);

  void Begin(const Event& event);
  const Value& SlotValue(uplan::SlotId slot);
  Truth Ask(check::PredicateId id);
  Truth Evaluate(uplan::ConditionId id);
  Truth Walk(uplan::Range range);
  Truth WalkBothWays(uint32_t at, uplan::Range range);
  const SlotIndex& IndexOf(uint32_t group);
  void Visit(uint32_t node);
  void VisitGroup(uint32_t group);
  void Follow(const uplan::Branch& branch);
  void StartPass();
  const uplan::HookPlan& Rules() const;
  void Judge(check::RuleId rule, uplan::ConditionId condition);
  void Report(std::vector<Match>& matches);

  std::shared_ptr<const uplan::UserPlan> plan;
  const Event* event = nullptr;
  uint32_t epoch = 0;
  TermReader terms;
  std::vector<std::unique_ptr<Question>> questions;  // by PredicateId; made when first asked
  std::vector<Cached<Value>> slots;                  // by SlotId
  std::vector<std::unique_ptr<SlotIndex>> indexes;   // by group; made when it is first reached
  std::vector<uint32_t> found;                       // branches to follow, of all groups on the way down
  std::vector<uint32_t> found_in;                    // by branch: the pass that found it last
  uint32_t pass = 0;
  std::vector<Cached<Truth>> answers;     // by PredicateId
  std::vector<Cached<Truth>> conditions;  // by ConditionId
  std::vector<Cached<Truth>> judged;      // by RuleId
  std::vector<check::RuleId> candidates;  // judged for this call
  std::vector<uint32_t> pending;          // steps still to be followed, when a literal is unknown
  std::vector<bool> followed;
};

Evaluator::State::State(std::shared_ptr<const uplan::UserPlan> p) : plan(std::move(p)) {
  const check::CheckedRules& checked = plan->checked;
  questions.resize(checked.predicates.size());
  slots.resize(plan->slots.size());
  answers.resize(checked.predicates.size());
  conditions.resize(plan->conditions.size());
  judged.resize(checked.rules.size());
  indexes.resize(plan->index.groups.size());
  found_in.resize(plan->index.branches.size());
}

void Evaluator::State::Begin(const Event& next) {
  event = &next;
  terms.Begin(next);
  if (++epoch != 0) return;
  // Once in four thousand million events: nothing cached may look current again.
  std::fill(slots.begin(), slots.end(), Cached<Value>{});
  std::fill(answers.begin(), answers.end(), Cached<Truth>{});
  std::fill(conditions.begin(), conditions.end(), Cached<Truth>{});
  std::fill(judged.begin(), judged.end(), Cached<Truth>{});
  epoch = 1;
}

const Value& Evaluator::State::SlotValue(uplan::SlotId slot) {
  Cached<Value>& cached = slots[slot];
  if (cached.epoch != epoch) {
    cached.value = terms.Of(plan->slots[slot]);
    cached.epoch = epoch;
  }
  return cached.value;
}

Truth Evaluator::State::Ask(check::PredicateId id) {
  Cached<Truth>& cached = answers[id];
  if (cached.epoch == epoch) return cached.value;
  static const Value kNothing;
  const uplan::SlotId right = plan->right_slot[id];
  const Value& left_value = SlotValue(plan->left_slot[id]);
  std::unique_ptr<Question>& question = questions[id];
  if (question == nullptr) question = std::make_unique<Question>(plan->checked.predicates[id]);
  cached.value = question->Ask(left_value, right == uplan::kNoSlot ? kNothing : SlotValue(right));
  cached.epoch = epoch;
  return cached.value;
}

Truth Evaluator::State::Evaluate(uplan::ConditionId id) {
  Cached<Truth>& cached = conditions[id];
  if (cached.epoch != epoch) cached = {epoch, Walk(plan->conditions[id])};
  return cached.value;
}

Truth Evaluator::State::Walk(uplan::Range range) {
  if (range.begin == range.end) return Truth::kTrue;
  uint32_t at = range.begin;
  while (true) {
    const uplan::Step& step = plan->steps[at];
    Truth truth = Ask(step.predicate);
    if (truth == Truth::kUnknown) return WalkBothWays(at, range);
    if (step.negated) truth = Not(truth);
    at = truth == Truth::kTrue ? step.on_true : step.on_false;
    if (at == uplan::kAccept) return Truth::kTrue;
    if (at == uplan::kReject) return Truth::kFalse;
  }
}

// From an unknown literal both ways are open. The condition is decided when all open ways end alike, which is
// what Kleene's logic says of it. Steps only lead forward, so each is followed once.
Truth Evaluator::State::WalkBothWays(uint32_t first, uplan::Range range) {
  bool accepts = false, rejects = false;
  followed.assign(range.end - range.begin, false);
  pending.assign(1, first);
  const auto follow = [&](uint32_t to) {
    if (to == uplan::kAccept) {
      accepts = true;
    } else if (to == uplan::kReject) {
      rejects = true;
    } else if (!followed[to - range.begin]) {
      followed[to - range.begin] = true;
      pending.push_back(to);
    }
  };
  while (!pending.empty() && !(accepts && rejects)) {
    const uplan::Step& step = plan->steps[pending.back()];
    pending.pop_back();
    const Truth truth = Ask(step.predicate);
    if (truth == Truth::kUnknown || (truth == Truth::kTrue) != step.negated) follow(step.on_true);
    if (truth == Truth::kUnknown || (truth == Truth::kTrue) == step.negated) follow(step.on_false);
  }
  if (accepts && rejects) return Truth::kUnknown;
  return TruthOf(accepts);
}

const SlotIndex& Evaluator::State::IndexOf(uint32_t id) {
  std::unique_ptr<SlotIndex>& made = indexes[id];
  if (made != nullptr) return *made;
  made = std::make_unique<SlotIndex>();
  const uplan::Range branches = plan->index.groups[id].branches;
  const std::vector<uplan::Trigger>& triggers = plan->index.triggers;
  auto trigger = triggers.begin();
  for (uint32_t i = branches.begin; i < branches.end; ++i) {
    const check::PredicateId predicate = plan->index.branches[i].predicate;
    trigger = std::lower_bound(
        trigger, triggers.end(), predicate,
        [](const uplan::Trigger& t, check::PredicateId wanted) { return t.predicate < wanted; });
    made->Add(*trigger, plan->checked.predicates[predicate], i);
  }
  made->Build();
  return *made;
}

void Evaluator::State::StartPass() {
  if (++pass != 0) return;
  std::fill(found_in.begin(), found_in.end(), 0);
  pass = 1;
}

// Nodes lead on at most as deep as the index divides (uplan/index.cc).
void Evaluator::State::Visit(uint32_t id) {
  const uplan::Node& node = plan->index.nodes[id];
  for (uint32_t i = node.leaves.begin; i < node.leaves.end; ++i)
    Judge(plan->index.leaves[i].rule, plan->index.leaves[i].condition);
  for (uint32_t i = node.groups.begin; i < node.groups.end; ++i) VisitGroup(i);
  for (uint32_t i = node.asked.begin; i < node.asked.end; ++i) Follow(plan->index.branches[i]);
}

void Evaluator::State::VisitGroup(uint32_t id) {
  const std::vector<uplan::Branch>& branches = plan->index.branches;
  const uplan::Group& group = plan->index.groups[id];
  const size_t first = found.size();
  bool sure = false;
  if (group.branches.end - group.branches.begin > kFewBranches) {
    const Value& value = SlotValue(group.slot);
    const bool one = value.kind != Value::Kind::kList;  // compared whole, it finds a branch once
    sure = IndexOf(id).Find(value, [&](uint32_t branch, bool is_true) {
      if (is_true) answers[branches[branch].predicate] = {epoch, Truth::kTrue};
      if (!is_true || !one) {
        if (found_in[branch] == pass) return;
        found_in[branch] = pass;
      }
      found.push_back(branch);
    });
  }
  if (sure) {
    for (size_t i = first; i < found.size(); ++i) Follow(branches[found[i]]);
  } else {
    for (uint32_t i = group.branches.begin; i < group.branches.end; ++i) Follow(branches[i]);
  }
  found.resize(first);
}

void Evaluator::State::Follow(const uplan::Branch& branch) {
  Truth truth = Ask(branch.predicate);
  if (branch.negated) truth = Not(truth);
  if (truth != Truth::kFalse) Visit(branch.node);
}

const uplan::HookPlan& Evaluator::State::Rules() const {
  const check::HookId hook = event->hook();
  return plan->hooks[hook >= SLUICE_HOOKS || event->IsSelfContained() ? check::kNoHook : hook];
}

// A rule may stand behind several clauses: it matches when one of them does.
void Evaluator::State::Judge(check::RuleId rule, uplan::ConditionId condition) {
  Cached<Truth>& so_far = judged[rule];
  if (so_far.epoch != epoch) {
    so_far = {epoch, Truth::kFalse};
    candidates.push_back(rule);
  }
  if (so_far.value != Truth::kTrue) so_far.value = Or(so_far.value, Evaluate(condition));
}

void Evaluator::State::Report(std::vector<Match>& matches) {
  std::sort(candidates.begin(), candidates.end());
  for (const check::RuleId rule : candidates) {
    const Truth truth = judged[rule].value;
    if (truth != Truth::kFalse) matches.push_back({rule, truth == Truth::kUnknown});
    judged[rule].epoch = 0;  // a further call for this event judges afresh
  }
  candidates.clear();
}

Evaluator::Evaluator(std::shared_ptr<const uplan::UserPlan> plan)
    : state_(std::make_unique<State>(std::move(plan))) {}
Evaluator::~Evaluator() = default;

void Evaluator::Begin(const Event& event) { state_->Begin(event); }

void Evaluator::MatchSet(const uint64_t* set, bool whole, std::vector<Match>& matches) {
  state_->StartPass();
  const check::HookId hook_id = state_->event->hook();
  if (hook_id >= SLUICE_HOOKS) return;
  const uplan::HookPlan& hook = state_->plan->hooks[hook_id];
  for (uint32_t word = 0; word < SLUICE_WORDS; ++word) {
    for (uint64_t bits = set[word]; bits != 0; bits &= bits - 1) {
      const size_t bit = word * 64 + static_cast<size_t>(std::countr_zero(bits));
      if (bit >= hook.bits.size()) break;
      if (!whole && hook.bit_nodes[bit] != uplan::kNoNode) {
        state_->Visit(hook.bit_nodes[bit]);
        continue;
      }
      for (uint32_t at = hook.bits[bit].begin; at < hook.bits[bit].end; ++at) {
        const uplan::Candidate& candidate = hook.candidates[at];
        state_->Judge(candidate.rule, whole ? candidate.whole : candidate.residue);
      }
    }
  }
  state_->Report(matches);
}

void Evaluator::MatchAll(std::vector<Match>& matches) {
  state_->StartPass();
  const uplan::HookPlan& rules = state_->Rules();
  const check::EventType type = state_->event->type();
  if (type == check::kNoType && !rules.typed.empty()) {
    const Value name = state_->event->Get(kEventType);
    if (name.kind == Value::Kind::kUnknown || name.truncated) return WalkAll(matches);
  }
  if (type < rules.typed.size()) state_->Visit(rules.typed[type]);
  state_->Visit(rules.untyped);
  state_->Report(matches);
}

void Evaluator::WalkAll(std::vector<Match>& matches) {
  for (const uplan::Candidate& candidate : state_->Rules().rules)
    state_->Judge(candidate.rule, candidate.whole);
  state_->Report(matches);
}

Truth Evaluator::Evaluate(uplan::ConditionId condition) { return state_->Evaluate(condition); }
Truth Evaluator::Ask(check::PredicateId predicate) { return state_->Ask(predicate); }
Value Evaluator::TermValue(const check::Term& term) { return state_->terms.Of(term); }
const uplan::UserPlan& Evaluator::plan() const { return *state_->plan; }

}  // namespace sluice::eval
