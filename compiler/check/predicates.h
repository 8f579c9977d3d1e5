// check/predicates.h - checks -> interned predicates. Private to check/.
//
// Two look-ups make it fast for many rules: the words of a check as written (no parsing on a hit), and the
// finished predicate (equal however it was written).
//
// Threads: none shared. Memory: the table grows with distinct predicates. Errors: E201 to E210 and E211 diagnostics.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/check/checked.h"
#include "compiler/check/names.h"

namespace sluice::check {

// Of all regular expressions together, as RE2 compiles them; each takes about 60 bytes.
inline constexpr uint64_t kMaxRegexInstructions = 2'000'000;

class PredicateTable {
 public:
  PredicateTable(Names& names, diag::Diagnostics& diagnostics) : names_(names), diagnostics_(&diagnostics) {}

  void ReportTo(diag::Diagnostics& diagnostics) { diagnostics_ = &diagnostics; }  // from now on

  // From now on tests of `evt.type.is.NAME` stay what they are: an event that is written may have the field itself.
  void KeepTypeTests() { keeps_type_tests_ = true; }

  // What a check asks; kFalse for a test against nothing (`in ()`). Nothing after an error.
  std::optional<Condition> Build(const ast::Check& check, source::Span span);

  const Predicate& at(PredicateId id) const { return predicates_[id]; }
  size_t size() const { return predicates_.size(); }

  // Where a condition compares something with a set, that is with the target of some rule's `then`.
  struct SetUse {
    std::string set;
    Term left;
    source::Span span;
  };
  const std::vector<SetUse>& set_uses() const { return set_uses_; }

  // A word between others that is taken for a text and looks like a list's name, or is a macro's.
  struct Doubtful {
    ast::Word word;
    ast::Word meant;  // the list's or macro's name, where it is declared
    bool is_macro = false;
  };
  const std::vector<Doubtful>& doubtful(PredicateId id) const;

  // Moves the used predicates out, in the order of first use by `rules`, and renumbers them there.
  void MoveInto(CheckedRules& result);

 private:
  bool Resolve(const ast::Check& check, Predicate& predicate);
  bool ResolveLeft(const ast::Check& check, Predicate& predicate);
  bool ResolveRight(const ast::Check& check, Predicate& predicate);
  bool ResolveValues(const ast::Check& check, Predicate& predicate);
  bool ExpandWords(const ast::Check& check, bool list, ListItems& words);
  bool ChargeRegex(uint64_t size, const ast::Word& word);
  void Doubt(const ast::Word& word);
  bool CheckEventType(const ast::Word& word, const ast::Check& check, const FieldUse& use);
  bool ReportValue(const ast::Check& check, const Predicate& predicate, const ast::Word& word,
                   std::string message, std::string help);
  std::optional<Condition> AsEventType(const Predicate& predicate, source::Span span);
  PredicateId Intern(Predicate predicate, source::Span span);

  Names& names_;
  diag::Diagnostics* diagnostics_;
  uint64_t regex_size_ = 0;  // of all so far
  bool keeps_type_tests_ = false;
  std::vector<Predicate> predicates_;
  std::vector<source::Span> first_at_;
  std::vector<SetUse> set_uses_;
  std::vector<Doubtful> doubtful_;  // of the predicate in hand
  std::unordered_map<PredicateId, std::vector<Doubtful>> doubtful_of_;
  size_t names_compared_ = 0;  // for doubt's sake
  std::unordered_map<std::string, PredicateId> by_words_;
  std::unordered_multimap<uint64_t, PredicateId> by_hash_;
};

}  // namespace sluice::check
