#include "compiler/split/expand.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/split/condition.h"

namespace sluice::split {
namespace {

using norm::Condition;
using Clauses = std::vector<Clause>;

// The event types of which one must be there, when the disjunction says just that.
const std::vector<check::EventType>* TypesOf(const AnyOf& any_of) {
  if (any_of.lookup != SLUICE_LOOKUP_TYPE || any_of.tests.size() != 1) return nullptr;
  const Test& test = any_of.tests[0];
  return !test.complement && !test.negated ? &test.types.all() : nullptr;
}

void SortUnique(Kernel& kernel) {
  std::sort(kernel.begin(), kernel.end());
  kernel.erase(std::unique(kernel.begin(), kernel.end()), kernel.end());
}

constexpr size_t kMaxResidue = 1 << 18;  // literals in the residues of one conjunction's clauses together

size_t LiteralsOf(const Condition& condition) {
  size_t count = 0;
  ForEachLiteral(condition, [&count](const Condition&) { ++count; });
  return count;
}

class Expander {
 public:
  Expander(check::HookId hook, uint32_t max_clauses, Lowering& lowering, Interner& interner)
      : hook_(hook), max_clauses_(max_clauses), lowering_(lowering), interner_(interner) {}

  Clauses Expand(const Condition& condition) {
    switch (condition.kind) {
      case Condition::Kind::kTrue:
        return {Clause{{}, True()}};
      case Condition::Kind::kFalse:
        return {};
      case Condition::Kind::kLiteral: {
        const Lowered& lowered = lowering_.At(condition.predicate, hook_);
        if (lowered.kind == Lowered::Kind::kAlternatives)
          return Alternatives(condition.negated ? lowered.when_false : lowered.when_true);
        if (lowered.kind != Lowered::Kind::kTest) return {Clause{{}, condition}};
        return {Clause{{interner_.Literal(lowered, condition.negated)}, True()}};
      }
      case Condition::Kind::kAnd:
        return ExpandAnd(condition);
      case Condition::Kind::kOr:
        return ExpandOr(condition);
    }
    return {};
  }

  std::set<check::PredicateId> TakeOverBudget() { return std::move(over_budget_); }

 private:
  Clauses Alternatives(const Lowered::Alternatives& alternatives) {
    Clauses clauses;
    for (const std::vector<Lowered::Part>& conjunction : alternatives) {
      Kernel kernel;
      for (const Lowered::Part& part : conjunction)
        kernel.push_back(interner_.Intern({part.lookup, {part.test}}));
      SortUnique(kernel);
      clauses.push_back({std::move(kernel), True()});
    }
    return clauses;
  }

  // The clauses of the parts multiplied, smallest first; a part that would take them past the budget stays
  // whole in the residue, and the kernel keeps what it implies.
  Clauses ExpandAnd(const Condition& condition) {
    std::vector<std::pair<Clauses, const Condition*>> parts;
    Kernel kernel;
    std::vector<Condition> residue;
    const auto take = [&](Clause clause) {
      kernel.insert(kernel.end(), clause.kernel.begin(), clause.kernel.end());
      residue.push_back(std::move(clause.residue));
    };
    for (const Condition& child : condition.children) {
      Clauses clauses = Expand(child);
      if (clauses.empty()) return {};
      if (clauses.size() == 1) {
        take(std::move(clauses[0]));
      } else {
        parts.emplace_back(std::move(clauses), &child);
      }
    }
    std::stable_sort(parts.begin(), parts.end(),
                     [](const auto& a, const auto& b) { return a.first.size() < b.first.size(); });
    size_t size = 1, kept = 0;
    while (kept < parts.size() && size * parts[kept].first.size() <= max_clauses_)
      size *= parts[kept++].first.size();
    // Each clause carries the whole residue.
    size_t literals = 0;
    for (const Condition& part : residue) literals += LiteralsOf(part);
    for (size_t i = kept; i < parts.size(); ++i) literals += LiteralsOf(*parts[i].second);
    while (kept > 0 && size * literals > kMaxResidue) {
      size /= parts[--kept].first.size();
      literals += LiteralsOf(*parts[kept].second);
    }
    for (size_t i = kept; i < parts.size(); ++i) {
      LeaveOverBudget(*parts[i].second);
      take(WholeBehind(parts[i].first, *parts[i].second));
    }
    parts.resize(kept);
    SortUnique(kernel);
    Clauses product;
    if (!Contradicts(kernel)) product.push_back({std::move(kernel), All(std::move(residue))});
    for (const auto& [clauses, part] : parts) product = Product(product, clauses);
    return Unite(std::move(product));
  }

  Clauses Product(const Clauses& a, const Clauses& b) {
    Clauses product;
    for (const Clause& left : a) {
      for (const Clause& right : b) {
        Kernel kernel;
        std::set_union(left.kernel.begin(), left.kernel.end(), right.kernel.begin(), right.kernel.end(),
                       std::back_inserter(kernel));
        if (!Contradicts(kernel)) product.push_back({std::move(kernel), All({left.residue, right.residue})});
      }
    }
    return product;
  }

  // Tests of one lookup become one disjunction. When some branch has nothing for the kernel, the others
  // cannot filter either: the whole stays in the residue.
  Clauses ExpandOr(const Condition& condition) {
    Clauses clauses;
    std::map<uint32_t, AnyOf> by_lookup;
    for (const Condition& child : condition.children) {
      if (child.kind == Condition::Kind::kLiteral) {
        const Lowered& lowered = lowering_.At(child.predicate, hook_);
        if (lowered.kind == Lowered::Kind::kTest && !HasAtoms(lowered.lookup)) {
          AnyOf& any_of = by_lookup[lowered.lookup];
          any_of.lookup = lowered.lookup;
          any_of.tests.push_back(lowered.test);
          any_of.tests.back().negated = child.negated;
          continue;
        }
      }
      for (Clause& clause : Expand(child)) {
        if (clause.kernel.empty()) return {Clause{{}, condition}};
        clauses.push_back(std::move(clause));
      }
    }
    for (auto& [lookup, any_of] : by_lookup)
      clauses.push_back({{interner_.Intern(std::move(any_of))}, True()});
    clauses = Unite(std::move(clauses));
    if (clauses.size() <= max_clauses_) return clauses;
    LeaveOverBudget(condition);
    return {WholeBehind(clauses, condition)};
  }

  // Clauses with one kernel condition are one clause.
  static Clauses Unite(Clauses clauses) {
    std::map<Kernel, std::vector<Condition>> residues;
    for (Clause& clause : clauses) residues[clause.kernel].push_back(std::move(clause.residue));
    Clauses united;
    for (Clause& clause : clauses) {
      const auto found = residues.find(clause.kernel);
      if (found == residues.end()) continue;
      united.push_back({std::move(clause.kernel), Any(std::move(found->second))});
      residues.erase(found);
    }
    return united;
  }

  Clause WholeBehind(const Clauses& clauses, const Condition& whole) {
    std::vector<const Kernel*> kernels;
    for (const Clause& clause : clauses) kernels.push_back(&clause.kernel);
    return {Weaken(kernels, interner_), whole};
  }

  void LeaveOverBudget(const Condition& condition) {
    ForEachLiteral(condition, [&](const Condition& literal) {
      const Lowered::Kind kind = lowering_.At(literal.predicate, hook_).kind;
      if (kind == Lowered::Kind::kTest || kind == Lowered::Kind::kAlternatives)
        over_budget_.insert(literal.predicate);
    });
  }

  // Never true, because no event type is in all sets of types. Values that may be unknown are not looked at:
  // what cannot be had leaves a rule undecided, as everywhere.
  bool Contradicts(const Kernel& kernel) const {
    std::vector<check::EventType> common;
    bool first = true;
    for (const AnyOfId id : kernel) {
      const std::vector<check::EventType>* types = TypesOf(interner_[id]);
      if (types == nullptr) continue;
      std::vector<check::EventType> both;
      if (first) {
        both = *types;
      } else {
        std::set_intersection(common.begin(), common.end(), types->begin(), types->end(),
                              std::back_inserter(both));
      }
      first = false;
      if (both.empty()) return true;
      common = std::move(both);
    }
    return false;
  }

  const check::HookId hook_;
  const uint32_t max_clauses_;
  Lowering& lowering_;
  Interner& interner_;
  std::set<check::PredicateId> over_budget_;
};

}  // namespace

Kernel Weaken(const std::vector<const Kernel*>& kernels, Interner& interner) {
  Kernel common = *kernels[0];
  for (const Kernel* kernel : kernels) {
    Kernel both;
    std::set_intersection(common.begin(), common.end(), kernel->begin(), kernel->end(),
                          std::back_inserter(both));
    common = std::move(both);
  }
  std::set<uint32_t> settled;
  for (const AnyOfId id : common) settled.insert(interner[id].lookup);
  std::map<uint32_t, std::pair<size_t, AnyOf>>
      unions;  // by lookup: how many kernels ask, what any of them accepts
  for (const Kernel* kernel : kernels) {
    std::set<uint32_t> asked;
    for (const AnyOfId id : *kernel) {
      const AnyOf& any_of = interner[id];
      // Another combination of flags or atoms would cost a table of its own.
      const bool unites = any_of.lookup != SLUICE_LOOKUP_BITS && !HasAtoms(any_of.lookup);
      if (!unites || settled.count(any_of.lookup) != 0 || !asked.insert(any_of.lookup).second) continue;
      auto& [count, sum] = unions[any_of.lookup];
      ++count;
      sum.lookup = any_of.lookup;
      sum.tests.insert(sum.tests.end(), any_of.tests.begin(), any_of.tests.end());
    }
  }
  for (auto& [lookup, asked] : unions) {
    if (asked.first == kernels.size()) common.push_back(interner.Intern(std::move(asked.second)));
  }
  std::sort(common.begin(), common.end());
  return common;
}

Condition Specialise(const Condition& condition, check::HookId hook, Lowering& lowering) {
  if (condition.kind == Condition::Kind::kLiteral) {
    const Lowered::Kind kind = lowering.At(condition.predicate, hook).kind;
    if (kind == Lowered::Kind::kTrue) return condition.negated ? False() : True();
    if (kind == Lowered::Kind::kFalse) return condition.negated ? True() : False();
    return condition;
  }
  if (condition.children.empty()) return condition;
  const bool conjunction = condition.kind == Condition::Kind::kAnd;
  const Condition::Kind decides = conjunction ? Condition::Kind::kFalse : Condition::Kind::kTrue;
  std::vector<Condition> parts;
  parts.reserve(condition.children.size());
  for (const Condition& child : condition.children) {
    Condition part = Specialise(child, hook, lowering);
    if (part.kind == decides) return part;
    parts.push_back(std::move(part));
  }
  return conjunction ? All(std::move(parts)) : Any(std::move(parts));
}

Expansion Expand(const Condition& condition, check::HookId hook, uint32_t max_clauses, Lowering& lowering,
                 Interner& interner) {
  Expander expander(hook, max_clauses, lowering, interner);
  Expansion expansion;
  expansion.clauses = expander.Expand(condition);
  expansion.over_budget = expander.TakeOverBudget();
  return expansion;
}

}  // namespace sluice::split
