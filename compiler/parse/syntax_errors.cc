#include "compiler/parse/syntax_errors.h"

#include <fmt/format.h>

#include <algorithm>

#include "SluiceParser.h"
#include "compiler/ast/ast.h"
#include "compiler/parse/values.h"
#include "compiler/source/utf8.h"

namespace sluice::parse {
namespace {

using Parser = grammar::SluiceParser;
using antlr4::Token;

constexpr size_t kMaxQuoted = 40;  // bytes of a word that a message repeats

std::string Quoted(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  if (text.size() <= kMaxQuoted) return fmt::format("`{}`", text);
  size_t cut = 0;
  while (cut < kMaxQuoted) cut += source::DecodeUtf8(text, cut).bytes;
  return fmt::format("`{}...`", text.substr(0, cut));
}

// Words that other languages use, and Falco's for them.
struct Synonym {
  std::string_view word, ours;
};
constexpr Synonym kOperatorSynonyms[] = {
    {"is", "="},
    {"equals", "="},
    {"eq", "="},
    {":", "="},
    {"===", "="},
    {"ne", "!="},
    {"<>", "!="},
    {"like", "glob"},
    {"matches", "regex"},
    {"match", "regex"},
    {"=~", "regex"},
    {"~", "regex"},
    {"has", "contains"},
    {"beginswith", "startswith"},
    {"prefix", "startswith"},
    {"suffix", "endswith"},
    {"gt", ">"},
    {"lt", "<"},
};
constexpr Synonym kTransformerSynonyms[] = {
    {"lower", "tolower"}, {"lowercase", "tolower"}, {"upper", "toupper"}, {"uppercase", "toupper"},
    {"length", "len"},    {"size", "len"},          {"base64", "b64"},    {"concatenate", "concat"},
};
constexpr Synonym kLogicSynonyms[] = {{"&&", "and"}, {"&", "and"}, {"||", "or"}, {"|", "or"}, {"!", "not"}};

// The token types that could stand at a fault.
class Expected {
 public:
  explicit Expected(antlr4::misc::IntervalSet types) : types_(std::move(types)) {}
  bool Has(size_t type) const { return types_.contains(type); }
  bool HasAny(std::initializer_list<size_t> types) const {
    return std::any_of(types.begin(), types.end(), [this](size_t type) { return Has(type); });
  }
  bool Only(size_t type) const { return types_.size() == 1 && Has(type); }

 private:
  antlr4::misc::IntervalSet types_;
};

// The expected words as one phrase: "an operator", "`and`, `or` or `)`".
std::string Phrase(const Expected& expected, BlockKind kind) {
  std::vector<std::string> parts;
  const auto add = [&](std::initializer_list<size_t> types, std::string_view phrase) {
    if (expected.HasAny(types)) parts.emplace_back(phrase);
  };
  const bool operators = expected.Has(Parser::STR_OP);
  const bool condition = expected.Has(Parser::NAME);
  if (operators) parts.emplace_back("an operator such as `=`, `in` or `startswith`");
  if (condition) parts.emplace_back("a field, a macro or `(`");
  if (!condition) {
    const bool argument = expected.Has(Parser::NUMBER);
    if (argument) parts.emplace_back("a field, a number or a quoted string");
    if (!argument && expected.Has(Parser::FIELD)) parts.emplace_back("a field");
    if (!argument && !expected.Has(Parser::FIELD)) add({Parser::FUNC_LP}, "a value");
  }
  add({Parser::ARG_TEXT}, "an argument");
  if (!expected.Has(Parser::FUNC_LP)) add({Parser::BARE}, "a value");
  if (!condition) add({Parser::LIST_LP}, "a list in parentheses");
  add({Parser::WORD}, "a word");
  if (expected.Has(Parser::WORD)) add({Parser::STRING}, "a quoted string");
  add({Parser::AND}, "`and`");
  add({Parser::OR}, "`or`");
  add({Parser::ASSIGN}, "`=`");
  add({Parser::ARROW}, "`->`");
  add({Parser::COLON}, "`:`");
  add({Parser::COMMA}, "`,`");
  add({Parser::LBRACK}, "`[`");
  add({Parser::RBRACK}, "`]`");
  add({Parser::RP}, "`)`");
  add({Parser::LBRACE}, "`{`");
  add({Parser::KEY, Parser::UNKNOWN_KEY}, "a key");
  add({Parser::RBRACE}, "`}`");
  add({Token::EOF}, fmt::format("the end of the {}", BlockKindName(kind)));
  std::string phrase;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) phrase += i + 1 == parts.size() ? " or " : ", ";
    phrase += parts[i];
  }
  return phrase;
}

// Everything that a sentence about a fault may need.
struct Fault {
  const BlockText& block;
  const std::vector<Token*>& tokens;
  const Token* token;
  const Token* previous;  // null at the start
  size_t rule;            // of the grammar
  const Expected expected;

  std::string_view text() const { return block.TextOf(token); }
  std::string_view previous_text() const {
    return previous == nullptr ? std::string_view() : block.TextOf(previous);
  }
  size_t previous_type() const { return previous == nullptr ? Token::INVALID_TYPE : previous->getType(); }
  bool Adjacent() const {
    return previous != nullptr && previous->getStopIndex() + 1 == token->getStartIndex();
  }
  std::string Next(size_t offset) const {
    const size_t i = token->getTokenIndex() + offset;
    return i < tokens.size() ? std::string(block.TextOf(tokens[i])) : "";
  }
};

void Suggest(const Fault& fault, diag::Diagnostic& out, std::string_view ours) {
  out.help = fmt::format("did you mean `{}`?", ours);
  out.patches.push_back({fault.block.SpanOf(fault.token), std::string(ours)});
}

template <size_t N>
std::string_view Ours(const Synonym (&rows)[N], std::string_view word) {
  for (const Synonym& row : rows) {
    if (row.word == word) return row.ours;
  }
  return {};
}

bool HintForLogic(const Fault& fault, diag::Diagnostic& out) {
  const std::string_view ours = Ours(kLogicSynonyms, fault.text());
  if (ours.empty()) return false;
  out.help = fmt::format("write `{}` instead of `{}`", ours, fault.text());
  out.patches.push_back({fault.block.SpanOf(fault.token), std::string(ours) + (ours == "not" ? " " : "")});
  return true;
}

// A condition of Falco's YAML or of `eval` has no comments: YAML folds the lines, and the rest would be lost.
bool HintForComment(const Fault& fault, diag::Diagnostic& out) {
  if (fault.block.kind != BlockKind::kCondition) return false;
  const bool value = fault.previous_type() == Parser::BARE && fault.previous_text().starts_with('#');
  if (!value && !fault.text().starts_with('#')) return false;
  out.help = "a condition has no comments: in YAML, a comment stands above the key, outside the condition";
  return true;
}

// `a = and b`: the word after an operator is its value, whatever it looks like.
bool HintForSwallowedKeyword(const Fault& fault, diag::Diagnostic& out) {
  if (fault.previous_type() != Parser::BARE) return false;
  const std::string_view value = fault.previous_text();
  if (value == "and" || value == "or" || value == "not") {
    out.help =
        fmt::format("`{}` was read as the value of the operator before it; that value is missing", value);
    return true;
  }
  if (value == "oneof" || value == "anyof" || value == "allof") {
    out.help = fmt::format("`{}` needs a blank and a list behind it: `{} (a, b)`", value, value);
    return true;
  }
  return false;
}

bool HintForOperator(const Fault& fault, diag::Diagnostic& out) {
  if (!fault.expected.Has(Parser::STR_OP)) return false;
  if (fault.text() == "not" && fault.Next(1) == "in") {
    out.help = fmt::format("`not` stands before the field: `not {} in (...)`", fault.previous_text());
    return true;
  }
  std::string_view ours = Ours(kOperatorSynonyms, fault.text());
  const std::string nearest = ours.empty() ? diag::Nearest(fault.text(), OperatorNames()) : std::string(ours);
  if (nearest.empty()) return false;
  Suggest(fault, out, nearest);
  return true;
}

// `containsfoo`, `andproc.pid`: a blank is missing.
bool HintForGlued(const Fault& fault, diag::Diagnostic& out) {
  const std::string_view text = fault.text();
  std::vector<std::string_view> words;
  if (fault.expected.Has(Parser::STR_OP)) words = OperatorNames();
  if (fault.expected.Has(Parser::AND)) words = {"and", "or"};
  std::string_view found;
  for (const std::string_view word : words) {
    const std::string_view rest = text.substr(std::min(word.size(), text.size()));
    const bool logic = fault.expected.Has(Parser::AND);
    const bool fits =
        logic ? rest.find('.') != rest.npos || rest == "not" : word.size() >= 4 && !rest.empty();
    if (text.starts_with(word) && fits && word.size() > found.size()) found = word;
  }
  if (found.empty()) return false;
  const std::string apart = fmt::format("{} {}", found, text.substr(found.size()));
  out.help = fmt::format("a blank is missing: `{}`", apart);
  out.patches.push_back({fault.block.SpanOf(fault.token), apart});
  return true;
}

// `lower(proc.name)`, `anyof(a)`: a word right before a parenthesis.
bool HintForCall(const Fault& fault, diag::Diagnostic& out) {
  if (fault.token->getType() != Parser::LP || !fault.Adjacent()) return false;
  if (fault.previous_type() != Parser::NAME && fault.previous_type() != Parser::BARE) return false;
  if (fault.previous_text() == "val") {
    out.help = "`val(...)` stands on the right side of an operator only";
    return true;
  }
  out.message = fmt::format("Unknown transformer {}", Quoted(fault.previous_text()));
  out.primary.span = fault.block.SpanOf(fault.previous);
  std::string nearest(Ours(kTransformerSynonyms, fault.previous_text()));
  if (nearest.empty()) nearest = diag::Nearest(fault.previous_text(), TransformerNames());
  std::string names;
  for (const std::string_view name : TransformerNames())
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", name);
  out.help = nearest.empty() ? "the transformers are " + names : fmt::format("did you mean `{}`?", nearest);
  return true;
}

// Values that are short sentences: show the whole form.
bool HintForForm(const Fault& fault, diag::Diagnostic& out) {
  switch (fault.rule) {
    case Parser::RuleRate:
      out.help = "write `N per TIME`, for example `1 per 10m`";
      return true;
    case Parser::RuleAction:
      out.help = "write `add %FIELD to SET for TIME`";
      return true;
    case Parser::RuleScope:
      out.help = "write `uid N`, `cgroup PATH` or `percent N`";
      return true;
    default:
      return false;
  }
}

bool HintForValue(const Fault& fault, diag::Diagnostic& out) {
  const size_t type = fault.token->getType();
  if (fault.expected.Has(Parser::LIST_LP) && type == Parser::STRING) {
    out.help = fmt::format("`{}` takes a list: `{} ({})`", fault.previous_text(), fault.previous_text(),
                           fault.text());
    return true;
  }
  if (fault.expected.Has(Parser::AND) && fault.previous_type() == Parser::BARE &&
      fault.previous_text()[0] == '[') {
    out.help = "a list of values in a condition stands in parentheses: `(a, b)`";
    return true;
  }
  if (type == Parser::LIST_LP && !fault.expected.Has(Parser::LIST_LP)) {
    out.help = fmt::format("`{0}` takes one value; use `in (...)` or `{0} anyof (...)` for several",
                           fault.previous_text());
    return true;
  }
  if (fault.expected.Has(Parser::AND) && (fault.previous_type() == Parser::BARE) && type == Parser::NAME) {
    const std::string nearest = diag::Nearest(fault.text(), {"and", "or"});
    if (!nearest.empty()) {
      Suggest(fault, out, nearest);
    } else {
      out.help = "a value with blanks needs quotes";
    }
    return true;
  }
  if (fault.token->getType() == Parser::RP && fault.previous_type() == Parser::COMMA) {
    out.help = "a list in a condition does not end in a comma";
    return true;
  }
  return false;
}

bool HintForNotACheck(const Fault& fault, diag::Diagnostic& out) {
  if (!fault.expected.Has(Parser::NAME)) return false;
  const size_t type = fault.token->getType();
  if (type != Parser::NUMBER && type != Parser::STRING) return false;
  out.help = "a check starts with a field: `proc.name = bash`";
  return true;
}

bool HintForNeighbour(const Fault& fault, diag::Diagnostic& out) {
  const std::string_view text = fault.text();
  if (fault.expected.Has(Parser::WORD) && fault.expected.Has(Parser::STRING) &&
      fault.token->getType() == Parser::LBRACK) {
    out.help = "one value is expected here, not an array";
    return true;
  }
  if (fault.expected.Only(Parser::LBRACK)) {
    out.help = "write the values in brackets: `[a, b]`";
    return true;
  }
  if (fault.expected.Has(Parser::KEY) && text.find(':') != std::string_view::npos) {
    out.help = "put a blank behind the `:`";
    return true;
  }
  return false;
}

// Words behind a block's end, or before the first block.
bool HintForOutside(const Fault& fault, diag::Diagnostic& out) {
  if (!fault.expected.Only(Token::EOF)) return false;
  if (fault.previous_type() == Parser::RBRACE || fault.previous_type() == Parser::RBRACK) {
    out.message = fmt::format("Unexpected {} after the end of the {}", Quoted(fault.text()),
                              BlockKindName(fault.block.kind));
    const std::string nearest = diag::Nearest(fault.text(), {"list", "macro", "rule", "test"});
    out.help = nearest.empty() || fault.text() == nearest
                   ? "a block starts at the beginning of a line with `list`, `macro`, `rule` or `test`"
                   : fmt::format("did you mean `{}`?", nearest);
    return true;
  }
  return false;
}

// The innermost bracket before `token` that is still open.
const Token* OpenBracket(const std::vector<Token*>& tokens, const Token* token) {
  std::vector<const Token*> open;
  for (const Token* each : tokens) {
    if (each == token) break;
    if (Opens(each->getType()) != Bracket::kNone) open.push_back(each);
    const Bracket closes = Closes(each->getType());
    if (closes != Bracket::kNone && !open.empty() && Opens(open.back()->getType()) == closes) open.pop_back();
  }
  return open.empty() ? nullptr : open.back();
}

// At the end, before a key or before `}`, a bracket that nobody closed is the likely cause.
void ShowOpening(const Fault& fault, diag::Diagnostic& out) {
  const Token* open = OpenBracket(fault.tokens, fault.token);
  if (open == nullptr) return;
  const size_t type = fault.token->getType();
  const bool at_end = type == Token::EOF || type == Parser::KEY || type == Parser::RBRACE || IsBlockKey(type);
  const Bracket bracket = Opens(open->getType());
  const size_t closer = bracket == Bracket::kRound    ? Parser::RP
                        : bracket == Bracket::kSquare ? Parser::RBRACK
                                                      : Parser::RBRACE;
  if (!(at_end && fault.expected.Has(closer)) && !fault.expected.Only(closer)) return;
  const source::Span whole = fault.block.SpanOf(open);
  const source::Span sign{whole.file, whole.end - 1, whole.end};  // the bracket alone: `proc.aname[`
  const std::string_view text = fault.block.TextOf(open);
  out.others.push_back({sign, fmt::format("`{}` opened here", text.back())});
  if (type == Token::EOF && bracket == Bracket::kBrace) {
    out.message = fmt::format("The {} does not end: `}}` is missing", BlockKindName(fault.block.kind));
    const bool glued = fault.previous_type() == Parser::BARE && fault.previous_text().back() == '}';
    if (glued) out.help = "put a blank before the `}`, or it belongs to the value";
  }
}

std::string Sentence(const Fault& fault) {
  const std::string phrase = Phrase(fault.expected, fault.block.kind);
  const size_t type = fault.token->getType();
  std::string met;
  if (type == Token::EOF) {
    met = fmt::format("Unexpected end of the {}", BlockKindName(fault.block.kind));
  } else if (type == Parser::KEY || IsBlockKey(type)) {
    met = fmt::format("Unexpected key `{}`", KeyName(fault.text()));
  } else {
    met = "Unexpected " + Quoted(fault.text());
  }
  return phrase.empty() ? met : met + ", expected " + phrase;
}

}  // namespace

const std::vector<std::string_view>& OperatorNames() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (int i = 0; i <= static_cast<int>(ast::Op::kExists); ++i)
      all.push_back(ast::OpName(static_cast<ast::Op>(i)));
    return all;
  }();
  return names;
}

// A string without an end ate the rest of its line; what is missing after it was reported with it.
bool SyntaxErrors::Excused(size_t index) const {
  for (size_t i = std::min(index + 1, tokens_.size()); i-- > 0;) {
    if (scanned_.unterminated.count(i) > 0) return true;
    if (i == index || !IsBlockKey(tokens_[i]->getType())) continue;
    // A test has no condition; that is said once, whatever stands in it.
    return block_.kind == BlockKind::kTest && tokens_[i]->getType() == Parser::CONDITION_KEY;
  }
  return false;
}

void SyntaxErrors::Report(antlr4::Parser* parser) {
  const Token* token = parser->getCurrentToken();
  const size_t index = token->getTokenIndex();
  for (const auto* context = parser->getContext(); context != nullptr;
       context = static_cast<const antlr4::ParserRuleContext*>(context->parent)) {
    broken_.insert(context);
  }
  if (inErrorRecoveryMode(parser)) return;
  beginErrorCondition(parser);
  if (Excused(index)) return;
  const Fault fault{block_,
                    tokens_,
                    token,
                    index > 0 ? tokens_[index - 1] : nullptr,
                    parser->getContext()->getRuleIndex(),
                    Expected(parser->getExpectedTokens())};
  auto& out = block_.diagnostics.Add(diag::Code::E101, block_.SpanOf(token), Sentence(fault));
  ShowOpening(fault, out);
  if (!out.help.empty()) return;
  HintForComment(fault, out) || HintForOutside(fault, out) || HintForLogic(fault, out) ||
      HintForForm(fault, out) || HintForSwallowedKeyword(fault, out) || HintForCall(fault, out) ||
      HintForGlued(fault, out) || HintForOperator(fault, out) || HintForValue(fault, out) ||
      HintForNotACheck(fault, out) || HintForNeighbour(fault, out);
}

void SyntaxErrors::SkipToKey(antlr4::Parser* parser) {
  for (;;) {
    const Token* token = parser->getCurrentToken();
    const size_t type = token->getType();
    if (type == Token::EOF || IsBlockKey(type) || token->getTokenIndex() == scanned_.last_brace) return;
    parser->getTokenStream()->consume();
  }
}

void SyntaxErrors::reportError(antlr4::Parser* parser, const antlr4::RecognitionException&) {
  Report(parser);
}

void SyntaxErrors::recover(antlr4::Parser* parser, std::exception_ptr) { SkipToKey(parser); }

Token* SyntaxErrors::recoverInline(antlr4::Parser* parser) { throw antlr4::InputMismatchException(parser); }

// Called before each choice: a word that fits nowhere is reported here, where most is known about what could
// stand.
void SyntaxErrors::sync(antlr4::Parser* parser) {
  if (inErrorRecoveryMode(parser)) return;
  const antlr4::atn::ATN& atn = parser->getATN();
  const antlr4::misc::IntervalSet& next = atn.nextTokens(atn.states[parser->getState()]);
  const size_t seen = parser->getCurrentToken()->getType();
  if (next.contains(seen)) return;
  if (next.contains(Token::EPSILON) && parser->isExpectedToken(seen)) return;
  const size_t rule = parser->getContext()->getRuleIndex();
  if (rule != Parser::RuleRuleBlock && rule != Parser::RuleTestBlock)
    throw antlr4::InputMismatchException(parser);
  // Between two entries the loop over them can simply go on at the next one.
  Report(parser);
  SkipToKey(parser);
}

}  // namespace sluice::parse
