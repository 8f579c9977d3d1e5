#include "compiler/parse/words.h"

#include "compiler/parse/tokens.h"
#include "compiler/source/utf8.h"

namespace sluice::parse {
namespace {

using Lexer = grammar::SluiceLexer;
using Kind = WordAt::Kind;

Kind KindOf(size_t type, bool condition) {
  switch (type) {
    case Lexer::STRING:
      return Kind::kString;
    case Lexer::KEY:
      return Kind::kPairKey;
    case Lexer::FUNC_LP:
    case Lexer::VAL_LP:
    case Lexer::FIELD_ARG:
      return Kind::kAttached;
    case Lexer::LBRACK:
      return condition ? Kind::kAttached : Kind::kOpen;
    case Lexer::QUANT_LP:
    case Lexer::QUANT_NAME:
      return Kind::kQuantifier;
    case Lexer::COMMA:
      return Kind::kComma;
    case Lexer::COLON:
      return Kind::kColon;
    case Lexer::ASSIGN:
      return Kind::kAssign;
    case Lexer::AND:
    case Lexer::OR:
      return Kind::kAndOr;
    case Lexer::NOT:
      return Kind::kNot;
    case Lexer::EXISTS:
    case Lexer::NUM_OP:
    case Lexer::STR_OP:
    case Lexer::LIST_OP:
      return Kind::kOperator;
    default:
      break;
  }
  if (IsBlockKey(type)) return Kind::kKey;
  if (Opens(type) != Bracket::kNone) return Kind::kOpen;
  return Closes(type) != Bracket::kNone ? Kind::kClose : Kind::kWord;
}

}  // namespace

std::vector<BlockWords> WordsOf(const source::Files& files, source::FileId file, const Limits& limits) {
  const std::string_view text = files.text(file);
  const bool marked = text.substr(0, source::kByteOrderMark.size()) == source::kByteOrderMark;
  const uint32_t begin = marked ? static_cast<uint32_t>(source::kByteOrderMark.size()) : 0;
  std::vector<BlockWords> blocks;
  ByteStream stream;
  BlockLexer lexer(&stream);
  antlr4::CommonTokenStream tokens(&lexer);
  for (const Block& block : SplitBlocks(text, file, begin, limits.max_blocks).blocks) {
    BlockWords& out = blocks.emplace_back();
    out.kind = block.kind;
    out.begin = block.begin;
    out.end = block.end;
    if (block.end - block.begin > limits.max_block_bytes) continue;
    diag::Diagnostics none;
    const BlockText block_text{block.kind, file, block.begin,
                               text.substr(block.begin, block.end - block.begin), none};
    stream.Set(block_text.text, block_text.kind);
    lexer.setInputStream(&stream);
    tokens.setTokenSource(&lexer);
    tokens.fill();
    const std::vector<antlr4::Token*> all = tokens.getTokens();
    Scan(block_text, all, limits);
    bool condition = block.kind == BlockKind::kMacro;
    for (const antlr4::Token* token : all) {
      if (token->getType() == antlr4::Token::EOF) break;
      const source::Span span = block_text.SpanOf(token);
      const Kind kind = KindOf(token->getType(), condition);
      if (kind == Kind::kKey) condition = token->getType() == Lexer::CONDITION_KEY;
      out.words.push_back({kind, span.begin, span.end});
    }
  }
  return blocks;
}

}  // namespace sluice::parse
