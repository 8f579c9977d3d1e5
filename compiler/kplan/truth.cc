#include "compiler/kplan/truth.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace sluice::kplan {
namespace {

void Mix(size_t& hash, size_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15ull + (hash >> 29); }

size_t HashOf(const split::Test& test) {
  size_t hash = test.by_file * 4 + test.complement * 2 + test.negated;
  // A sample: equal hashes are compared in full, and a large set is usually the same set.
  const size_t step = test.strings.size() / 16 + 1;
  Mix(hash, test.strings.size());
  for (size_t at = 0; at < test.strings.size(); at += step)
    Mix(hash, std::hash<std::string>{}(test.strings[at]));
  for (const auto& [first, last] : test.ranges) {
    Mix(hash, static_cast<size_t>(first));
    Mix(hash, static_cast<size_t>(last));
  }
  for (check::EventType type : test.types) Mix(hash, type);
  Mix(hash, test.flags);
  Mix(hash, test.atom ? *test.atom + 1 : 0);
  return hash;
}

// The truth of a test for a present value that is not in its set; a member has the opposite.
bool DefaultTruth(const split::Test& test) { return test.negated != test.complement; }

}  // namespace

Truth::Truth(const std::vector<Use>& uses, uint32_t clauses) : false_conjuncts_(clauses, 0) {
  for (uint32_t clause = 0; clause < clauses; ++clause) Insert(now_, clause);
  std::map<Members, uint32_t> disjunction_by_tests;
  for (const Use& use : uses) {
    Members ids;
    for (const split::Test& test : use.any_of->tests) ids.push_back(Intern(test));
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    auto [place, fresh] = disjunction_by_tests.emplace(ids, static_cast<uint32_t>(disjunctions_.size()));
    if (fresh) {
      Disjunction& made = disjunctions_.emplace_back();
      made.tests = ids;
      for (TestId id : ids) {
        disjunctions_of_[id].push_back(place->second);
        made.true_tests += DefaultTruth(*tests_[id]);
      }
    }
    Disjunction& disjunction = disjunctions_[place->second];
    const bool repeated = !disjunction.clauses.empty() && disjunction.clauses.back() == use.clause;
    if (repeated) continue;
    disjunction.clauses.push_back(use.clause);
    Insert(users_, use.clause);
    const auto& tests = use.any_of->tests;
    if (std::any_of(tests.begin(), tests.end(), [](const split::Test& test) { return test.by_file; }))
      Insert(by_file_, use.clause);
    if (disjunction.true_tests == 0) Settle(use.clause, false);
  }
}

TestId Truth::Intern(const split::Test& test) {
  const size_t hash = HashOf(test);
  auto [begin, end] = test_by_hash_.equal_range(hash);
  for (auto known = begin; known != end; ++known) {
    if (*tests_[known->second] == test) return known->second;
  }
  const TestId id = static_cast<TestId>(tests_.size());
  tests_.push_back(&test);
  disjunctions_of_.emplace_back();
  test_by_hash_.emplace(hash, id);
  return id;
}

void Truth::Settle(uint32_t clause, bool now_true) {
  const uint64_t bit = 1ull << (clause % 64);
  if (now_true) {
    if (--false_conjuncts_[clause] == 0) now_.words[clause / 64] |= bit;
  } else {
    if (false_conjuncts_[clause]++ == 0) now_.words[clause / 64] &= ~bit;
  }
}

void Truth::Flip(TestId test, bool member) {
  const bool becomes_true = member != DefaultTruth(*tests_[test]);
  for (uint32_t index : disjunctions_of_[test]) {
    Disjunction& disjunction = disjunctions_[index];
    const bool before = disjunction.true_tests > 0;
    disjunction.true_tests += becomes_true ? 1 : -1;
    const bool after = disjunction.true_tests > 0;
    if (before == after) continue;
    for (uint32_t clause : disjunction.clauses) Settle(clause, after);
  }
}

sluice_set Truth::At(const Members& members) {
  for (TestId test : members) Flip(test, true);
  sluice_set set = now_;
  for (TestId test : members) Flip(test, false);
  return set;
}

sluice_set Truth::Absent() const {
  sluice_set set{};
  for (uint32_t clause = 0; clause < false_conjuncts_.size(); ++clause) Insert(set, clause);
  for (const Disjunction& disjunction : disjunctions_) {
    const bool holds = std::any_of(disjunction.tests.begin(), disjunction.tests.end(),
                                   [this](TestId id) { return tests_[id]->negated; });
    if (holds) continue;
    for (uint32_t clause : disjunction.clauses) set.words[clause / 64] &= ~(1ull << (clause % 64));
  }
  return set;
}

ClassTable::ClassTable(std::vector<sluice_set>& classes) : classes_(classes) { Intern(sluice_set{}); }

uint32_t ClassTable::Intern(sluice_set set) {
  set.summary = groups_.SummaryOf(set);
  size_t hash = set.summary;
  for (uint64_t word : set.words) Mix(hash, word);
  auto [begin, end] = by_hash_.equal_range(hash);
  for (auto known = begin; known != end; ++known) {
    const sluice_set& other = classes_[known->second];
    if (other.summary != set.summary) continue;  // the same clauses of another hook, in other groups
    if (std::equal(std::begin(set.words), std::end(set.words), std::begin(other.words))) return known->second;
  }
  const uint32_t id = static_cast<uint32_t>(classes_.size());
  classes_.push_back(set);
  by_hash_.emplace(hash, id);
  return id;
}

uint32_t MemberClasses::Of(const Members& members) {
  auto known = known_.find(members);
  if (known != known_.end()) return known->second;
  const uint32_t id = classes_.Intern(truth_.At(members));
  known_.emplace(members, id);
  return id;
}

}  // namespace sluice::kplan
