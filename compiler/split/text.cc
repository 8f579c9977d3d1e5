#include "compiler/split/text.h"

#include <fnmatch.h>
#include <string.h>

#include <algorithm>

namespace sluice::split {
namespace {

using ast::Op;
using ast::Quantifier;

bool Holds(Op op, const std::string& left, const std::string& right) {
  switch (op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      return left == right;
    case Op::kNe:
      return left != right;
    case Op::kContains:
      return left.find(right) != std::string::npos;
    case Op::kIContains:
      return strcasestr(left.c_str(), right.c_str()) != nullptr;
    case Op::kStartsWith:
      return left.compare(0, right.size(), right) == 0;
    case Op::kEndsWith:
      return left.size() >= right.size() &&
             left.compare(left.size() - right.size(), right.size(), right) == 0;
    case Op::kGlob:
      return fnmatch(right.c_str(), left.c_str(), 0) == 0;
    case Op::kIGlob:
      return fnmatch(right.c_str(), left.c_str(), FNM_CASEFOLD) == 0;
    default:
      return false;
  }
}

bool IsTextOperator(Op op) {
  switch (op) {
    case Op::kEq:
    case Op::kNe:
    case Op::kIn:
    case Op::kIntersects:
    case Op::kContains:
    case Op::kIContains:
    case Op::kStartsWith:
    case Op::kEndsWith:
    case Op::kGlob:
    case Op::kIGlob:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<bool> TruthOf(const check::Predicate& predicate, std::string_view value) {
  if (predicate.op == Op::kExists) return true;
  if (!IsTextOperator(predicate.op) || !predicate.right.empty()) return std::nullopt;
  const std::string left(value);
  size_t held = 0;
  for (const check::Value& right : predicate.values) held += Holds(predicate.op, left, right.text);
  switch (predicate.quantifier) {
    case Quantifier::kNone:
    case Quantifier::kAnyOf:
      return held > 0;
    case Quantifier::kOneOf:
      return held == 1;
    case Quantifier::kAllOf:
      return held > 0 && held == predicate.values.size();
  }
  return std::nullopt;
}

std::optional<Membership> MembershipOf(const check::Predicate& predicate) {
  const size_t values = predicate.values.size();
  const Quantifier quantifier = predicate.quantifier;
  switch (predicate.op) {
    case Op::kIn:
    case Op::kIntersects:
      return Membership{.complement = false, .never = values == 0};
    case Op::kEq:
      if (quantifier == Quantifier::kAnyOf || values == 1) return Membership{.never = values == 0};
      break;
    case Op::kNe:
      if (quantifier == Quantifier::kAllOf || values == 1)
        return Membership{.complement = true, .never = values == 0};
      break;
    default:
      return std::nullopt;
  }
  if (values == 0) return Membership{.never = true};
  return std::nullopt;
}

bool AnyValueDecides(const check::Predicate& predicate) {
  return predicate.quantifier == Quantifier::kNone || predicate.quantifier == Quantifier::kAnyOf ||
         predicate.values.size() == 1;
}

Shape GlobShape(std::string_view pattern) {
  if (pattern.find_first_of("?[\\") != std::string_view::npos) return {};
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return {Shape::Kind::kExact, std::string(pattern)};
  if (pattern.find_first_not_of('*') == std::string_view::npos) return {Shape::Kind::kEverything, ""};
  if (pattern.find_first_not_of('*', star) == std::string_view::npos) {
    return {Shape::Kind::kPrefix, std::string(pattern.substr(0, star))};
  }
  const size_t last = pattern.rfind('*');
  if (pattern.find_first_not_of('*') > last)
    return {Shape::Kind::kSuffix, std::string(pattern.substr(last + 1))};
  return {};
}

Shape RegexShape(std::string_view pattern) {
  // Beyond ASCII the matcher reads code points and mends broken ones; leave that to it.
  const bool plain = std::all_of(pattern.begin(), pattern.end(), [](unsigned char c) { return c < 0x80; });
  if (!plain || pattern.find_first_of(".[]{}()\\*+?|^$") != std::string_view::npos) return {};
  return {Shape::Kind::kExact, std::string(pattern)};
}

std::optional<std::string> PlainPath(std::string_view value) {
  if (value.find_first_of("?*[") != std::string_view::npos) return std::nullopt;
  std::string path;
  size_t begin = 0;
  while (begin < value.size()) {
    const size_t end = std::min(value.find('/', begin), value.size());
    if (end > begin) {
      if (!path.empty()) path += '/';
      path += value.substr(begin, end - begin);
    }
    begin = end + 1;
  }
  return path;
}

}  // namespace sluice::split
