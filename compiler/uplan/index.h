// uplan/index.h - conditions -> a tree that finds those which an event may make true. Private to uplan/.
//
// Each condition has *covers*: sets of positive predicates with marks, one of which must hold for the
// condition to hold. A literal covers itself; an `and` is covered by any child's cover, an `or` by the union
// of its children's. A condition is filed under the marks of the cover that events are least likely to meet:
// the access predicate of publish/subscribe systems (Fabret et al., SIGMOD 2001), with re2's prefilter for
// patterns. Conditions that share a mark are divided again by their next cover, and so on: a popular value
// leads to the few rules that ask for it together with another value which the event has (a BE-tree's
// descent, Sadoghi and Jacobsen, SIGMOD 2011). A list that several conditions share is one node behind all
// its marks, and leaves alone are one node wherever they stand. A slot that is dear to look at is not looked at for a few conditions that another one's marks
// find nearly as well. Before that, many conditions are divided by the switches (`evt.is_open_write = true`) that a good
// part of them share; after it, what has no cover by the literals that most share. Such literals are asked one
// by one; the few conditions that are left are judged.
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
#include <unordered_map>
#include <vector>

#include "compiler/uplan/marks.h"
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

  // Learns what predicates look for and, where it is a whole rule's, how often: a popular one is no good access
  // predicate. REQUIRES: every condition is counted before the first Add, every rule's once as such.
  void Count(const norm::Condition& condition, bool is_rule);

  // The root of a tree over `entries`.
  uint32_t Add(const std::vector<Entry>& entries);
  // The roots by event type, and that of the rest.
  void AddByType(const std::vector<Entry>& entries, HookPlan& hook);

 private:
  struct Cover {
    double frequency = Marks::kNever;
    std::vector<check::PredicateId> predicates;  // empty: none
  };
  // What is known of an event at a node.
  struct Assumed {
    enum class Kind : uint8_t { kMark, kTrue, kFalse } kind = Kind::kMark;
    uint32_t id = 0;  // of the mark, or of the predicate that holds or does not
    friend bool operator==(const Assumed&, const Assumed&) = default;
  };
  static constexpr size_t kMaxTypes = 512;
  using Types = std::bitset<kMaxTypes>;  // bit 0: no type, or one that is not known
  using Entries = std::vector<const Entry*>;
  struct Parts;

  Cover CoverOf(const norm::Condition& condition);
  bool IsAssumed(check::PredicateId predicate, bool negated) const;
  bool IsSpent(check::PredicateId predicate) const;
  uint32_t Build(const Entries& entries);
  uint32_t BuildUnder(Assumed assumed, const Entries& entries);
  void LookAt(SlotId slot);
  void SpareSlots(const Entries& entries, std::vector<Cover>& covers);
  bool SpareSlot(SlotId spared, std::vector<bool>& free, const Entries& entries, std::vector<Cover>& covers);
  std::vector<SlotId> SlotsOf(const Cover& cover) const;
  void Divide(Entries entries, Parts& parts);
  void DivideByCover(Entries& entries, Parts& parts);
  void DivideByShared(Entries& rest, size_t least, bool only_switches, Parts& parts);
  uint32_t Write(Parts& parts);
  uint32_t WriteLeaves(const std::vector<Leaf>& leaves);
  Types TypesOf(const norm::Condition& condition);
  Types TypesOf(const check::Predicate& predicate, bool negated) const;

  UserPlan& plan_;
  Marks marks_;
  std::vector<Assumed> assumed_;                          // on the way down
  std::vector<SlotId> looked_at_;                         // likewise
  std::vector<bool> spared_;                              // by SlotId: no cover shall need it
  size_t copies_ = 0;                                     // leaves that may still be written
  std::unordered_multimap<size_t, uint32_t> leaf_nodes_;  // nodes without branches, by what is in them
};

}  // namespace sluice::uplan
