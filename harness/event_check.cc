#include "harness/event_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/alert_check.h"
#include "harness/explanation.h"
#include "harness/views.h"

namespace sluice::harness {

using ast::Expected;
using check::RuleId;
using diag::Code;
using diag::Diagnostic;

std::string EventName(const Case& test, size_t number) {
  const std::string& title = test.events[number].title;
  return test.events.size() == 1 ? fmt::format("`{}`", title)
                                 : fmt::format("event {}, `{}`", number + 1, title);
}

void EventCheck::Check() {
  // `nothing else` comes after all that it excepts.
  for (const bool last : {false, true}) {
    for (size_t i = 0; i < test_.test->expectations.size(); ++i) {
      if ((test_.test->expectations[i].what == Expected::kNothingElse) == last) CheckOne(i);
    }
  }
}

void EventCheck::CheckOne(size_t number) {
  const ast::Expectation& expectation = test_.test->expectations[number];
  switch (expectation.what) {
    case Expected::kNothing:
    case Expected::kNothingElse:
    case Expected::kDropped:
      for (const Fired& alert : fired_) {
        if (!alert.expected || expectation.what != Expected::kNothingElse)
          return Unexpected(expectation, alert);
      }
      if (expectation.what == Expected::kDropped) CheckDropped(expectation);
      return;
    case Expected::kNo:
      for (const Fired& alert : fired_) {
        if (alert.rule == *test_.rules[number]) return Unexpected(expectation, alert);
      }
      return;
    default:
      break;
  }
  uint64_t wanted = expectation.times.value_or(1), count_fitting = 0;
  for (Fired& alert : fired_) {
    if (alert.rule != *test_.rules[number] || !Fits(expectation, alert, nullptr)) continue;
    ++count_fitting;
    if (alert.expected || wanted == 0) continue;
    alert.expected = true;
    --wanted;
  }
  if (wanted > 0) return Missing(expectation, *test_.rules[number]);
  if (!expectation.times || count_fitting == *expectation.times) return;
  result_
      .Fail(Code::E501, expectation.span,
            fmt::format("`{}` fires {} times, not {}", NameOf(*test_.rules[number]), count_fitting,
                        *expectation.times))
      .primary.text = "expected";
}

bool EventCheck::Fits(const ast::Expectation& expectation, const Fired& alert, std::string* why) {
  const Expected decision = ExpectedOf(alert.decision);
  if (decision != expectation.what) {
    if (why != nullptr)
      *why = fmt::format("the decision is `{}`, not `{}`", ast::ExpectedName(decision),
                         ast::ExpectedName(expectation.what));
    return false;
  }
  if (expectation.output && expectation.output->text != alert.output) {
    if (why != nullptr) *why = fmt::format("the output is \"{}\"", alert.output);
    return false;
  }
  return std::all_of(expectation.fields.begin(), expectation.fields.end(),
                     [&](const ast::TestValue& value) { return FieldFits(value, alert, why); });
}

bool EventCheck::FieldFits(const ast::TestValue& value, const Fired& alert, std::string* why) {
  const std::optional<check::FieldUse> use = check::ParseFieldUse(value.key.text);
  check::Term term;
  if (use) term.field = *use;
  const PlanEvent event(test_.events[alert.event], false);
  const eval::Value has = use ? event.Get(*use) : eval::Value();
  std::string text = alert::ValueText(has, check::Shape::kList),
              wanted = value.words.empty() ? "" : value.words[0].text;
  if (value.array) {
    wanted.clear();
    for (const ast::Word& word : value.words) wanted += (wanted.empty() ? "" : ",") + word.text;
    wanted = "(" + wanted + ")";
  }
  if (text == wanted) return true;
  if (why != nullptr) *why = fmt::format("`{}` is `{}`, not `{}`", value.key.text, text, wanted);
  return false;
}

// The rule did not fire, or not as expected.
void EventCheck::Missing(const ast::Expectation& expectation, RuleId rule) {
  for (const Fired& alert : fired_) {
    std::string why;
    if (alert.rule != rule || Fits(expectation, alert, &why)) continue;
    Diagnostic& failure = result_.Fail(
        Code::E501, expectation.span,
        fmt::format("`{}` fires at {}, but {}", NameOf(rule), EventName(test_, alert.event), why));
    failure.primary.text = "expected";
    failure.others.push_back({suite_.rule(rule).rule.name.span, "this rule"});
    return;
  }
  // The event at which it came nearest; of equals the last.
  size_t nearest = 0;
  size_t least = SIZE_MAX;
  for (size_t number = 0; number < test_.events.size(); ++number) {
    const PlanEvent event(test_.events[number], false);
    written_.Begin(event);
    const size_t lacking = Explanation(written_, suite_.rule(rule), suite_.files()).Lacking();
    if (lacking > least) continue;
    least = lacking;
    nearest = number;
  }
  const bool twice =
      std::any_of(fired_.begin(), fired_.end(), [&](const Fired& alert) { return alert.rule == rule; });
  Diagnostic& failure = result_.Fail(Code::E501, expectation.span,
                                     twice ? fmt::format("`{}` fires fewer times than expected", NameOf(rule))
                                           : fmt::format("`{}` does not fire", NameOf(rule)));
  failure.primary.text = "expected";
  if (!twice && !test_.events.empty()) Explain(failure, rule, nearest);
}

void EventCheck::Unexpected(const ast::Expectation& expectation, const Fired& alert) {
  Diagnostic& failure =
      result_.Fail(Code::E501, expectation.span,
                   fmt::format("`{}` fires at {}", NameOf(alert.rule), EventName(test_, alert.event)));
  failure.primary.text = expectation.what == Expected::kNo ? "expected not to fire" : "expected";
  Explain(failure, alert.rule, alert.event);
  failure.help = fmt::format("its output is \"{}\"", alert.output);
}

void EventCheck::CheckDropped(const ast::Expectation& expectation) {
  for (size_t number = 0; number < sent_.size(); ++number) {
    if (sent_[number].empty()) continue;
    Diagnostic& failure =
        result_.Fail(Code::E501, expectation.span,
                     fmt::format("The kernel does not drop {}: {}", EventName(test_, number), sent_[number]));
    failure.primary.text = "expected";
    failure.help = "`sluice explain` says what of each rule the kernel decides; `expect: nothing` asks less";
    return;
  }
}

// At the decisive words of the rule, and the whole condition below.
void EventCheck::Explain(Diagnostic& failure, RuleId rule, size_t number) {
  const PlanEvent event(test_.events[number], false);
  written_.Begin(event);
  Explanation explanation(written_, suite_.rule(rule), suite_.files());
  for (diag::Label& label : explanation.Decisive()) failure.others.push_back(std::move(label));
  failure.note = fmt::format("the condition of `{}` at {}\n{}", NameOf(rule), EventName(test_, number),
                             explanation.Table());
}

}  // namespace sluice::harness
