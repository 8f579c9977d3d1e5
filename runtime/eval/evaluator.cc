#include "runtime/eval/evaluator.h"

#include <algorithm>
#include <bit>
#include <new>

#include "runtime/eval/branch_table.h"
#include "runtime/eval/cost_sampler.h"
#include "runtime/eval/question.h"
#include "runtime/eval/shortcut.h"
#include "runtime/eval/slot_index.h"
#include "runtime/eval/terms.h"

namespace sluice::eval {
namespace {

using Kind = Value::Kind;

const check::FieldUse kEventType{.field = check::FieldId::kEvtType, .index = -1, .argument = {}};

template <typename T>
struct Cached {
  uint32_t epoch = 0;  // of the event that it belongs to
  T value{};
};

// A slot's value and marks, each had when it is first asked for.
struct SlotState {
  uint32_t value_epoch = 0, whole_epoch = 0, marks_epoch = 0;
  uplan::MarkId whole = SlotIndex::kNone;  // of the whole text
  uint32_t begin = 0, end = 0;             // of `hits`: its marks
  bool sure = false;                       // these are all
  Value value;
};

}  // namespace

struct Evaluator::State {
  explicit State(std::shared_ptr<const uplan::UserPlan> p);

  void BuildIndexes();
  void Begin(const Event& event);
  SlotState& Valued(uplan::SlotId slot);
  uplan::MarkId WholeOf(uplan::SlotId id, SlotState& slot);
  const SlotState& Marked(uplan::SlotId slot);
  bool HasAny(const Shortcut& test) const;
  Truth Ask(check::PredicateId id);
  Truth AskQuestion(check::PredicateId id);
  Truth Evaluate(uplan::ConditionId id) { return Walk(plan->conditions[id]); }
  Truth Walk(uplan::Range range);
  Truth WalkBothWays(uint32_t at, uplan::Range range);
  void Visit(uint32_t node);
  void VisitGroup(uint32_t group);
  void Follow(BranchTable::Target target);
  void StartPass();
  const uplan::HookPlan& Rules() const;
  void Judge(check::RuleId rule, uplan::ConditionId condition);
  void Report(std::vector<Match>& matches);

  std::shared_ptr<const uplan::UserPlan> plan;
  const Event* event = nullptr;
  check::EventType type = check::kNoType;  // of the event
  uint32_t epoch = 0;
  TermReader terms;
  const BranchTable branches;
  std::vector<Shortcut> tests;                       // by PredicateId
  std::vector<std::unique_ptr<Question>> questions;  // by PredicateId; made when first asked
  std::vector<std::unique_ptr<SlotIndex>> indexes;   // by SlotId; null: no marks
  std::vector<SlotState> slots;                      // by SlotId
  std::vector<uplan::MarkId> hits;                   // of all slots
  uplan::SlotId type_slot = uplan::kNoSlot;          // that of evt.type
  std::vector<uplan::MarkId> type_marks;             // by EventType: that of its name
  std::vector<uint32_t> seen;                        // by MarkId: the event that had it last
  std::vector<uint32_t> visited;                     // by node: the pass that came for want of a value
  uint32_t pass = 0;
  std::vector<Cached<Truth>> answers;     // by PredicateId
  std::vector<Cached<Truth>> judged;      // by RuleId; kFalse is not kept
  std::vector<check::RuleId> candidates;  // of this call, not false
  std::vector<uint32_t> pending;          // steps still to be followed, when a literal is unknown
  std::vector<bool> followed;
  CostSampler costs;
};

Evaluator::State::State(std::shared_ptr<const uplan::UserPlan> p)
    : plan(std::move(p)), branches(plan->index), costs(plan->checked.rules.size()) {
  const check::CheckedRules& checked = plan->checked;
  questions.resize(checked.predicates.size());
  slots.resize(plan->slots.size());
  answers.resize(checked.predicates.size());
  judged.resize(checked.rules.size());
  seen.resize(plan->index.marks.size());
  visited.resize(plan->index.nodes.size());
  tests = Shortcuts(*plan);
  BuildIndexes();
}

void Evaluator::State::BuildIndexes() {
  const uplan::Index& index = plan->index;
  indexes.resize(plan->slots.size());
  for (uplan::MarkId id = 0; id < index.marks.size(); ++id) {
    const uplan::Mark& mark = index.marks[id];
    std::unique_ptr<SlotIndex>& of_slot = indexes[mark.slot];
    if (of_slot == nullptr) of_slot = std::make_unique<SlotIndex>();
    of_slot->Add(mark.kind, std::string_view(index.bytes).substr(mark.begin, mark.size), id);
  }
  for (const std::unique_ptr<SlotIndex>& of_slot : indexes) {
    if (of_slot != nullptr) of_slot->Build();
  }
  for (uplan::SlotId slot = 0; slot < plan->slots.size(); ++slot) {
    const check::Term& term = plan->slots[slot];
    if (term.kind != check::Term::Kind::kField || term.field != kEventType || indexes[slot] == nullptr)
      continue;
    type_slot = slot;
    for (size_t named = 0; named <= check::Events().size(); ++named)
      type_marks.push_back(indexes[slot]->Whole(check::EventName(static_cast<check::EventType>(named))));
  }
}

void Evaluator::State::Begin(const Event& next) {
  event = &next;
  type = next.type();
  terms.Begin(next);
  hits.clear();
  costs.Begin();
  if (++epoch != 0) return;
  // Once in four thousand million events: nothing cached may look current again.
  std::fill(slots.begin(), slots.end(), SlotState{});
  std::fill(seen.begin(), seen.end(), 0);
  std::fill(answers.begin(), answers.end(), Cached<Truth>{});
  std::fill(judged.begin(), judged.end(), Cached<Truth>{});
  epoch = 1;
}

SlotState& Evaluator::State::Valued(uplan::SlotId id) {
  SlotState& slot = slots[id];
  if (slot.value_epoch != epoch) {
    // In place: to copy what has just been written in small pieces stalls the processor.
    new (&slot.value) Value(terms.Of(plan->slots[id]));
    slot.value_epoch = epoch;
  }
  return slot;
}

// REQUIRES: its value is a text.
uplan::MarkId Evaluator::State::WholeOf(uplan::SlotId id, SlotState& slot) {
  if (slot.whole_epoch != epoch) {
    slot.whole = indexes[id]->Whole(slot.value.text);
    slot.whole_epoch = epoch;
  }
  return slot.whole;
}

// REQUIRES: some mark is the slot's.
const SlotState& Evaluator::State::Marked(uplan::SlotId id) {
  SlotState& slot = Valued(id);
  if (slot.marks_epoch == epoch) return slot;
  slot.marks_epoch = epoch;
  slot.begin = static_cast<uint32_t>(hits.size());
  slot.sure = indexes[id]->Find(slot.value, [this](uplan::MarkId mark) {
    if (seen[mark] == epoch) return;
    seen[mark] = epoch;
    hits.push_back(mark);
  });
  slot.end = static_cast<uint32_t>(hits.size());
  return slot;
}

bool Evaluator::State::HasAny(const Shortcut& test) const {
  const std::vector<uplan::MarkId>& lists = plan->index.mark_lists;
  for (uint32_t i = test.marks.begin; i < test.marks.end; ++i) {
    if (seen[lists[i]] == epoch) return true;
  }
  return false;
}

// What needs more than a look at marks is asked as a question, once per event.
Truth Evaluator::State::Ask(check::PredicateId id) {
  const Shortcut& test = tests[id];
  switch (test.kind) {
    case Shortcut::Kind::kText: {
      if (test.slot == type_slot && type != check::kNoType)
        return TruthOf(test.Has(plan->index, type_marks[type]));
      SlotState& slot = Valued(test.slot);
      if (slot.value.kind == Kind::kAbsent) return Truth::kFalse;
      if (slot.value.kind != Kind::kString || slot.value.truncated) break;
      return TruthOf(test.Has(plan->index, WholeOf(test.slot, slot)));
    }
    case Shortcut::Kind::kNumber: {
      const Value& value = Valued(test.slot).value;
      if (value.kind != Kind::kNumber && value.kind != Kind::kBool) break;
      return TruthOf(value.number == test.number);
    }
    case Shortcut::Kind::kAnyText:
      if (Marked(test.slot).sure) return TruthOf(HasAny(test));
      break;
    case Shortcut::Kind::kPattern:
      if (Marked(test.slot).sure && !HasAny(test)) return Truth::kFalse;
      break;
    case Shortcut::Kind::kSearch: {
      const SlotState& slot = slots[test.slot];
      if (slot.marks_epoch == epoch && slot.sure && !HasAny(test)) return Truth::kFalse;
      break;
    }
    case Shortcut::Kind::kNone:
      break;
  }
  return AskQuestion(id);
}

Truth Evaluator::State::AskQuestion(check::PredicateId id) {
  Cached<Truth>& cached = answers[id];
  if (cached.epoch == epoch) return cached.value;
  static const Value kNothing{};
  const uplan::SlotId right = plan->right_slot[id];
  const Value& left_value = Valued(plan->left_slot[id]).value;
  std::unique_ptr<Question>& question = questions[id];
  if (question == nullptr) question = std::make_unique<Question>(plan->checked.predicates[id]);
  cached.value = question->Ask(left_value, right == uplan::kNoSlot ? kNothing : Valued(right).value);
  cached.epoch = epoch;
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

void Evaluator::State::StartPass() {
  if (++pass != 0) return;
  std::fill(visited.begin(), visited.end(), 0);
  pass = 1;
}

// Nodes lead on at most as deep as the index divides (uplan/index.cc).
void Evaluator::State::Visit(uint32_t id) {
  const uplan::Index& index = plan->index;
  const uplan::Node& node = index.nodes[id];
  for (uint32_t i = node.leaves.begin; i < node.leaves.end; ++i)
    Judge(index.leaves[i].rule, index.leaves[i].condition);
  for (uint32_t i = node.groups.begin; i < node.groups.end; ++i) VisitGroup(i);
  for (uint32_t i = node.switches.begin; i < node.switches.end; ++i) {
    const uplan::Switch& literal = index.switches[i];
    Truth truth = Ask(literal.predicate);
    if (literal.negated) truth = Not(truth);
    if (truth != Truth::kFalse) Visit(literal.node);
  }
}

void Evaluator::State::VisitGroup(uint32_t group) {
  const SlotState& slot = Marked(branches.SlotOf(group));
  if (slot.sure) {
    for (uint32_t i = slot.begin; i < slot.end; ++i) branches.Prefetch(group, hits[i]);
    for (uint32_t i = slot.begin; i < slot.end; ++i)
      branches.Find(group, hits[i], [this](BranchTable::Target target) { Follow(target); });
    return;
  }
  branches.ForEach(group, [this](BranchTable::Target target) {
    if (!target.is_leaf && visited[target.id] == pass) return;
    if (!target.is_leaf) visited[target.id] = pass;
    Follow(target);
  });
}

void Evaluator::State::Follow(BranchTable::Target target) {
  if (!target.is_leaf) return Visit(target.id);
  const uplan::Leaf& leaf = plan->index.leaves[target.id];
  Judge(leaf.rule, leaf.condition);
}

const uplan::HookPlan& Evaluator::State::Rules() const {
  const check::HookId hook = event->hook();
  return plan->hooks[hook >= SLUICE_HOOKS || event->IsSelfContained() ? check::kNoHook : hook];
}

// A rule may stand behind several clauses and at several nodes: it matches when one of its conditions does.
void Evaluator::State::Judge(check::RuleId rule, uplan::ConditionId condition) {
  const Truth truth = costs.Time(rule, [&] { return Evaluate(condition); });
  if (truth == Truth::kFalse) return;
  Cached<Truth>& so_far = judged[rule];
  if (so_far.epoch != epoch) {
    so_far = {epoch, truth};
    candidates.push_back(rule);
  } else {
    so_far.value = Or(so_far.value, truth);
  }
}

void Evaluator::State::Report(std::vector<Match>& matches) {
  std::sort(candidates.begin(), candidates.end());
  for (const check::RuleId rule : candidates) {
    matches.push_back({rule, judged[rule].value == Truth::kUnknown});
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
      const size_t bit = size_t{word} * 64 + static_cast<size_t>(std::countr_zero(bits));
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
  const check::EventType type = state_->type;
  if (type == check::kNoType && !rules.typed.empty()) {
    const Value name = state_->event->Get(kEventType);
    if (name.kind == Value::Kind::kUnknown || name.truncated) return WalkAll(matches);
  }
  const uint32_t typed = type < rules.typed.size() ? rules.typed[type] : uplan::kNoNode;
  if (typed != uplan::kNoNode) state_->Visit(typed);
  if (typed == uplan::kNoNode || rules.visits_both) state_->Visit(rules.untyped);
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
void Evaluator::TakeCosts(const std::function<void(check::RuleId, uint64_t)>& told) {
  state_->costs.Take(told);
}
const uplan::UserPlan& Evaluator::plan() const { return *state_->plan; }

}  // namespace sluice::eval
