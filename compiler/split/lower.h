// split/lower.h - one predicate at one hook: a kernel test, a constant, or a reason why user space must ask
// it.
//
// The subjects that the kernel knows stand in two tables: what a hook itself brings in check/operands.def,
// the process and the type in kSubjects (lower.cc); each kind has one function (lower_operand.cc, lower.cc).
//
// Threads: not synchronized. Memory: one Lowered per distinct test that was asked for, kept until
//          destruction.
// Errors:  none; what does not fit a kernel table is kUser with the code that says why.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/split/partition.h"

namespace sluice::split {

using Ranges = std::vector<std::pair<int64_t, int64_t>>;
// Sorted, disjoint, neighbours joined.
Ranges JoinRanges(Ranges ranges);

struct Lowered {
  enum class Kind : uint8_t { kTrue, kFalse, kTest, kAlternatives, kUser } kind = Kind::kUser;
  struct Part {
    uint32_t lookup = 0;
    Test test;
    friend bool operator==(const Part&, const Part&) = default;
  };
  using Alternatives = std::vector<std::vector<Part>>;
  uint32_t lookup = 0;  // kTest
  Test test;            // kTest: of the predicate as it stands, not negated
  source::BoxedVector<std::vector<Part>> when_true,
      when_false;  // kAlternatives: a disjunction of conjunctions, of the predicate and its negation
  std::optional<diag::Code> code;  // kUser
  std::string reason;              // a constant, kUser: why
  std::string how;                 // kTest: which table; empty unless decisions are told
  std::string help;                // kUser: what the kernel could decide instead; may be empty
  friend bool operator==(const Lowered&, const Lowered&) = default;
};

// A number for some of many ids: room for sixteen neighbours at a time.
class PagedIds {
 public:
  uint32_t& operator[](uint32_t id) {
    if (id / kPage >= pages_.size()) pages_.resize(id / kPage + 1);
    std::unique_ptr<Page>& page = pages_[id / kPage];
    if (page == nullptr) page = std::make_unique<Page>();
    return (*page)[id % kPage];
  }

 private:
  static constexpr uint32_t kPage = 16;
  using Page = std::array<uint32_t, kPage>;
  std::vector<std::unique_ptr<Page>> pages_;
};

class Lowering {
 public:
  // Borrows `rules`.
  Lowering(const check::CheckedRules& rules, const Budget& budget);

  // For whom At() lowers from here on: a mitigation is decided at the hook, before the call returns.
  void For(bool mitigation) { mitigation_ = mitigation; }

  // Borrowed until destruction. Scarce tables (lineage atoms, flag tests) go to whoever asks first.
  const Lowered& At(check::PredicateId predicate, check::HookId hook);

  // Frees what At() has made. REQUIRES: it is not called again.
  void Forget();

  // Image conditions in the order in which lineage tests asked for them.
  const std::vector<KernelCondition>& atoms() const { return atoms_; }
  const std::vector<VariableTest>& variables() const { return variables_; }

 private:
  Lowered Lower(const check::Predicate& predicate, check::HookId hook);
  Lowered LowerSubject(const check::Predicate& predicate, check::HookId hook);
  Lowered LowerLineage(const check::Predicate& predicate, uint32_t string, uint32_t level);
  uint32_t Keep(Lowered lowered, check::PredicateId predicate);
  Lowered LowerVariable(const check::Predicate& predicate);
  void ReserveMask(Lowered& lowered, check::HookId hook);
  void ReserveTexts(Lowered& lowered);

  const check::CheckedRules& rules_;
  const Budget budget_;
  std::deque<Lowered> all_;
  bool mitigation_ = false;
  // By PredicateId: index into all_ + 1. Of mitigations last; a predicate is asked at few hooks.
  std::array<PagedIds, size_t{2} * SLUICE_HOOKS> known_;
  std::vector<uint32_t> latest_;  // by PredicateId: what was kept of it last, likewise
  std::map<std::tuple<Lowered::Kind, std::optional<diag::Code>, std::string, std::string, std::string>,
           uint32_t>
      plain_;  // constants and what is left to user space, each once: index into all_
  std::vector<KernelCondition> atoms_;
  std::map<KernelCondition, uint32_t> atom_ids_;
  std::vector<VariableTest> variables_;
  std::set<std::vector<std::string>> texts_;  // of `contains`
  size_t text_bytes_ = 0;                     // of all of them: the automaton has at most one state more
  std::array<std::set<std::pair<uint32_t, uint64_t>>, SLUICE_HOOKS> masks_;  // word, bits
};

}  // namespace sluice::split
