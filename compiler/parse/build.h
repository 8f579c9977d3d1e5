// parse/build.h - from ANTLR's tree to ast::. Private to parse/: it includes ANTLR.
//
// Each function takes a part of the tree without faults (SyntaxErrors::Broken() is false) unless it says
// otherwise, and reports what the grammar lets through: unknown keys, keys given twice, values that a key
// does not know.
//
// Threads: pure but for the diagnostics. Memory: results are self-contained. Errors: E101, E103, E106 to
//          E109.
#pragma once

#include <string>
#include <vector>

#include "SluiceParser.h"
#include "compiler/ast/ast.h"
#include "compiler/parse/syntax_errors.h"
#include "compiler/parse/tokens.h"

namespace sluice::parse {

using Grammar = grammar::SluiceParser;

// ---- words
// -----------------------------------------------------------------------------------------------------
ast::Word WordOf(const BlockText& block, const antlr4::Token* token);
ast::Word WordOf(const BlockText& block, Grammar::ScalarContext* scalar);
// The name of a key, with its place, without the colon.
ast::Word KeyOf(const BlockText& block, const antlr4::Token* token);
source::Span SpanOf(const BlockText& block, const antlr4::ParserRuleContext* context);

// `[a, b,]`; two commas in a row are reported.
std::vector<ast::Word> ArrayOf(const BlockText& block, Grammar::ArrayContext* array);
void RefuseEmptyItems(const BlockText& block, const antlr4::ParserRuleContext* sequence);

// Reports E109 at `word`: `X is not a priority`, with the nearest of `known` or, if there are few, all of
// them.
void RefuseValue(const BlockText& block, const ast::Word& word, std::string_view what,
                 const std::vector<std::string_view>& known);
// Reports E107 for a key that `owner` ("A rule") does not have. Returns the key that was probably meant, if
// any.
std::string RefuseKey(const BlockText& block, const ast::Word& key, std::string_view owner,
                      const std::vector<std::string_view>& known);

// Reports E108 when a key comes a second time.
class KeysSeen {
 public:
  bool Add(const BlockText& block, const ast::Word& key);  // false: given before
  void Excuse(std::string_view name);                      // as good as given: it was misspelt
  bool Has(std::string_view name) const;

 private:
  std::vector<ast::Word> seen_;
};

// ---- parts
// -----------------------------------------------------------------------------------------------------
ast::Expr ConditionOf(const BlockText& block, Grammar::ExpressionContext* expression);
std::vector<ast::Exception> ExceptionsOf(const BlockText& block, Grammar::ExceptionsContext* exceptions);

// ---- blocks; faults may be anywhere; false: nothing usable
// -------------------------------------------------------
bool ListOf(const BlockText& block, const SyntaxErrors& errors, Grammar::ListBlockContext* context,
            ast::List& list);
bool MacroOf(const BlockText& block, const SyntaxErrors& errors, Grammar::MacroBlockContext* context,
             ast::Macro& macro);
bool RuleOf(const BlockText& block, const SyntaxErrors& errors, Grammar::RuleBlockContext* context,
            ast::Rule& rule);
bool TestOf(const BlockText& block, const SyntaxErrors& errors, Grammar::TestBlockContext* context,
            ast::Test& test);

}  // namespace sluice::parse
