// uplan/index.h - conditions -> a tree that finds those which an event may make true. Private to uplan/.
//
// Each condition has *covers*: sets of positive predicates with triggers, one of which must hold for the
// condition to hold. A literal covers itself; an `and` is covered by any child's cover, an `or` by the union
// of its children's. A condition is filed under the cover that events are least likely to meet: the access
// predicate of publish/subscribe systems (Fabret et al., SIGMOD 2001), with re2's prefilter for patterns.
// Rules that share an access predicate are divided again by their next one, so that a popular predicate costs
// no walk (a BE-tree's descent, Sadoghi and Jacobsen, SIGMOD 2011). Before that, many rules are divided by
// the switches (`evt.is_open_write = true`) that a good part of them share; after it, what has no cover by
// the literals that most share. Such literals are asked one by one; the few rules that are left are judged.
//
// Above that stands the event's type: a condition is filed at the types at which its tests of evt.type can
// hold.
//
// Invariant: a condition that is not false of an event is at a node that the event reaches.
//
// Threads: not synchronized. Errors: none. Cost: about n log n in the literals; at most kCopies leaves a
//          condition on average. Memory: the same.
#pragma once

#include <bitset>
#include <optional>
#include <unordered_map>
#include <vector>

#include "compiler/uplan/user_plan.h"

namespace sluice::uplan {

class Indexer {
 public:
  struct Entry {
    Leaf leaf;
    const norm::Condition* condition = nullptr;
  };

  // Borrows the plan, to which it adds.
  explicit Indexer(UserPlan& plan);

  // Counts how often values are asked for: a popular one is no good access predicate. Best before the first
  // Add.
  void Count(const norm::Condition& condition);

  // The root of a tree over `entries`.
  uint32_t Add(const std::vector<Entry>& entries);
  // The roots by event type, and that of the rest.
  void AddByType(const std::vector<Entry>& entries, HookPlan& hook);

  // After the last Add.
  void Finish();

 private:
  struct Known {
    std::optional<Trigger> trigger;
    double frequency = 0;
  };
  struct Cover {
    double frequency = 0;
    std::vector<check::PredicateId> predicates;  // empty: none
  };
  struct Literal {
    check::PredicateId predicate = 0;
    bool negated = false;
    friend bool operator==(const Literal&, const Literal&) = default;
  };
  static constexpr size_t kMaxTypes = 512;
  using Types = std::bitset<kMaxTypes>;  // bit 0: no type, or one that is not known
  struct Parts;

  void Learn(check::PredicateId id);
  const Known& Know(check::PredicateId id);
  double FrequencyOf(const Trigger& trigger, const check::Predicate& predicate);
  Cover CoverOf(const norm::Condition& condition);
  bool IsAssumed(check::PredicateId predicate, bool negated) const;
  uint32_t Build(const std::vector<const Entry*>& entries);
  void Divide(std::vector<const Entry*> entries, Parts& parts);
  void DivideByShared(std::vector<const Entry*>& rest, size_t least, bool only_switches, Parts& parts);
  uint32_t Write(Parts& parts);
  Types TypesOf(const norm::Condition& condition);
  Types TypesOf(const check::Predicate& predicate, bool negated) const;

  UserPlan& plan_;
  std::unordered_map<uint64_t, uint32_t> popularity_;  // of a value or text of triggers, by hash
  std::vector<std::optional<Known>> known_;            // by PredicateId
  std::vector<bool> grouped_;                          // by PredicateId: in a group of some node
  std::vector<Literal> assumed_;                       // on the way down
  size_t copies_ = 0;                                  // leaves that may still be written
};

}  // namespace sluice::uplan
