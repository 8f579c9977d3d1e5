// split/partition.h - what the kernel decides, what is left for user space, and why.
//
// For each hook at which a rule can be true, its condition is specialised (fields that the hook does not
// supply are absent there), and expanded into clauses: kernel tests AND a residue. The kernel tests of all
// clauses of a hook are interned: one *bit* is one distinct kernel condition. (A mitigation's bits are its own, for each
// has its own mode, scope and fuse.) The kernel condition of a
// clause is a necessary condition for the clause: law 1. It is a type of its own without negation above the
// tests, so that an unsound state is hard to write (as re2's prefilter).
//
// Invariant: at hook H, rule R is true of an event  <=>  some entry e of H with e.rule = R has every test of
// bits[e.bit] true and e.residue true (or, where e.judge_whole, the rule's whole condition true).
//
// Threads: passive data. Memory: self-contained.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/norm/normal.h"

namespace sluice::split {

// A set of values of one lookup. member(v) is what `set` says; a test is
//   truth(v) = negated XOR (present(v) AND (complement XOR member(v))).
// An unknown v has no truth: the clause is undecided.
struct Test {
  bool complement = false;                   // `!=`
  bool negated = false;                      // `not`
  source::BoxedVector<std::string> strings;  // exact values, prefixes ("P\0" = exactly P), suffixes, or texts
                                             // one of which is in the value
  source::BoxedVector<std::pair<int64_t, int64_t>> ranges;  // integers, inclusive, sorted, disjoint
  source::BoxedVector<check::EventType> types;              // evt.type
  uint64_t flags = 0;                    // member: any of these bits is set in the flags word
  uint32_t word = SLUICE_WORD_EVENT;     // which flags word
  source::BoxedVector<check::Net> nets;  // ends of a connection: member: one of them holds the address
  std::optional<uint32_t> atom;          // lineage: index into Partition::atoms; member: the bit is set
  bool by_file = false;  // of a mitigation: asked of every known name of the file, see sluice_file
  friend bool operator==(const Test&, const Test&) = default;
  friend auto operator<=>(const Test&, const Test&) = default;
};

// A disjunction of tests of one lookup (enum sluice_lookup + subject and mode): any truth table over a
// lookup's entries costs the same, so an OR within a lookup needs no further clause.
struct AnyOf {
  uint32_t lookup = 0;
  std::vector<Test> tests;  // one or more, sorted
  friend bool operator==(const AnyOf&, const AnyOf&) = default;
  friend auto operator<=>(const AnyOf&, const AnyOf&) = default;
};

// A conjunction, sorted; empty: every event of the hook.
using KernelCondition = std::vector<AnyOf>;

struct Entry {
  check::RuleId rule = 0;
  uint32_t bit = 0;
  norm::Condition residue;  // kTrue: nothing is left
  bool judge_whole =
      false;  // the kernel condition was weakened: evaluate the rule's whole condition at this hook
  bool wants_result = false;   // condition or output ask what only the call's return tells
  bool sees_failures = false;  // may be true of a call that failed before it came to the hook
};

// A test of a variable in a new image's environment: a bit of SLUICE_HOOK_BPRM_COMMITTED's flags, set when one of
// the strings stands in it, or one that starts with a prefix. NAME= alone counts as not there.
struct VariableTest {
  std::string name;
  std::vector<std::string> exact, prefixes;  // NAME=VALUE
  friend bool operator==(const VariableTest&, const VariableTest&) = default;
};

struct HookPartition {
  check::HookId hook = 0;
  std::vector<KernelCondition>
      bits;                    // by bit; at most SLUICE_CLAUSES; those with the same lookups are adjacent
  std::vector<Entry> entries;  // sorted by bit
  std::vector<std::pair<check::RuleId, norm::Condition>>
      whole;  // each rule's condition specialised to this hook
};

// Where a predicate of a rule is decided at a hook, and why not in the kernel (an N3xx code, or none).
struct Decision {
  check::RuleId rule = 0;
  check::HookId hook = 0;
  check::PredicateId predicate = 0;
  enum class Where : uint8_t { kKernel, kUser, kConstantTrue, kConstantFalse } where = Where::kUser;
  std::optional<diag::Code> code;
  std::string reason;  // "`contains` has no kernel table", ...; "" in the kernel
  std::string how;     // in the kernel: "prefix table of fd.name", "lineage bit 3, any ancestor", ...
};

struct Partition {
  norm::NormalRules normal;
  std::vector<HookPartition> hooks;     // SLUICE_HOOK_IMAGE first when there are atoms, then by hook id
  std::vector<KernelCondition> atoms;   // image conditions: over NAME and EXEPATH lookups only
  std::vector<VariableTest> variables;  // by bit
  std::vector<Decision> decisions;      // by rule, hook, predicate; for `explain`
};

struct Budget {
  uint32_t clauses_per_rule =
      64;  // at one hook; past it conjuncts are left to user space (a mitigation: E302)
  uint32_t clauses_per_hook = SLUICE_CLAUSES;
  uint32_t atoms = SLUICE_ATOMS;
  uint32_t texts = SLUICE_ATOMS;  // different sets of texts that `contains` asks
  bool tells_decisions = true;    // else Partition::decisions stays empty: it is the largest part
};

Partition Split(norm::NormalRules normal, const Budget& budget, diag::Diagnostics& diagnostics);
std::string Print(const Partition& partition);  // --emit split
// Whether a value has a class per atom, so that no disjunction may join two of them.
constexpr bool HasAtoms(uint32_t lookup) {
  return (lookup >= SLUICE_LOOKUP_LINEAGE && lookup < SLUICE_LOOKUP_NET) ||
         (lookup >= SLUICE_LOOKUP_STRING &&
          (lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES == SLUICE_MODE_CONTAINS);
}
std::string LookupName(uint32_t lookup);  // "type", "flags", "user.uid", "path/prefix", "ancestors/any", ...

}  // namespace sluice::split
