// kplan/truth.h - the truth of all clauses of a hook at any value of one lookup.
//
// Tests and disjunctions are interned, so a set of 100,000 values that a thousand clauses share is walked
// once. A value is described by its *members*: the distinct tests whose set holds it. Values with the same
// members have one class.
//
// Threads: not synchronized. Memory: borrows the tests. Errors: none.
// Cost:    At() is proportional to the clauses whose truth the members change, not to all clauses.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/kplan/groups.h"
#include "compiler/kplan/kernel_plan.h"

namespace sluice::kplan {

using TestId = uint32_t;
using Members = std::vector<TestId>;  // sorted, without duplicates

// One conjunct of one clause.
struct Use {
  uint32_t clause = 0;
  const split::AnyOf* any_of = nullptr;
};

// The summary is left to ClassTable.
inline void Insert(sluice_set& set, uint32_t clause) { set.words[clause / 64] |= 1ull << (clause % 64); }
inline bool Contains(const sluice_set& set, uint32_t clause) {
  return (set.words[clause / 64] >> (clause % 64) & 1) != 0;
}

class Truth {
 public:
  // The conjuncts of one lookup, for a hook with clauses 0 .. clauses-1. REQUIRES: `uses` is sorted by
  // clause.
  Truth(const std::vector<Use>& uses, uint32_t clauses);

  const std::vector<const split::Test*>& tests() const { return tests_; }

  // The clauses that a present value with these members satisfies.
  sluice_set At(const Members& members);
  sluice_set Absent() const;
  // The clauses that ask.
  const sluice_set& users() const { return users_; }
  // Those of them that ask every known name of a file.
  const sluice_set& by_file() const { return by_file_; }

 private:
  struct Disjunction {
    Members tests;
    std::vector<uint32_t> clauses;
    uint32_t true_tests = 0;
  };

  TestId Intern(const split::Test& test);
  void Flip(TestId test, bool member);
  void Settle(uint32_t clause, bool now_true);

  std::vector<const split::Test*> tests_;
  std::unordered_multimap<size_t, TestId> test_by_hash_;
  std::vector<std::vector<uint32_t>> disjunctions_of_;  // by TestId
  std::vector<Disjunction> disjunctions_;
  std::vector<uint32_t> false_conjuncts_;  // by clause
  sluice_set now_{};
  sluice_set users_{}, by_file_{};
};

// Sets to class ids, with their summaries. Class 0 is the empty set.
class ClassTable {
 public:
  explicit ClassTable(std::vector<sluice_set>& classes);
  // The groups of the hook whose sets come next.
  void Use(Groups groups) { groups_ = std::move(groups); }
  uint32_t Intern(sluice_set set);

 private:
  Groups groups_;
  std::vector<sluice_set>& classes_;
  std::unordered_multimap<size_t, uint32_t> by_hash_;
};

// One class per distinct members of a lookup.
class MemberClasses {
 public:
  MemberClasses(Truth& truth, ClassTable& classes) : truth_(truth), classes_(classes) {}
  uint32_t Of(const Members& members);

 private:
  Truth& truth_;
  ClassTable& classes_;
  std::map<Members, uint32_t> known_;
};

}  // namespace sluice::kplan
