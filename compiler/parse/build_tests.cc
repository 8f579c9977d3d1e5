#include <fmt/format.h>

#include "compiler/parse/build.h"
#include "compiler/parse/values.h"

namespace sluice::parse {
namespace {

// Those of one word.
constexpr ast::Expected kExpected[] = {
    ast::Expected::kAlert,     ast::Expected::kDeny, ast::Expected::kKill,    ast::Expected::kAudit,
    ast::Expected::kUndecided, ast::Expected::kNo,   ast::Expected::kNothing, ast::Expected::kDropped};

class TestBuilder {
 public:
  TestBuilder(const BlockText& block, const SyntaxErrors& errors, ast::Test& test)
      : block_(block), errors_(errors), test_(test) {}

  void Take(Grammar::TestEntryContext* entry) {
    const ast::Word key = KeyOf(block_, entry->getStart());
    const size_t type =
        entry->key != nullptr ? entry->key->getType() : static_cast<size_t>(Grammar::UNKNOWN_KEY);
    if (type == Grammar::UNKNOWN_KEY || type == Grammar::CONDITION_KEY) {
      seen_.Excuse(RefuseKey(block_, key, "A test", KeysOf(BlockKind::kTest)));
      return;
    }
    const bool again = seen_.Has(key.text);
    if (type == Grammar::TRIGGER_KEY || type == Grammar::CAPTURE_KEY || !again) {
      if (!seen_.Add(block_, key)) return;
    }
    if (errors_.Broken(entry)) return;
    if (type == Grammar::EVENT_KEY) {
      test_.events.push_back(EventOf(entry->event()));
    } else if (type == Grammar::EXPECT_KEY) {
      test_.expectations.push_back(ExpectationOf(entry->expectation()));
    } else {
      (type == Grammar::CAPTURE_KEY ? test_.capture : test_.trigger) = WordOf(block_, entry->scalar());
    }
  }

  void RequireKeys() {
    if (!seen_.Has("expect")) {
      Lacks("`expect`", "add `expect: alert \"Rule name\"`, or `expect: nothing`");
    } else if (!seen_.Has("event") && !seen_.Has("trigger") && !seen_.Has("capture")) {
      Lacks("an `event`",
            "add `event: execve { proc.name: bash }`; or a `capture: FILE` in its place, or a "
            "`trigger: \"COMMAND\"` for live runs");
    }
    if (test_.capture && !test_.events.empty()) {
      auto& fault = block_.diagnostics.Add(diag::Code::E109, test_.capture->span,
                                           "A test has events or a capture, not both");
      fault.others.push_back({test_.events.front().span, "an event"});
      fault.help = "make it two tests";
    }
  }

 private:
  void Lacks(std::string_view what, std::string_view help) {
    block_.diagnostics
        .Add(diag::Code::E106, test_.name.span, fmt::format("The test `{}` lacks {}", test_.name.text, what))
        .help = help;
  }

  ast::TestEvent EventOf(Grammar::EventContext* context) {
    ast::TestEvent event;
    event.span = SpanOf(block_, context);
    const std::vector<Grammar::ScalarContext*> words = context->scalar();
    if (words.size() == 1) {
      event.type = WordOf(block_, words.front());
      if (!event.type.quoted && event.type.text.find("->") != std::string::npos) {
        block_.diagnostics
            .Add(diag::Code::E109, event.type.span, fmt::format("`{}` is not an event type", event.type.text))
            .help = "in a chain of processes `->` stands between blanks: `nginx -> sh -> curl`";
      }
    } else {
      for (Grammar::ScalarContext* word : words) event.chain.push_back(WordOf(block_, word));
    }
    event.values = ValuesOf(context->map());
    return event;
  }

  ast::Expectation ExpectationOf(Grammar::ExpectationContext* context) {
    ast::Expectation expectation;
    expectation.span = SpanOf(block_, context);
    const ast::Word decision = WordOf(block_, context->decision);
    if (!ReadExpected(decision, expectation.what)) return expectation;
    if (!ast::NamesRule(expectation.what)) {
      EndsAt(decision, context, expectation);
      return expectation;
    }
    if (context->named == nullptr) {
      Refuse(decision.span, "The name of the rule is missing");
    } else {
      expectation.rule = WordOf(block_, context->named);
    }
    for (Grammar::ExtraContext* extra : context->extra()) TakeExtra(extra, expectation);
    expectation.fields = ValuesOf(context->map());
    if (expectation.what == ast::Expected::kNo &&
        (expectation.output || expectation.times || !expectation.fields.empty())) {
      Refuse(expectation.span, "What does not fire has no output, no fields and no count");
    }
    return expectation;
  }

  // `output "TEXT"`, `times N`.
  void TakeExtra(Grammar::ExtraContext* extra, ast::Expectation& expectation) {
    const ast::Word keyword = WordOf(block_, extra->keyword), value = WordOf(block_, extra->scalar());
    if (keyword.text == "output") {
      expectation.output = value;
    } else if (keyword.text == "times") {
      expectation.times = ParseCount(value.text);
      if (expectation.times.value_or(0) == 0)
        block_.diagnostics.Add(diag::Code::E109, value.span, fmt::format("`{}` is not a count", value.text))
            .help = "a number from 1 stands behind `times`; `no \"Rule\"` says that a rule does not fire";
    } else {
      RefuseValue(block_, keyword, "`output` or `times`", {"output", "times"});
    }
  }

  void Refuse(source::Span where, std::string message) {
    block_.diagnostics.Add(diag::Code::E109, where, std::move(message)).help =
        "write `alert`, `deny`, `kill`, `audit`, `undecided` or `no` and the rule's name in quotes; or "
        "`nothing`, `nothing else` or `dropped`";
  }

  bool ReadExpected(const ast::Word& decision, ast::Expected& what) {
    for (const ast::Expected expected : kExpected) {
      if (decision.text != ast::ExpectedName(expected)) continue;
      what = expected;
      return true;
    }
    RefuseValue(block_, decision, "a decision",
                {"alert", "deny", "kill", "audit", "undecided", "no", "nothing", "dropped"});
    return false;
  }

  // `nothing`, `nothing else`, `dropped`.
  void EndsAt(const ast::Word& decision, Grammar::ExpectationContext* context,
              ast::Expectation& expectation) {
    bool more = !context->extra().empty() || context->map() != nullptr;
    if (context->named != nullptr) {
      const bool is_else =
          expectation.what == ast::Expected::kNothing && WordOf(block_, context->named).text == "else";
      if (is_else) expectation.what = ast::Expected::kNothingElse;
      more = more || !is_else;
    }
    if (more) Refuse(expectation.span, fmt::format("Nothing stands behind `{}`", decision.text));
  }

  std::vector<ast::TestValue> ValuesOf(Grammar::MapContext* map) {
    std::vector<ast::TestValue> values;
    if (map == nullptr) return values;
    RefuseEmptyItems(block_, map);
    KeysSeen seen;
    for (Grammar::PairContext* pair : map->pair()) {
      ast::TestValue value;
      value.key = KeyOf(block_, pair->getStart());
      if (!seen.Add(block_, value.key)) continue;
      if (pair->array() != nullptr) {
        value.array = true;
        value.words = ArrayOf(block_, pair->array());
      } else {
        value.words.push_back(WordOf(block_, pair->scalar()));
      }
      values.push_back(std::move(value));
    }
    return values;
  }

  const BlockText& block_;
  const SyntaxErrors& errors_;
  ast::Test& test_;
  KeysSeen seen_;
};

}  // namespace

bool TestOf(const BlockText& block, const SyntaxErrors& errors, Grammar::TestBlockContext* context,
            ast::Test& test) {
  if (context->LBRACE() == nullptr) return false;
  const size_t errors_before = block.diagnostics.errors();
  test.name = WordOf(block, context->scalar());
  test.span = SpanOf(block, context);
  TestBuilder builder(block, errors, test);
  bool whole = context->RBRACE() != nullptr;
  for (Grammar::TestEntryContext* entry : context->testEntry()) {
    builder.Take(entry);
    whole = whole && !errors.Broken(entry);
  }
  if (context->RBRACE() != nullptr) builder.RequireKeys();
  return whole && block.diagnostics.errors() == errors_before;
}

}  // namespace sluice::parse
