#include "harness/alert_check.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::harness {
namespace {

using alert::Alert;
using alert::OutputField;
using ast::Expected;

std::string TextOf(const OutputField& field) {
  switch (field.kind) {
    case OutputField::Kind::kNumber:
      return std::to_string(field.number);
    case OutputField::Kind::kDouble:
      return fmt::format("{}", field.real);
    case OutputField::Kind::kBool:
      return field.number != 0 ? "true" : "false";
    case OutputField::Kind::kList:
      return fmt::format("({})", fmt::join(field.list, ","));
    case OutputField::Kind::kNull:
      return "<NA>";
    case OutputField::Kind::kString:
      break;
  }
  return field.text;
}

bool FieldFits(const ast::TestValue& value, const Alert& alert, std::string& why) {
  std::string wanted;
  for (const ast::Word& word : value.words) wanted += (wanted.empty() ? "" : ",") + word.text;
  if (value.array) wanted = "(" + wanted + ")";
  for (const OutputField& field : alert.fields) {
    if (field.name != value.key.text) continue;
    if (TextOf(field) == wanted) return true;
    why = fmt::format("`{}` is `{}`", value.key.text, TextOf(field));
    return false;
  }
  why = fmt::format("its output does not have `{}`", value.key.text);
  return false;
}

}  // namespace

Expected ExpectedOf(alert::Decision decision) {
  static constexpr Expected kWord[] = {Expected::kAlert, Expected::kDeny, Expected::kKill, Expected::kAudit,
                                       Expected::kUndecided};
  return kWord[static_cast<size_t>(decision)];
}

void AlertCheck::Check() {
  for (size_t i = 0; i < test_.test->expectations.size(); ++i) {
    const ast::Expectation& expectation = test_.test->expectations[i];
    if (expectation.what < Expected::kNo) {
      CheckFires(expectation, *test_.rules[i]);
    } else {
      CheckSilent(expectation);
    }
  }
}

void AlertCheck::CheckSilent(const ast::Expectation& expectation) const {
  for (const Alert& alert : alerts_) {
    const bool meant = expectation.what == Expected::kNo            ? alert.rule == expectation.rule.text
                       : expectation.what == Expected::kNothingElse ? !IsNamed(alert.rule)
                                                                    : true;
    if (!meant) continue;
    return fail_(expectation, {}, &alert, fmt::format("`{}` fires {}", alert.rule, where_));
  }
}

void AlertCheck::CheckFires(const ast::Expectation& expectation, check::RuleId rule) {
  const std::string& name = expectation.rule.text;
  std::string why;
  const Alert* other = nullptr;
  uint64_t count = 0, wanted = expectation.times.value_or(1);
  for (const Alert& alert : alerts_) {
    if (alert.rule != name) continue;
    if (Fits(expectation, alert, why)) {
      ++count;
    } else {
      other = &alert;
    }
  }
  for (std::set<const Alert*> tried; wanted > 0 && Seat(expectation, tried); tried.clear()) --wanted;
  if (count > 0 && whole_ && expectation.times && count != *expectation.times) {
    return fail_(
        expectation, rule, nullptr,
        fmt::format("`{}` fires {} {}, not {}", name, count == 1 ? "once" : fmt::format("{} times", count),
                    where_, *expectation.times));
  }
  if (count > 0 && whole_ && wanted > 0) {
    return fail_(expectation, rule, nullptr,
                 fmt::format("`{}` fires fewer times {} than the test expects", name, where_));
  }
  if (count > 0) return;
  if (other != nullptr)
    return fail_(expectation, rule, other, fmt::format("`{}` fires {}, but {}", name, where_, why));
  fail_(expectation, rule, nullptr, fmt::format("`{}` does not fire {}", name, where_));
}

// One more alert for the line; a line that holds it takes another where it can (augmenting paths).
bool AlertCheck::Seat(const ast::Expectation& expectation, std::set<const Alert*>& tried) {
  std::string why;
  for (const Alert& alert : alerts_) {
    if (alert.rule != expectation.rule.text || !Fits(expectation, alert, why) || !tried.insert(&alert).second)
      continue;
    const auto held = taken_.find(&alert);
    if (held != taken_.end() && !Seat(*held->second, tried)) continue;
    taken_[&alert] = &expectation;
    return true;
  }
  return false;
}

bool AlertCheck::Fits(const ast::Expectation& expectation, const Alert& alert, std::string& why) const {
  if (const Expected decision = ExpectedOf(alert.decision); decision != expectation.what) {
    why = fmt::format("the decision is `{}`", ast::ExpectedName(decision));
    return false;
  }
  if (!whole_) return true;
  if (expectation.output && expectation.output->text != alert.output) {
    why = fmt::format("the output is \"{}\"", alert.output);
    return false;
  }
  return std::all_of(expectation.fields.begin(), expectation.fields.end(),
                     [&](const ast::TestValue& value) { return FieldFits(value, alert, why); });
}

bool AlertCheck::IsNamed(const std::string& rule) const {
  return std::any_of(test_.test->expectations.begin(), test_.test->expectations.end(),
                     [&](const ast::Expectation& other) { return other.rule.text == rule; });
}

}  // namespace sluice::harness
