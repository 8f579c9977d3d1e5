#include "compiler/parse/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "compiler/parse/values.h"
#include "compiler/source/utf8.h"

namespace sluice::parse {
namespace {

using Lexer = grammar::SluiceLexer;

struct KeyRow {
  std::string_view name;
  size_t type;
};

constexpr KeyRow kRuleKeys[] = {
    {"desc", Lexer::DESC_KEY},
    {"condition", Lexer::CONDITION_KEY},
    {"output", Lexer::OUTPUT_KEY},
    {"priority", Lexer::PRIORITY_KEY},
    {"action", Lexer::ACTION_KEY},
    {"errno", Lexer::ERRNO_KEY},
    {"on_unknown", Lexer::ON_UNKNOWN_KEY},
    {"mode", Lexer::MODE_KEY},
    {"tags", Lexer::TAGS_KEY},
    {"enabled", Lexer::ENABLED_KEY},
    {"source", Lexer::SOURCE_KEY},
    {"exceptions", Lexer::EXCEPTIONS_KEY},
    {"throttle", Lexer::THROTTLE_KEY},
    {"then", Lexer::THEN_KEY},
    {"scope", Lexer::SCOPE_KEY},
    {"fuse", Lexer::FUSE_KEY},
};
constexpr KeyRow kTestKeys[] = {{"event", Lexer::EVENT_KEY},
                                {"expect", Lexer::EXPECT_KEY},
                                {"trigger", Lexer::TRIGGER_KEY},
                                {"capture", Lexer::CAPTURE_KEY}};

template <size_t N>
size_t TypeOf(const KeyRow (&rows)[N], std::string_view name) {
  for (const KeyRow& row : rows) {
    if (row.name == name) return row.type;
  }
  return Lexer::KEY;
}

template <size_t N>
std::vector<std::string_view> NamesOf(const KeyRow (&rows)[N]) {
  std::vector<std::string_view> names;
  for (const KeyRow& row : rows) names.push_back(row.name);
  return names;
}

bool IsKey(size_t type) { return type == Lexer::KEY || type == Lexer::CONDITION_KEY; }

constexpr std::string_view kBlanks = " \t\r\b\f\v";

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Whether a check may be over before `rest`: nothing on the line, `)`, `}`, a comment, `and` or `or`.
bool EndsCheck(std::string_view rest) {
  const size_t begin = rest.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return true;
  rest.remove_prefix(begin);
  if (rest[0] == '\n' || rest[0] == ')' || rest[0] == '}' || rest[0] == '#') return true;
  const std::string_view word = rest.substr(0, rest.find_first_of("( \t\r\n\b\f\v"));
  return word == "and" || word == "or";
}

// Bytes of the operator that `word` starts with and that takes the rest for a list's name; 0: none.
size_t GluedListOperator(std::string_view word) {
  for (const std::string_view op : {"intersects", "in", "pmatch"}) {
    if (word.size() > op.size() && word.starts_with(op)) return IsLetter(word[op.size()]) ? op.size() : 0;
  }
  return 0;
}

// Bytes before a last `and` or `or`; 0: it ends otherwise.
size_t BeforeGluedLogic(std::string_view word) {
  for (const std::string_view logic : {"and", "or"}) {
    if (word.size() > logic.size() && word.ends_with(logic)) return word.size() - logic.size();
  }
  return 0;
}

// Whether the name behind a quantifier is the next line's key. `rest` begins at the quantifier.
bool HoldsKey(std::string_view rest, size_t bytes) {
  const size_t next = rest.find_first_not_of(kBlanks, bytes);
  return next != std::string_view::npos && rest[next] == ':' &&
         rest.substr(0, bytes).find('\n') != std::string_view::npos;
}

// A key that ended an unclosed value starts with the line end before it.
void TrimKey(const BlockText& block, antlr4::CommonToken* token) {
  const std::string_view text = block.TextOf(token);
  const size_t blanks = text.find_first_not_of("\n \t\r\b\f\v");
  if (blanks != std::string_view::npos) token->setStartIndex(token->getStartIndex() + blanks);
}

// A string of a condition alone may hold line ends, as in Falco; the first line of one without an end is shown.
void ReportUnterminated(const BlockText& block, const antlr4::Token* token) {
  const std::string_view text = block.TextOf(token);
  const bool alone = block.kind == BlockKind::kCondition;
  const size_t begin = token->getStartIndex();
  auto& fault = block.diagnostics.Add(
      diag::Code::E102, block.SpanOf(begin, begin + std::min(text.find('\n'), text.size())),
      alone ? "The string does not end" : "The string does not end on its line");
  fault.help = alone ? fmt::format("close it with {}", text[0])
                     : fmt::format("close it with {}; a line end inside a string is written \\n", text[0]);
}

// Counts how deep the parser and the tree would nest at each token. `not` counts too: it nests in the tree.
class Depth {
 public:
  // Returns the depth at this token.
  size_t Take(size_t type) {
    if (Opens(type) != Bracket::kNone) {
      outer_nots_.push_back(nots_);
      nots_ = 0;
    } else if (Closes(type) != Bracket::kNone) {
      total_nots_ -= nots_;
      nots_ = 0;
      if (!outer_nots_.empty()) {
        total_nots_ -= outer_nots_.back();
        outer_nots_.pop_back();
      }
    } else if (type == Lexer::NOT) {
      ++nots_;
      ++total_nots_;
    } else {
      total_nots_ -= nots_;
      nots_ = 0;
    }
    return outer_nots_.size() + total_nots_;
  }

 private:
  std::vector<size_t> outer_nots_;  // for each open bracket, the `not`s right before it
  size_t nots_ = 0, total_nots_ = 0;
};

}  // namespace

source::Span BlockText::SpanOf(const antlr4::Token* token) const {
  if (token->getType() == antlr4::Token::EOF) {
    const size_t last = text.find_last_not_of(" \t\r\n\b\f\v");
    const size_t end = last == std::string_view::npos ? 0 : last + 1;
    return SpanOf(end, end);
  }
  return SpanOf(token->getStartIndex(), token->getStopIndex() + 1);
}

std::string_view BlockText::TextOf(const antlr4::Token* token) const {
  if (token->getType() == antlr4::Token::EOF) return {};
  return text.substr(token->getStartIndex(), token->getStopIndex() + 1 - token->getStartIndex());
}

size_t ByteStream::LA(ssize_t i) {
  if (i == 0) return 0;
  const ssize_t position = static_cast<ssize_t>(at_) + (i > 0 ? i - 1 : i);
  if (position < 0 || position >= static_cast<ssize_t>(text_.size())) return IntStream::EOF;
  const auto byte = static_cast<unsigned char>(text_[static_cast<size_t>(position)]);
  constexpr size_t kLetter = 0x7f;
  if (byte >= 0x80 || (alone_ && (byte == '#' || byte == '}'))) return kLetter;
  return alone_ && byte == '\n' ? ' ' : byte;
}

std::string ByteStream::getText(const antlr4::misc::Interval& interval) {
  if (interval.a < 0 || interval.b < interval.a || static_cast<size_t>(interval.a) >= text_.size()) return {};
  return std::string(
      text_.substr(static_cast<size_t>(interval.a), static_cast<size_t>(interval.b - interval.a + 1)));
}

std::string_view KeyName(std::string_view token_text) {
  const size_t colon = token_text.rfind(':');
  std::string_view name = token_text.substr(0, colon);
  const size_t last = name.find_last_not_of(" \t\r\b\f\v");
  return name.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

bool IsBlockKey(size_t type) {
  return type == Lexer::CONDITION_KEY || (type >= Lexer::DESC_KEY && type <= Lexer::UNKNOWN_KEY);
}

const std::vector<std::string_view>& KeysOf(BlockKind kind) {
  static const std::vector<std::string_view> rule = NamesOf(kRuleKeys), test = NamesOf(kTestKeys), none;
  return kind == BlockKind::kRule ? rule : kind == BlockKind::kTest ? test : none;
}

Bracket Opens(size_t type) {
  switch (type) {
    case Lexer::LP:
    case Lexer::FUNC_LP:
    case Lexer::LIST_LP:
    case Lexer::QUANT_LP:
    case Lexer::VAL_LP:
      return Bracket::kRound;
    case Lexer::LBRACK:
    case Lexer::FIELD_ARG:
      return Bracket::kSquare;
    case Lexer::LBRACE:
      return Bracket::kBrace;
    default:
      return Bracket::kNone;
  }
}

Bracket Closes(size_t type) {
  switch (type) {
    case Lexer::RP:
      return Bracket::kRound;
    case Lexer::RBRACK:
      return Bracket::kSquare;
    case Lexer::RBRACE:
      return Bracket::kBrace;
    default:
      return Bracket::kNone;
  }
}

std::unique_ptr<antlr4::Token> BlockLexer::nextToken() {
  std::unique_ptr<antlr4::Token> next = SluiceLexer::nextToken();
  auto& met = static_cast<antlr4::CommonToken&>(*next);
  const size_t met_type = met.getType();
  const size_t begin = met.getStartIndex();
  if (met_type == NAME && (previous_ == FIELD || previous_ == RBRACK || previous_ == RP)) {
    const std::string_view rest = stream_.text().substr(begin);
    const std::string_view word = rest.substr(0, met.getStopIndex() + 1 - begin);
    if (word == "existsand" || word == "existsor") {
      Cut(met, BeforeGluedLogic(word), EXISTS, COND);
    } else if (const size_t bytes = GluedListOperator(word);
               bytes > 0 && EndsCheck(rest.substr(word.size()))) {
      Cut(met, bytes, LIST_OP, VALUE);
    }
  } else if (met_type == BARE && previous_ == NUM_OP) {
    const std::string_view word = stream_.text().substr(begin, met.getStopIndex() + 1 - begin);
    const size_t bytes = BeforeGluedLogic(word);
    if (bytes > 0 && IsNumber(word.substr(0, bytes)) && !IsNumber(word)) Cut(met, bytes, BARE, COND);
  } else if (met_type == QUANT_NAME) {
    const std::string_view rest = stream_.text().substr(begin);
    if (HoldsKey(rest, met.getStopIndex() + 1 - begin))
      Cut(met, rest.find_first_of("\n \t\r\b\f\v"), BARE, COND);
  }
  previous_ = met.getType();
  return next;
}

void BlockLexer::Cut(antlr4::CommonToken& met, size_t bytes, size_t as_type, size_t next_mode) {
  met.setType(as_type);
  met.setStopIndex(met.getStartIndex() + bytes - 1);
  stream_.seek(met.getStartIndex() + bytes);
  hitEOF = false;
  setMode(next_mode);
}

Scanned Scan(const BlockText& block, const std::vector<antlr4::Token*>& tokens, const Limits& limits) {
  Scanned scanned;
  Depth depth;
  size_t braces = 0;
  for (antlr4::Token* const plain : tokens) {
    auto* token = static_cast<antlr4::CommonToken*>(plain);
    const size_t type = token->getType();
    if (depth.Take(type) > limits.max_nesting && scanned.fit_to_parse) {
      scanned.fit_to_parse = false;
      block.diagnostics
          .Add(diag::Code::E104, block.SpanOf(token),
               fmt::format("More than {} levels of brackets and `not`", limits.max_nesting))
          .help = "move parts of it into macros";
    }
    if (type == Lexer::LBRACE) ++braces;
    if (type == Lexer::RBRACE) {
      scanned.last_brace = token->getTokenIndex();
      if (braces > 0) --braces;
    }
    if (type == Lexer::UNTERMINATED) {
      ReportUnterminated(block, token);
      scanned.unterminated.insert(token->getTokenIndex());
      token->setType(Lexer::STRING);
    }
    if (!IsKey(type)) continue;
    TrimKey(block, token);
    const std::string_view name = KeyName(block.TextOf(token));
    size_t own = Lexer::KEY;
    if (block.kind == BlockKind::kRule) own = TypeOf(kRuleKeys, name);
    if (block.kind == BlockKind::kTest) own = TypeOf(kTestKeys, name);
    // A key of the block is never a field's name (those have dots), so it also ends braces that were left
    // open.
    if (own != Lexer::KEY) braces = 1;
    // After `condition:` the lexer reads a condition, even in a test, where it does not belong.
    if (type == Lexer::CONDITION_KEY) continue;
    const bool unknown = own == Lexer::KEY && braces <= 1 && !KeysOf(block.kind).empty();
    token->setType(unknown ? static_cast<size_t>(Lexer::UNKNOWN_KEY) : own);
  }
  return scanned;
}

}  // namespace sluice::parse
