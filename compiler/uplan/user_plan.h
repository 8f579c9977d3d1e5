// uplan/user_plan.h - what the evaluator runs: flat arrays, shared predicates, an index from values to rules.
//
// A condition is a range of steps in one array, in evaluation order with short-circuit targets, so that
// evaluating needs no recursion and no allocation. Predicates are shared by all rules of a plan; the
// evaluator asks each at most once per event. Values that predicates look at are *slots*: one per distinct
// term.
//
// Rules are found, not walked. What a slot's value is, begins with, ends with or holds of what any rule looks
// for are its *marks*, all found in one pass over the value. A tree of *nodes* leads from marks to rules: a
// node's leaves are judged; its branches lead on where the event has their mark, or where a literal is not
// false (uplan/index.h).
//
// Threads: passive data, immutable after LowerUser(). Memory: self-contained.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "compiler/split/partition.h"

namespace sluice::uplan {

using SlotId = uint32_t;
using ConditionId = uint32_t;
inline constexpr ConditionId kAlways = 0;  // conditions[0] is empty and true

// One literal: evaluate `predicate`, flip when `negated`; then continue at on_true or on_false (absolute step
// index, or kAccept / kReject). The three-valued reading (unknown) is defined in eval/evaluator.h.
struct Step {
  check::PredicateId predicate = 0;
  bool negated = false;
  uint32_t on_true = 0, on_false = 0;
};
inline constexpr uint32_t kAccept = 0xffffffff;
inline constexpr uint32_t kReject = 0xfffffffe;

struct Range {
  uint32_t begin = 0, end = 0;
};

// Rules behind a bit of a hook.
struct Candidate {
  check::RuleId rule = 0;
  ConditionId residue = kAlways;  // when every lookup was known
  ConditionId whole = kAlways;    // when some lookup was unknown, or for events that no kernel judged
};

// Something that a slot's value may have. Its bytes are in Index::bytes.
using MarkId = uint32_t;
struct Mark {
  enum class Kind : uint8_t {
    kText,       // the value is this text
    kNumber,     // this number: an int64_t
    kNet,        // within this net: MarkedNet
    kPrefix,     // begins with the text
    kPath,       // the same of a path, normalised: one slash at the front, none doubled, none at the end
    kSuffix,     // ends with it
    kSubstring,  // it occurs, letters of ASCII in either case; its own are small
  };
  SlotId slot = 0;
  uint32_t begin = 0, size = 0;  // of Index::bytes
  Kind kind = Kind::kText;
};
struct MarkedNet {
  uint8_t v4 = 0, prefix = 0;
  std::array<uint8_t, 16> address{};
};

// To be followed where the event has the mark.
struct Branch {
  MarkId mark = 0;
  uint32_t node = 0;
};

// Branches whose marks are of one slot, by mark. A mark may lead to several nodes.
struct Group {
  SlotId slot = 0;
  Range branches;
};

// To be followed where the literal is not false.
struct Switch {
  check::PredicateId predicate = 0;
  bool negated = false;
  uint32_t node = 0;
};

struct Leaf {
  check::RuleId rule = 0;
  ConditionId condition = kAlways;
  friend bool operator==(const Leaf&, const Leaf&) = default;
};

struct Node {
  Range leaves;  // judged whenever the node is reached
  Range groups;
  Range switches;  // each is asked
};
inline constexpr uint32_t kNoNode = 0;  // nodes[kNoNode] is empty

struct Index {
  std::vector<Node> nodes;
  std::vector<Group> groups;
  std::vector<Branch> branches;
  std::vector<Switch> switches;
  std::vector<Leaf> leaves;
  std::vector<Mark> marks;
  std::string bytes;  // of marks
  // By PredicateId: a range of `mark_lists`, each in order. Where the value has none of them, the predicate is
  // false; an empty range says nothing.
  std::vector<Range> marks_of;
  std::vector<MarkId> mark_lists;
};

struct HookPlan {
  check::HookId hook = 0;
  std::vector<Range> bits;  // by bit: range of `candidates`
  std::vector<Candidate> candidates;
  std::vector<Candidate> rules;  // every rule of the hook once, with `whole`, by RuleId
  // The same rules as nodes of the index: what an event of a type may make true, by EventType (empty: none), and
  // what events of the other types may.
  std::vector<uint32_t> typed;
  uint32_t untyped = kNoNode;
  bool visits_both = false;         // `typed` is without the rules for all types: they are many
  std::vector<uint32_t> bit_nodes;  // by bit: its candidates' residues; kNoNode: few, walk `candidates`
};

struct UserPlan {
  check::CheckedRules checked;                // predicates by PredicateId; rules by RuleId
  std::vector<check::Term> slots;             // distinct left and right terms, and output terms
  std::vector<SlotId> left_slot, right_slot;  // by PredicateId; right: kNoSlot unless val()/transformer
  std::vector<Range> conditions;              // by ConditionId: range of `steps`
  std::vector<Step> steps;
  std::array<HookPlan, SLUICE_HOOKS> hooks;
  Index index;
  std::vector<bool> sees_failures;  // by RuleId: looks at calls that failed before they came to their hook
  bool needs_env = false;           // some condition or output asks for the environment
  bool needs_cwd = false;
};
inline constexpr SlotId kNoSlot = 0xffffffff;

UserPlan LowerUser(const split::Partition& partition);
// The same; frees the conditions of each hook when they are lowered.
UserPlan LowerUserDropping(split::Partition& partition);
std::string Print(const UserPlan& plan);  // --emit uplan

}  // namespace sluice::uplan
