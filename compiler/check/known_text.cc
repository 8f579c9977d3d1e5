#include "compiler/check/known_text.h"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>

#include "re2/re2.h"

namespace sluice::check {
namespace {

using ast::Op;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool TestOne(Op op, const std::string& text, const std::string& value) {
  switch (op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      return text == value;
    case Op::kNe:
      return text != value;
    case Op::kLt:
      return text < value;
    case Op::kLe:
      return text <= value;
    case Op::kGt:
      return text > value;
    case Op::kGe:
      return text >= value;
    case Op::kContains:
    case Op::kBContains:
      return text.find(value) != std::string::npos;
    case Op::kIContains:
      return Lower(text).find(Lower(value)) != std::string::npos;
    case Op::kStartsWith:
    case Op::kBStartsWith:
      return text.compare(0, value.size(), value) == 0;
    case Op::kEndsWith:
      return text.size() >= value.size() &&
             text.compare(text.size() - value.size(), value.size(), value) == 0;
    case Op::kGlob:
      return fnmatch(value.c_str(), text.c_str(), 0) == 0;
    case Op::kIGlob:
      return fnmatch(Lower(value).c_str(), Lower(text).c_str(), 0) == 0;
    case Op::kRegex:
      return RE2::FullMatch(text, RE2(value, RE2::POSIX));
    case Op::kPmatch:  // the texts known here have no `/`: a component or everything
      return value.empty() || value == "/" || fnmatch(value.c_str(), text.c_str(), 0) == 0;
    case Op::kExists:
      return true;
  }
  return false;
}

bool TestNumberOnce(Op op, int64_t number, int64_t value) {
  switch (op) {
    case Op::kNe:
      return number != value;
    case Op::kLt:
      return number < value;
    case Op::kLe:
      return number <= value;
    case Op::kGt:
      return number > value;
    case Op::kGe:
      return number >= value;
    default:
      return number == value;
  }
}

template <typename Test>
bool Quantify(const Predicate& predicate, const Test& test) {
  if (predicate.op == Op::kExists) return true;
  const auto hits = std::count_if(predicate.values.begin(), predicate.values.end(), test);
  switch (predicate.quantifier) {
    case ast::Quantifier::kOneOf:
      return hits == 1;
    case ast::Quantifier::kAllOf:
      return hits > 0 && static_cast<size_t>(hits) == predicate.values.size();
    case ast::Quantifier::kNone:
    case ast::Quantifier::kAnyOf:
      break;
  }
  return hits > 0;
}

}  // namespace

bool TestText(const Predicate& predicate, std::string_view view) {
  const std::string text(view);
  return Quantify(predicate, [&](const Value& value) { return TestOne(predicate.op, text, value.text); });
}

bool TestNumber(const Predicate& predicate, int64_t number) {
  return Quantify(predicate,
                  [&](const Value& value) { return TestNumberOnce(predicate.op, number, value.number); });
}

}  // namespace sluice::check
