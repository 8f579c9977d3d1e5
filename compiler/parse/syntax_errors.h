// parse/syntax_errors.h - what is said where a block's words do not fit the grammar, and where parsing goes
// on.
//
// One sentence of our own for each fault: never a token's name. After a fault the parser skips to the next
// key of the block, so the other entries are still read and checked. Private to parse/: it includes ANTLR.
//
// Threads: not synchronized; one object per block. Errors: E101.
#pragma once

#include <antlr4-runtime.h>

#include <unordered_set>

#include "compiler/parse/tokens.h"

namespace sluice::parse {

class SyntaxErrors final : public antlr4::DefaultErrorStrategy {
 public:
  SyntaxErrors(const BlockText& block, const Scanned& scanned, const std::vector<antlr4::Token*>& tokens)
      : block_(block), scanned_(scanned), tokens_(tokens) {}

  // True when a fault was met in this part of the tree; it may then lack anything.
  bool Broken(const antlr4::ParserRuleContext* context) const { return broken_.count(context) > 0; }
  bool Any() const { return !broken_.empty() || Guessed(); }
  // True when a string without an end was taken for one: the block may lack the rest of that line.
  bool Guessed() const { return !scanned_.unterminated.empty(); }

  void reportError(antlr4::Parser* parser, const antlr4::RecognitionException& error) override;
  void recover(antlr4::Parser* parser, std::exception_ptr error) override;
  antlr4::Token* recoverInline(antlr4::Parser* parser) override;
  void sync(antlr4::Parser* parser) override;

 private:
  void Report(antlr4::Parser* parser);
  void SkipToKey(antlr4::Parser* parser);
  bool Excused(size_t index) const;

  const BlockText& block_;
  const Scanned& scanned_;
  const std::vector<antlr4::Token*>& tokens_;
  std::unordered_set<const antlr4::ParserRuleContext*> broken_;
};

// The spelling of every operator that a condition knows.
const std::vector<std::string_view>& OperatorNames();

}  // namespace sluice::parse
