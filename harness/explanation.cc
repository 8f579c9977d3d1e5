#include "harness/explanation.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/check/sets.h"
#include "compiler/check/terms.h"
#include "runtime/alert/alert.h"

namespace sluice::harness {
namespace {

using check::Condition;
using eval::Truth;
using Kind = Condition::Kind;

constexpr size_t kTextWidth = 60, kValueWidth = 100, kMaxLabels = 6;

std::string Cut(std::string text, size_t width) {
  if (text.size() <= width) return text;
  size_t end = width - 3;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

std::string_view TruthName(Truth truth) {
  return truth == Truth::kTrue ? "true" : truth == Truth::kFalse ? "false" : "unknown";
}

Truth Explanation::Of(const Condition& condition) {
  switch (condition.kind) {
    case Kind::kTrue:
      return Truth::kTrue;
    case Kind::kFalse:
      return Truth::kFalse;
    case Kind::kNot:
      return eval::Not(Of(condition.children[0]));
    case Kind::kPredicate:
      return evaluator_.Ask(condition.predicate);
    case Kind::kAnd:
    case Kind::kOr:
      break;
  }
  const bool conjunction = condition.kind == Kind::kAnd;
  Truth joined = eval::TruthOf(conjunction);
  for (const Condition& child : condition.children) {
    joined = conjunction ? eval::And(joined, Of(child)) : eval::Or(joined, Of(child));
  }
  return joined;
}

size_t Explanation::Lacking() {
  const Condition& condition = rule_.condition;
  if (condition.kind != Kind::kAnd) return Of(condition) == Truth::kTrue ? 0 : 1;
  size_t lacking = 0;
  for (const Condition& child : condition.children) lacking += Of(child) != Truth::kTrue;
  return lacking;
}

std::string Explanation::ValueOf(check::PredicateId id) {
  const check::Predicate& predicate = evaluator_.plan().checked.predicates[id];
  const auto text = [&](const check::Term& term) {
    const std::string value = alert::ValueText(evaluator_.TermValue(term), term.shape);
    return fmt::format("{} = {}", check::TermText(term), value == "<NA>" ? "absent" : value);
  };
  std::string out = text(predicate.left);
  for (const check::Term& right : predicate.right) out += ", " + text(right);
  return Cut(out, kValueWidth);
}

// A set has its name in the rule alone.
std::string Explanation::TextOf(const Condition& condition) {
  const check::Predicate& predicate = evaluator_.plan().checked.predicates[condition.predicate];
  if (!check::AsksASet(predicate) || condition.span.end <= condition.span.begin)
    return check::Print(predicate);
  std::string words(files_.text(condition.span.file)
                        .substr(condition.span.begin, condition.span.end - condition.span.begin));
  std::replace(words.begin(), words.end(), '\n', ' ');
  return words;
}

void Explanation::AddRows(const Condition& condition, size_t depth) {
  const std::string indent(2 * depth, ' ');
  const std::string truth(TruthName(Of(condition)));
  switch (condition.kind) {
    case Kind::kTrue:
    case Kind::kFalse:
      rows_.push_back({indent + "always " + truth, truth, ""});
      return;
    case Kind::kPredicate:
      rows_.push_back({indent + Cut(TextOf(condition), kTextWidth), truth, ValueOf(condition.predicate)});
      return;
    case Kind::kNot:
      rows_.push_back({indent + "not", truth, ""});
      break;
    case Kind::kAnd:
    case Kind::kOr:
      rows_.push_back({indent + (condition.kind == Kind::kAnd ? "and" : "or"), truth, ""});
      break;
  }
  for (const Condition& child : condition.children) AddRows(child, depth + 1);
}

std::string Explanation::Table() {
  rows_.clear();
  AddRows(rule_.condition, 0);
  size_t width = 0;
  for (const Row& row : rows_) width = std::max(width, row.text.size());
  std::string out;
  for (const Row& row : rows_) {
    out += fmt::format("{:<{}}  {:<7}  {}\n", row.text, width, row.truth, row.value);
  }
  if (!out.empty()) out.pop_back();
  return out;
}

// Of an `and` that is false its false parts, of one that is true all; of an `or` the other way round.
void Explanation::AddDecisive(const Condition& condition, std::vector<diag::Label>& labels) {
  if (labels.size() >= kMaxLabels) return;
  const Truth truth = Of(condition);
  if (condition.kind == Kind::kPredicate) {
    labels.push_back({condition.span, fmt::format("{}: {}", TruthName(truth), ValueOf(condition.predicate))});
  }
  for (const Condition& child : condition.children) {
    if (condition.kind == Kind::kNot || Of(child) == truth) AddDecisive(child, labels);
  }
}

std::vector<diag::Label> Explanation::Decisive() {
  std::vector<diag::Label> labels;
  AddDecisive(rule_.condition, labels);
  return labels;
}

}  // namespace sluice::harness
