#include "runtime/eval/shortcut.h"

namespace sluice::eval {
namespace {

using ast::Op;
using check::Shape;
using check::Type;

bool IsText(Type type) { return type == Type::kString || type == Type::kPath || type == Type::kBytes; }

bool ComparesOneNumber(const check::Predicate& predicate) {
  const Type type = predicate.left.type;
  const bool is_number =
      !IsText(type) && type != Type::kAddress && type != Type::kNet && type != Type::kDouble;
  return is_number && predicate.op == Op::kEq && predicate.values.size() == 1 &&
         predicate.quantifier == ast::Quantifier::kNone && predicate.right.empty() &&
         predicate.left.shape == Shape::kScalar;
}

Shortcut::Kind KindOf(const check::Predicate& predicate) {
  switch (predicate.op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      if (!IsText(predicate.left.type)) return Shortcut::Kind::kNone;
      return predicate.left.shape == Shape::kScalar ? Shortcut::Kind::kText : Shortcut::Kind::kAnyText;
    case Op::kGlob:
    case Op::kIGlob:
    case Op::kRegex:
    case Op::kPmatch:
      return Shortcut::Kind::kPattern;
    default:
      return Shortcut::Kind::kSearch;
  }
}

}  // namespace

std::vector<Shortcut> Shortcuts(const uplan::UserPlan& plan) {
  const std::vector<check::Predicate>& predicates = plan.checked.predicates;
  std::vector<Shortcut> tests(predicates.size());
  for (check::PredicateId id = 0; id < predicates.size(); ++id) {
    Shortcut& test = tests[id];
    test.slot = plan.left_slot[id];
    test.marks = plan.index.marks_of[id];
    if (ComparesOneNumber(predicates[id])) {
      test.kind = Shortcut::Kind::kNumber;
      test.number = predicates[id].values[0].number;
    } else if (test.marks.begin != test.marks.end) {
      test.kind = KindOf(predicates[id]);
    }
  }
  return tests;
}

}  // namespace sluice::eval
