// Interning: one number per distinct disjunction, so that clauses are compared as short lists of numbers.
#include <algorithm>
#include <functional>
#include <utility>

#include "compiler/split/expand.h"

namespace sluice::split {
namespace {

void Mix(size_t& hash, size_t value) { hash ^= value + 0x9e3779b97f4a7c15ull + (hash << 6) + (hash >> 2); }

size_t HashOf(const AnyOf& any_of) {
  size_t hash = any_of.lookup;
  for (const Test& test : any_of.tests) {
    Mix(hash, test.by_file * 4 + test.complement * 2 + test.negated);
    Mix(hash, test.flags);
    Mix(hash, test.word);
    Mix(hash, test.atom ? *test.atom + 1 : 0);
    for (const std::string& text : test.strings) Mix(hash, std::hash<std::string>()(text));
    for (const auto& [first, last] : test.ranges) {
      Mix(hash, static_cast<size_t>(first));
      Mix(hash, static_cast<size_t>(last));
    }
    for (const check::EventType type : test.types) Mix(hash, type);
    for (const check::Net& net : test.nets) {
      Mix(hash, net.prefix);
      for (const uint8_t byte : net.address.bytes) Mix(hash, byte);
    }
  }
  return hash;
}

template <typename T>
void Unite(source::BoxedVector<T>& into, source::BoxedVector<T> more) {
  if (into.empty() && more.empty()) return;
  std::vector<T>& all = into.Edit();
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
}

// Flags and the process's numbers are always there, so that `not` and `!=` of them are one thing.
bool AlwaysPresent(uint32_t lookup) {
  return lookup >= SLUICE_LOOKUP_BITS && lookup < uint32_t{SLUICE_LOOKUP_INT} + SLUICE_INT_ARG;
}

void Canonicalise(AnyOf& any_of) {
  std::vector<Test> tests;
  Test* positive = nullptr;
  tests.reserve(any_of.tests.size());  // `positive` stays valid
  for (Test& test : any_of.tests) {
    if (AlwaysPresent(any_of.lookup) && test.negated) {
      test.negated = false;
      test.complement = !test.complement;
    }
    // One set instead of several. Flags and atoms stay apart: each distinct one costs a table of its own.
    const bool unites = !test.complement && !test.negated && test.flags == 0 && !test.atom;
    if (unites && positive != nullptr) {
      Unite(positive->strings, std::move(test.strings));
      Unite(positive->types, std::move(test.types));
      Unite(positive->nets, std::move(test.nets));
      Ranges ranges = positive->ranges;
      ranges.insert(ranges.end(), test.ranges.begin(), test.ranges.end());
      positive->ranges = JoinRanges(std::move(ranges));
      continue;
    }
    tests.push_back(std::move(test));
    if (unites) positive = &tests.back();
  }
  std::sort(tests.begin(), tests.end());
  tests.erase(std::unique(tests.begin(), tests.end()), tests.end());
  any_of.tests = std::move(tests);
}

}  // namespace

AnyOfId Interner::Intern(AnyOf any_of) {
  Canonicalise(any_of);
  const size_t hash = HashOf(any_of);
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (all_[it->second] == any_of) return it->second;
  }
  const auto id = static_cast<AnyOfId>(all_.size());
  all_.push_back(std::move(any_of));
  by_hash_.emplace(hash, id);
  return id;
}

AnyOfId Interner::Literal(const Lowered& lowered, bool negated) {
  const auto known = literals_[negated].find(&lowered);
  if (known != literals_[negated].end()) return known->second;
  AnyOf any_of{lowered.lookup, {lowered.test}};
  any_of.tests[0].negated = negated;
  const AnyOfId id = Intern(std::move(any_of));
  literals_[negated].emplace(&lowered, id);
  return id;
}

}  // namespace sluice::split
