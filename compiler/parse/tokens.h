// parse/tokens.h - the words of one block, checked before the parser sees them. Private to parse/: it
// includes ANTLR.
//
// Threads: not synchronized. Memory: borrows the block's text. Errors: Scan() reports E102 and E104.
#pragma once

#include <antlr4-runtime.h>

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "SluiceLexer.h"
#include "compiler/diag/diag.h"
#include "compiler/parse/limits.h"
#include "compiler/parse/split_blocks.h"

namespace sluice::parse {

// The block at hand: where its bytes are and where to complain.
struct BlockText {
  BlockKind kind;
  source::FileId file;
  uint32_t base;  // of the block in its file
  std::string_view text;
  diag::Diagnostics& diagnostics;

  source::Span SpanOf(size_t begin, size_t end) const {
    return {file, static_cast<uint32_t>(base + begin), static_cast<uint32_t>(base + end)};
  }
  source::Span SpanOf(const antlr4::Token* token) const;
  std::string_view TextOf(const antlr4::Token* token) const;
};

// The bytes of a text as ANTLR's stream. A byte that is not ASCII is shown as 0x7f: the lexer caches its
// decisions for ASCII only and is thirty times slower on anything else. Offsets are bytes, and nothing
// throws.
// In a condition that stands alone (Falco's YAML, `eval`) there are no comments, no `}` that ends a block and no line
// that starts with a key: `#` and `}` are shown as a letter of a bare word, and a line end as a blank.
class ByteStream final : public antlr4::CharStream {
 public:
  void Set(std::string_view text, BlockKind kind) {
    text_ = text;
    at_ = 0;
    alone_ = kind == BlockKind::kCondition;
  }

  void consume() override {
    if (at_ < text_.size()) ++at_;
  }
  size_t LA(ssize_t i) override;
  std::string_view text() const { return text_; }
  ssize_t mark() override { return -1; }
  void release(ssize_t) override {}
  size_t index() override { return at_; }
  void seek(size_t index) override { at_ = index < text_.size() ? index : text_.size(); }
  size_t size() override { return text_.size(); }
  std::string getSourceName() const override { return "block"; }
  std::string getText(const antlr4::misc::Interval& interval) override;
  std::string toString() const override { return std::string(text_); }

 private:
  std::string_view text_;
  size_t at_ = 0;
  bool alone_ = false;
};

// Words that Falco reads as two, for it looks no further than the operator or the number: `existsand`, `inconnect`
// behind a field, `>4or`. They are cut only where the rest can be what Falco takes it for. And a quantifier does not
// reach to the next line's key.
class BlockLexer final : public grammar::SluiceLexer {
 public:
  explicit BlockLexer(ByteStream* stream) : SluiceLexer(stream), stream_(*stream) { removeErrorListeners(); }
  std::unique_ptr<antlr4::Token> nextToken() override;

 private:
  void Cut(antlr4::CommonToken& met, size_t bytes, size_t as_type, size_t next_mode);

  ByteStream& stream_;
  size_t previous_ = antlr4::Token::EOF;  // type of the token before
};

// What is known of a block's tokens besides their types.
struct Scanned {
  bool fit_to_parse = true;                 // false: too deep, the parser would run out of stack
  std::unordered_set<size_t> unterminated;  // indices of strings without an end, already reported
  size_t last_brace = SIZE_MAX;             // index of the last `}`
};

// Gives the keys their own types, reports strings without an end and nesting that is too deep.
Scanned Scan(const BlockText& block, const std::vector<antlr4::Token*>& tokens, const Limits& limits);

// A key's name without colon and blanks: "output".
std::string_view KeyName(std::string_view token_text);

// A key of the block itself, known or not; not one inside braces.
bool IsBlockKey(size_t token_type);

// The keys of a rule or test, as written.
const std::vector<std::string_view>& KeysOf(BlockKind kind);

// The token's own closing or opening: `(` `)`, `[` `]`, `{` `}`.
enum class Bracket : uint8_t { kNone, kRound, kSquare, kBrace };
Bracket Opens(size_t token_type);
Bracket Closes(size_t token_type);

}  // namespace sluice::parse
