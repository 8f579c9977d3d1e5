#include <fmt/format.h>

#include "compiler/parse/build.h"
#include "compiler/parse/values.h"

namespace sluice::parse {
namespace {

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
    if (type == Grammar::TRIGGER_KEY || !again) {
      if (!seen_.Add(block_, key)) return;
    }
    if (errors_.Broken(entry)) return;
    if (type == Grammar::EVENT_KEY) {
      test_.events.push_back(EventOf(entry->event()));
    } else if (type == Grammar::EXPECT_KEY) {
      test_.expectations.push_back(ExpectationOf(entry->expectation()));
    } else {
      test_.trigger = WordOf(block_, entry->scalar());
    }
  }

  void RequireKeys() {
    if (!seen_.Has("expect")) {
      Lacks("`expect`", "add `expect: alert \"Rule name\"`, or `expect: nothing`");
    } else if (!seen_.Has("event") && !seen_.Has("trigger")) {
      Lacks("an `event`",
            "add `event: execve { proc.name: bash }`, or a `trigger: \"COMMAND\"` for live runs");
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
    constexpr std::string_view kForm =
        "write `nothing`, or `alert`, `deny` or `kill` and the rule's name in quotes";
    ast::Expectation expectation;
    expectation.span = SpanOf(block_, context);
    const ast::Word decision = WordOf(block_, context->decision);
    expectation.nothing = decision.text == "nothing";
    if (expectation.nothing) {
      if (context->named != nullptr || context->map() != nullptr) {
        block_.diagnostics.Add(diag::Code::E109, expectation.span, "Nothing stands behind `nothing`").help =
            kForm;
      }
      return expectation;
    }
    bool known = false;
    for (const ast::Action action : {ast::Action::kAlert, ast::Action::kDeny, ast::Action::kKill}) {
      if (decision.text != ast::ActionName(action)) continue;
      expectation.decision = action;
      known = true;
    }
    if (!known) {
      RefuseValue(block_, decision, "a decision", {"alert", "deny", "kill", "nothing"});
    } else if (context->named == nullptr) {
      block_.diagnostics.Add(diag::Code::E109, decision.span, "The name of the rule is missing").help = kForm;
    }
    if (context->named != nullptr) expectation.rule = WordOf(block_, context->named);
    if (context->keyword != nullptr) {
      const ast::Word keyword = WordOf(block_, context->keyword);
      if (keyword.text != "output") RefuseValue(block_, keyword, "`output`", {"output"});
      expectation.output = WordOf(block_, context->text);
    }
    expectation.fields = ValuesOf(context->map());
    return expectation;
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
