// Lists, macros and rules.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/parse/build.h"
#include "compiler/parse/values.h"

namespace sluice::parse {
namespace {

constexpr uint64_t kLastUid = 0xfffffffe;  // 0xffffffff means "no user" to the kernel
constexpr uint64_t kMaxRate = 0xffffffff;
constexpr size_t kMaxCgroupBytes = 255, kMaxCgroupDepth = 16;  // likewise SLUICE_CGROUP_*
constexpr uint64_t kMaxFuse = 10'000'000;                      // what the kernel counts to (filter_abi.h)

class RuleBuilder {
 public:
  RuleBuilder(const BlockText& block, const SyntaxErrors& errors, ast::Rule& rule)
      : block_(block), errors_(errors), rule_(rule) {}

  void Take(Grammar::RuleEntryContext* entry) {
    const ast::Word key = KeyOf(block_, entry->getStart());
    if (entry->key != nullptr && entry->key->getType() == Grammar::UNKNOWN_KEY) {
      Refuse(key);
      return;
    }
    if (!seen_.Add(block_, key) || errors_.Broken(entry)) return;
    switch (entry->key->getType()) {
      case Grammar::CONDITION_KEY:
        rule_.condition = ConditionOf(block_, entry->expression());
        break;
      case Grammar::TAGS_KEY:
        rule_.tags = ArrayOf(block_, entry->array());
        break;
      case Grammar::EXCEPTIONS_KEY:
        rule_.exceptions = ExceptionsOf(block_, entry->exceptions());
        break;
      case Grammar::THROTTLE_KEY:
        rule_.throttle = RateOf(entry->rate(), true);
        break;
      case Grammar::FUSE_KEY:
        rule_.fuse = RateOf(entry->rate(), false);
        break;
      case Grammar::THEN_KEY:
        rule_.then = ThenOf(entry->action());
        break;
      case Grammar::SCOPE_KEY:
        TakeScope(entry->scope());
        break;
      default:
        TakeWord(entry->key->getType(), WordOf(block_, entry->scalar()));
        break;
    }
  }

  // Faults of keys and of single values. The rest of the rule can be looked at all the same.
  size_t excused() const { return excused_; }

  // Required keys; a key that is there but broken has been reported already.
  bool Complete() {
    std::string missing;
    std::string example;
    for (const auto& [key, sample] : kRequired) {
      if (seen_.Has(key)) continue;
      missing += fmt::format("{}`{}`", missing.empty() ? "" : ", ", key);
      example += fmt::format("{}{}: {}", example.empty() ? "" : "\n", key, sample);
    }
    if (missing.empty()) return true;
    auto& fault = block_.diagnostics.Add(diag::Code::E106, rule_.name.span,
                                         fmt::format("The rule `{}` lacks {}", rule_.name.text, missing));
    fault.help = "add\n" + example;
    return false;
  }

 private:
  struct Required {
    std::string_view key, sample;
  };
  static constexpr Required kRequired[] = {
      {"desc", "\"what it finds, and why that matters\""},
      {"condition", "evt.type = execve and proc.name = nc"},
      {"output", "\"what happened | command=%proc.cmdline user=%user.name\""},
      {"priority", "warning"}};

  void Refuse(const ast::Word& key) {
    if (key.text == "rule" || key.text == "list" || key.text == "macro") {
      auto& fault =
          block_.diagnostics.Add(diag::Code::E107, key.span, fmt::format("A rule has no key `{}`", key.text));
      fault.help = fmt::format("a block starts at the beginning of a line: `{} NAME ...`", key.text);
      return;
    }
    const std::string meant = RefuseKey(block_, key, "A rule", KeysOf(BlockKind::kRule));
    if (meant != "condition" && meant != "output") ++excused_;  // without them nothing is left to look at
    seen_.Excuse(meant);
  }

  void TakeWord(size_t key, ast::Word word) {
    switch (key) {
      case Grammar::DESC_KEY:
        rule_.desc = std::move(word);
        break;
      case Grammar::OUTPUT_KEY:
        rule_.output = std::move(word);
        break;
      case Grammar::SOURCE_KEY:
        rule_.source = std::move(word);
        break;
      case Grammar::PRIORITY_KEY:
        TakePriority(word);
        break;
      case Grammar::ERRNO_KEY:
        TakeErrno(word);
        break;
      case Grammar::ACTION_KEY:
        rule_.action_span = word.span;
        Choose(word, "an action", {"alert", "deny", "kill"}, rule_.action);
        break;
      case Grammar::ON_UNKNOWN_KEY:
        Choose(word, "a way to treat the unknown", {"allow", "deny"}, rule_.on_unknown);
        break;
      case Grammar::MODE_KEY:
        Choose(word, "a mode", {"enforce", "audit"}, rule_.mode);
        break;
      case Grammar::ENABLED_KEY:
        TakeEnabled(word);
        break;
      default:
        break;
    }
  }

  void Refuse(const ast::Word& word, std::string_view what, const std::vector<std::string_view>& known) {
    ++excused_;
    RefuseValue(block_, word, what, known);
  }

  // `names` are in the order of the enumeration.
  template <typename Enum>
  void Choose(const ast::Word& word, std::string_view what, const std::vector<std::string_view>& names,
              Enum& choice) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == word.text) {
        choice = static_cast<Enum>(i);
        return;
      }
    }
    Refuse(word, what, names);
  }

  void TakePriority(const ast::Word& word) {
    if (const auto priority = ParsePriority(word.text)) {
      rule_.priority = *priority;
      return;
    }
    Refuse(word, "a priority",
           {"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"});
  }

  void TakeErrno(const ast::Word& word) {
    if (const auto number = ErrnoNumber(word.text)) {
      rule_.errno_value = *number;
    } else {
      Refuse(word, "the name of an error, such as EPERM or EACCES", ErrnoNames());
    }
  }

  void TakeEnabled(const ast::Word& word) {
    if (word.text == "true" || word.text == "false") {
      rule_.enabled = word.text == "true";
    } else {
      Refuse(word, "true or false", {"true", "false"});
    }
  }

  diag::Diagnostic& BadValue(source::Span where, std::string message, std::string_view form) {
    auto& fault = block_.diagnostics.Add(diag::Code::E109, where, std::move(message));
    fault.help = fmt::format("write `{}`", form);
    return fault;
  }

  bool Expect(const antlr4::Token* token, std::string_view word, std::string_view form) {
    if (block_.TextOf(token) == word) return true;
    BadValue(block_.SpanOf(token), fmt::format("`{}` is expected here, not `{}`", word, block_.TextOf(token)),
             form);
    return false;
  }

  uint64_t DurationOf(const antlr4::Token* token) {
    const std::string_view text = block_.TextOf(token);
    if (const auto ns = ParseDuration(text)) return *ns;
    block_.diagnostics
        .Add(diag::Code::E109, block_.SpanOf(token), fmt::format("`{}` is not a duration", text))
        .help = "write a whole number and a unit: 10ms, 30s, 10m, 1h, 1d";
    return 1;
  }

  std::optional<ast::Rate> RateOf(Grammar::RateContext* context, bool may_group) {
    const std::string_view form =
        may_group ? "N per TIME by FIELD, FIELD" : "N per TIME` or `N processes per TIME";
    const uint64_t most = may_group ? kMaxRate : kMaxFuse;
    ast::Rate rate;
    rate.span = SpanOf(block_, context);
    const std::optional<uint64_t> count = ParseCount(block_.TextOf(context->count));
    if (!count || *count == 0 || *count > most) {
      BadValue(block_.SpanOf(context->count),
               fmt::format("`{}` is not a count", block_.TextOf(context->count)), form);
    }
    if (context->counted != nullptr) {
      rate.of_processes = !may_group && block_.TextOf(context->counted) == "processes";
      if (!rate.of_processes && !Expect(context->counted, may_group ? "per" : "processes", form))
        return std::nullopt;
    }
    if (!Expect(context->per, "per", form)) return std::nullopt;
    rate.count = count.value_or(1);
    rate.period_ns = DurationOf(context->period);
    if (context->by == nullptr) return rate;
    if (!may_group) {
      BadValue(block_.SpanOf(context->by), "A fuse counts all of the rule's decisions together", form);
      return std::nullopt;
    }
    if (!Expect(context->by, "by", form)) return std::nullopt;
    for (Grammar::FieldRefContext* field : context->fieldRef()) rate.by.push_back(FieldOf(field));
    return rate;
  }

  // With or without the % that marks a field in an output.
  ast::Field FieldOf(Grammar::FieldRefContext* context) {
    ast::Field field;
    field.name = WordOf(block_, context->WORD()->getSymbol());
    field.span = SpanOf(block_, context);
    if (!field.name.text.empty() && field.name.text[0] == '%') {
      field.name.text.erase(0, 1);
      ++field.name.span.begin;
    }
    if (context->scalar() != nullptr) field.argument = WordOf(block_, context->scalar());
    return field;
  }

  std::optional<ast::Then> ThenOf(Grammar::ActionContext* context) {
    constexpr std::string_view kForm = "add %FIELD to SET for TIME";
    if (!Expect(context->verb, "add", kForm) || !Expect(context->to, "to", kForm) ||
        !Expect(context->during, "for", kForm)) {
      return std::nullopt;
    }
    ast::Then then;
    then.field = FieldOf(context->fieldRef());
    then.set = WordOf(block_, context->set);
    then.period_ns = DurationOf(context->period);
    then.span = SpanOf(block_, context);
    if (!IsIdentifier(then.set.text)) {
      BadValue(then.set.span, fmt::format("`{}` cannot be the name of a set", then.set.text), kForm);
    }
    return then;
  }

  void TakeScope(Grammar::ScopeContext* context) {
    ast::Scope& scope = rule_.scope.emplace();
    const std::string_view kind = block_.TextOf(context->kind);
    const ast::Word value = WordOf(block_, context->scalar());
    scope.span = SpanOf(block_, context);
    const std::optional<uint64_t> number = ParseCount(value.text);
    if (kind == "uid") {
      scope.kind = ast::Scope::Kind::kUid;
      if (!number || *number > kLastUid)
        BadValue(value.span, fmt::format("`{}` is not a user id", value.text), "uid 1000");
    } else if (kind == "percent") {
      scope.kind = ast::Scope::Kind::kPercent;
      if (!number || *number < 1 || *number > 100) {
        BadValue(value.span, fmt::format("`{}` is not a number from 1 to 100", value.text), "percent 10");
      }
    } else if (kind == "cgroup") {
      scope.kind = ast::Scope::Kind::kCgroup;
      scope.path = value.text;
      if (value.text.empty() || value.text[0] != '/') {
        BadValue(value.span, "The path of a control group starts with `/`",
                 "cgroup \"/system.slice/web.service\"");
      } else if (value.text.size() > kMaxCgroupBytes ||
                 static_cast<size_t>(std::count(value.text.begin(), value.text.end(), '/')) >
                     kMaxCgroupDepth) {
        BadValue(value.span,
                 fmt::format("The path of a control group in a scope has at most {} bytes and {} names",
                             kMaxCgroupBytes, kMaxCgroupDepth),
                 "cgroup \"/system.slice/web.service\"");
      } else if ((value.text + "/").find("/./") != std::string::npos ||
                 (value.text + "/").find("/../") != std::string::npos) {
        BadValue(value.span, "No control group is called `.` or `..`: the path is compared name by name",
                 "cgroup \"/system.slice/web.service\"");
      }
    } else {
      RefuseValue(block_, WordOf(block_, context->kind), "a scope", {"uid", "cgroup", "percent"});
    }
    scope.number = number.value_or(0);
  }

  size_t excused_ = 0;
  const BlockText& block_;
  const SyntaxErrors& errors_;
  ast::Rule& rule_;
  KeysSeen seen_;
};

// Lists and macros are named by a word that a condition can use.
bool NameOf(const BlockText& block, Grammar::ScalarContext* scalar, ast::Word& name) {
  name = WordOf(block, scalar);
  if (IsIdentifier(name.text)) return true;
  auto& fault = block.diagnostics.Add(
      diag::Code::E109, name.span,
      fmt::format("`{}` cannot be the name of a {}", name.text, BlockKindName(block.kind)));
  fault.help = "a name is a letter and then letters, digits and `_`";
  return false;
}

}  // namespace

bool ListOf(const BlockText& block, const SyntaxErrors& errors, Grammar::ListBlockContext* context,
            ast::List& list) {
  if (context->array() == nullptr || errors.Broken(context->array())) return false;
  list.span = block.SpanOf(0, block.SpanOf(context->array()->getStop()).end - block.base);
  if (!NameOf(block, context->scalar(), list.name)) return false;
  list.items = ArrayOf(block, context->array());
  return true;
}

bool MacroOf(const BlockText& block, const SyntaxErrors& errors, Grammar::MacroBlockContext* context,
             ast::Macro& macro) {
  if (context->expression() == nullptr || errors.Broken(context->expression())) return false;
  if (!NameOf(block, context->scalar(), macro.name)) return false;
  macro.condition = ConditionOf(block, context->expression());
  macro.span = block.SpanOf(0, macro.condition.span.end - block.base);
  return true;
}

bool RuleOf(const BlockText& block, const SyntaxErrors& errors, Grammar::RuleBlockContext* context,
            ast::Rule& rule) {
  if (context->LBRACE() == nullptr) return false;
  const size_t errors_before = block.diagnostics.errors();
  rule.name = WordOf(block, context->scalar());
  rule.span = SpanOf(block, context);
  if (context->RBRACE() != nullptr) rule.span.end = block.SpanOf(context->RBRACE()->getSymbol()).end;
  if (rule.name.text.empty()) {
    block.diagnostics.Add(diag::Code::E109, rule.name.span, "A rule needs a name").help =
        "write `rule \"What it finds\" {`";
  }
  RuleBuilder builder(block, errors, rule);
  bool whole = true;
  for (Grammar::RuleEntryContext* entry : context->ruleEntry()) {
    builder.Take(entry);
    whole = whole && !errors.Broken(entry);
  }
  const bool closed = context->RBRACE() != nullptr;
  return (!closed || builder.Complete()) && whole && closed &&
         block.diagnostics.errors() == errors_before + builder.excused();
}

}  // namespace sluice::parse
