#include "compiler/norm/canonical.h"

#include <algorithm>
#include <tuple>

namespace sluice::norm {
namespace {

using check::Predicate;
using check::PredicateId;
using check::Value;

constexpr PredicateId kNone = 0xffffffff;
constexpr size_t kHeldOnce = 1000;  // values from which a second copy is not worth its memory

bool ValueBefore(const Value& a, const Value& b) {
  return std::tie(a.number, a.real, a.text, a.net) < std::tie(b.number, b.real, b.text, b.net);
}

// The author's text of an address or net is not part of the question.
bool SameValue(const Value& a, const Value& b) {
  return a.number == b.number && a.real == b.real && a.net == b.net && a.text == b.text;
}

void MakeCanonical(Predicate& predicate) {
  if (!IsMembership(predicate)) return;
  predicate.quantifier = ast::Quantifier::kNone;
  std::sort(predicate.values.begin(), predicate.values.end(), ValueBefore);
  predicate.values.erase(std::unique(predicate.values.begin(), predicate.values.end(), SameValue),
                         predicate.values.end());
  const bool list = predicate.left.shape == check::Shape::kList;
  predicate.op = list ? ast::Op::kIntersects : predicate.values.size() == 1 ? ast::Op::kEq : ast::Op::kIn;
}

bool IsCanonical(const Predicate& predicate) {
  if (!IsMembership(predicate)) return true;
  if (predicate.quantifier != ast::Quantifier::kNone) return false;
  const bool list = predicate.left.shape == check::Shape::kList;
  if (!list && predicate.op == ast::Op::kIntersects) return false;
  if (!list && predicate.op == ast::Op::kIn && predicate.values.size() == 1) return false;
  return std::is_sorted(predicate.values.begin(), predicate.values.end(), ValueBefore);
}

}  // namespace

bool IsMembership(const Predicate& predicate) {
  if (!predicate.right.empty() || predicate.values.empty()) return false;
  const bool plain = predicate.quantifier == ast::Quantifier::kNone;
  // A list field is `in` when all its values are: no union.
  if (predicate.left.shape == check::Shape::kList) return plain && predicate.op == ast::Op::kIntersects;
  if (predicate.op == ast::Op::kEq) return plain || predicate.quantifier == ast::Quantifier::kAnyOf;
  return plain && (predicate.op == ast::Op::kIn || predicate.op == ast::Op::kIntersects);
}

CanonicalPredicates::CanonicalPredicates(std::vector<Predicate>& predicates, bool replaces)
    : predicates_(predicates),
      replaces_(replaces),
      canonical_(predicates.size(), kNone),
      made_(predicates.size()) {
  by_hash_.reserve(predicates.size());
  for (PredicateId id = 0; id < predicates.size(); ++id) by_hash_.emplace(check::HashOf(predicates[id]), id);
}

PredicateId CanonicalPredicates::Canonical(PredicateId id) {
  if (id >= canonical_.size()) return id;  // appended here, hence canonical
  if (canonical_[id] != kNone) return canonical_[id];
  if (IsCanonical(predicates_[id])) return canonical_[id] = id;
  const bool large = predicates_[id].values.size() >= kHeldOnce;
  if (!replaces_ && !large) {
    Predicate copy = predicates_[id];
    MakeCanonical(copy);
    const PredicateId made = Intern(std::move(copy));
    return canonical_[id] = made;
  }
  Predicate canonical = std::move(predicates_[id]);
  MakeCanonical(canonical);
  const uint64_t hash = check::HashOf(canonical);
  const PredicateId known = Find(canonical, hash);
  if (known != kNone && replaces_) {  // nobody asks this one any more
    predicates_[id] = {.left = std::move(canonical.left), .op = ast::Op::kExists, .values = {}, .right = {}};
  } else {
    predicates_[id] = std::move(canonical);
  }
  if (known != kNone) return canonical_[id] = known;
  if (!large) made_[id] = ++made_count_;
  by_hash_.emplace(hash, id);
  return canonical_[id] = id;
}

PredicateId CanonicalPredicates::Union(const std::vector<PredicateId>& ids) {
  Predicate all = predicates_[ids[0]];
  for (size_t i = 1; i < ids.size(); ++i) {
    const std::vector<Value>& more = predicates_[ids[i]].values;
    all.values.insert(all.values.end(), more.begin(), more.end());
  }
  MakeCanonical(all);
  return Intern(std::move(all));
}

bool CanonicalPredicates::Before(PredicateId a, PredicateId b) const {
  const Predicate &x = predicates_[a], &y = predicates_[b];
  return std::tuple(x.left.kind, x.left.field.field, x.op, made_[a], a) <
         std::tuple(y.left.kind, y.left.field.field, y.op, made_[b], b);
}

PredicateId CanonicalPredicates::Find(const Predicate& predicate, uint64_t hash) const {
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto known = begin; known != end; ++known) {
    if (predicates_[known->second] == predicate) return known->second;
  }
  return kNone;
}

PredicateId CanonicalPredicates::Intern(Predicate predicate) {
  const uint64_t hash = check::HashOf(predicate);
  const PredicateId known = Find(predicate, hash);
  if (known != kNone) return known;
  const auto id = static_cast<PredicateId>(predicates_.size());
  predicates_.push_back(std::move(predicate));
  made_.push_back(++made_count_);
  by_hash_.emplace(hash, id);
  return id;
}

}  // namespace sluice::norm
