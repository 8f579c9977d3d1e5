#include "compiler/parse/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/parse/build.h"
#include "compiler/parse/read_list.h"
#include "compiler/parse/values.h"
#include "compiler/source/utf8.h"

namespace sluice::parse {
namespace {

// Runs one block after the other through the same lexer and parser.
class BlockParser {
 public:
  BlockParser(const Limits& limits, ast::RuleSet& rules) : limits_(limits), rules_(rules) {
    parser_.removeErrorListeners();
  }

  void Parse(const BlockText& block, const std::vector<ast::Word>& allowed) {
    if (block.kind == BlockKind::kList && ReadListWhole(block, allowed)) return;
    WithTokens(block, [&](SyntaxErrors& errors) { Dispatch(block, errors, allowed); });
  }

  bool ParseCondition(const BlockText& block, ast::Expr& condition) {
    const size_t errors_before = block.diagnostics.errors();
    WithTokens(block, [&](SyntaxErrors& errors) {
      Grammar::ConditionAloneContext* context = parser_.conditionAlone();
      if (!errors.Any()) condition = ConditionOf(block, context->expression());
    });
    return block.diagnostics.errors() == errors_before;
  }

 private:
  // False: the parser has to find out what is wrong with it. A list too large for the parser is told here.
  bool ReadListWhole(const BlockText& block, const std::vector<ast::Word>& allowed) {
    ast::List list;
    const ReadListResult read = ReadList(block.text, block.file, block.base, list);
    if (read.whole) {
      list.allowed_warnings = allowed;
      rules_.lists.push_back(std::move(list));
      return true;
    }
    if (block.text.size() <= limits_.max_block_bytes) return false;
    const size_t end = std::min(read.stopped_at + 1, block.text.size());
    auto& fault = block.diagnostics.Add(diag::Code::E101, block.SpanOf(std::min(read.stopped_at, end), end),
                                        "This does not fit into a list");
    fault.help =
        "write `list NAME = [item, item]`; an item with blanks, quotes, brackets or commas needs quotes";
    return true;
  }

  // ANTLR reports with exceptions inside its generated code, which catches them; what still comes out is a
  // fault of this module, and must not leave it as an exception.
  template <typename Use>
  void WithTokens(const BlockText& block, const Use& use) {
    try {
      stream_.Set(block.text, block.kind);
      lexer_.setInputStream(&stream_);
      if (block.kind == BlockKind::kCondition) lexer_.setMode(BlockLexer::COND);
      tokens_.setTokenSource(&lexer_);
      tokens_.fill();
      const std::vector<antlr4::Token*> all = tokens_.getTokens();
      const Scanned scanned = Scan(block, all, limits_);
      if (!scanned.fit_to_parse) return;
      auto errors = std::make_shared<SyntaxErrors>(block, scanned, all);
      parser_.setErrorHandler(errors);
      parser_.setTokenStream(&tokens_);
      use(*errors);
    } catch (const antlr4::RuntimeException& exception) {
      block.diagnostics.Add(
          diag::Code::E101, block.SpanOf(0, block.text.find('\n')),
          fmt::format("The {} cannot be parsed ({})", BlockKindName(block.kind), exception.what()));
    }
  }

  void Dispatch(const BlockText& block, SyntaxErrors& errors, const std::vector<ast::Word>& allowed) {
    switch (block.kind) {
      case BlockKind::kList: {
        ast::List list;
        list.allowed_warnings = allowed;
        Keep(ListOf(block, errors, parser_.listBlock(), list), errors, list, rules_.lists);
        break;
      }
      case BlockKind::kMacro: {
        ast::Macro macro;
        macro.allowed_warnings = allowed;
        Keep(MacroOf(block, errors, parser_.macroBlock(), macro), errors, macro, rules_.macros);
        break;
      }
      case BlockKind::kRule: {
        ast::Rule rule;
        rule.allowed_warnings = allowed;
        Keep(RuleOf(block, errors, parser_.ruleBlock(), rule), errors, rule, rules_.rules);
        break;
      }
      case BlockKind::kTest: {
        ast::Test test;
        Keep(TestOf(block, errors, parser_.testBlock(), test), errors, test, rules_.tests);
        break;
      }
      case BlockKind::kCondition:
        break;
    }
  }

  template <typename Node, typename Nodes>
  static void Keep(bool usable, const SyntaxErrors& errors, Node& node, Nodes& nodes) {
    if (usable && !errors.Guessed()) nodes.push_back(std::move(node));
  }

  const Limits& limits_;
  ast::RuleSet& rules_;
  ByteStream stream_;
  BlockLexer lexer_{&stream_};
  antlr4::CommonTokenStream tokens_{&lexer_};
  Grammar parser_{&tokens_};
};

// The name that a block seems to have, whatever is wrong with the rest of it.
ast::Word ApparentName(const BlockText& block) {
  const std::string_view text = block.text;
  const size_t begin = text.find_first_not_of(" \t\r\n\b\f\v", BlockKindName(block.kind).size());
  if (begin == std::string_view::npos) return {};
  const char quote = text[begin];
  if (quote != '"' && quote != '\'') {
    const size_t end = std::min(text.find_first_of("=\"'#{[( \t\r\n\b\f\v", begin), text.size());
    return {std::string(text.substr(begin, end - begin)), block.SpanOf(begin, end), false};
  }
  size_t end = begin + 1;
  while (end < text.size() && text[end] != quote && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
  end = std::min(end, text.size());
  if (end < text.size() && text[end] == quote) ++end;
  return {Unescape(text.substr(begin, end - begin), [](size_t, size_t) {}), block.SpanOf(begin, end), true};
}

void NoteBroken(const BlockText& block, ast::RuleSet& rules) {
  if (block.kind == BlockKind::kTest) return;  // nothing refers to a test
  ast::Word name = ApparentName(block);
  if (!name.text.empty()) rules.broken.push_back(std::move(name));
}

// Reports the first byte of [begin, end) that no text has.
bool Encoded(std::string_view text, source::FileId file, uint32_t begin, uint32_t end,
             diag::Diagnostics& diagnostics) {
  const size_t bad = source::FindBadByte(text.substr(begin, end - begin));
  if (bad == std::string_view::npos) return true;
  const uint32_t at = static_cast<uint32_t>(begin + bad);
  const bool nul = text[at] == '\0';
  auto& fault =
      diagnostics.Add(diag::Code::E105, {file, at, at + 1},
                      nul ? std::string("A NUL byte does not belong into a text")
                          : fmt::format("The byte 0x{:02x} is not UTF-8", static_cast<uint8_t>(text[at])));
  fault.help =
      nul ? "in a string it is written \\x00" : "save the file as UTF-8; in a string a byte is written \\xHH";
  return false;
}

bool FitsIn(std::string_view text, source::FileId file, uint32_t limit, uint32_t begin, uint32_t end,
            std::string_view what, diag::Diagnostics& diagnostics) {
  if (end - begin <= limit) return true;
  const uint32_t line_end = static_cast<uint32_t>(std::min<size_t>(text.find('\n', begin), end));
  diagnostics.Add(diag::Code::E110, {file, begin, line_end},
                  fmt::format("This {} has {} bytes, more than {}", what, end - begin, limit));
  return false;
}

void ReportJunk(std::string_view text, source::FileId file, uint32_t begin, uint32_t end,
                diag::Diagnostics& diagnostics) {
  const std::string_view junk = text.substr(begin, end - begin);
  auto& fault = diagnostics.Add(diag::Code::E101, {file, begin, end}, "This text belongs to no block");
  if (junk.substr(0, 2) == "- ") {
    fault.help = "this looks like Falco's YAML: name the file *.yaml";
    return;
  }
  const std::string_view word = junk.substr(0, junk.find_first_of(" \t\r\n\"'"));
  const std::string nearest = diag::Nearest(word, {"list", "macro", "rule", "test"});
  if (nearest.empty() || nearest == word) {
    fault.help = "a block starts at the beginning of a line with `list`, `macro`, `rule` or `test`";
  } else {
    fault.help = fmt::format("did you mean `{}`?", nearest);
  }
}

// The grammar's faults come before those of values; a reader wants them from top to bottom.
void AddInOrder(const diag::Diagnostics& found, diag::Diagnostics& diagnostics) {
  std::vector<const diag::Diagnostic*> sorted;
  for (const diag::Diagnostic& each : found.all()) sorted.push_back(&each);
  std::stable_sort(sorted.begin(), sorted.end(), [](const diag::Diagnostic* a, const diag::Diagnostic* b) {
    return a->primary.span.begin < b->primary.span.begin;
  });
  for (const diag::Diagnostic* each : sorted)
    diagnostics.Add(each->code, each->primary.span, each->message) = *each;
}

uint32_t AfterMark(std::string_view text) {
  const size_t mark = source::kByteOrderMark.size();
  return text.substr(0, mark) == source::kByteOrderMark ? static_cast<uint32_t>(mark) : 0;
}

}  // namespace

void Parse(const source::Files& files, source::FileId file, const Limits& limits, ast::RuleSet& rules,
           diag::Diagnostics& diagnostics) {
  const std::string_view text = files.text(file);
  const uint32_t begin = AfterMark(text);
  const SplitFile split = SplitBlocks(text, file, begin, limits.max_blocks);
  const uint32_t first_block =
      split.blocks.empty() ? static_cast<uint32_t>(text.size()) : split.blocks.front().begin;
  const bool encoded = Encoded(text, file, begin, first_block, diagnostics);
  if (encoded && split.junk_end > 0) ReportJunk(text, file, split.junk_begin, split.junk_end, diagnostics);
  BlockParser parser(limits, rules);
  for (const Block& block : split.blocks) {
    diag::Diagnostics found;
    const BlockText block_text{block.kind, file, block.begin,
                               text.substr(block.begin, block.end - block.begin), found};
    const uint32_t limit = block.kind == BlockKind::kList ? limits.max_list_bytes : limits.max_block_bytes;
    if (FitsIn(text, file, limit, block.begin, block.end, BlockKindName(block.kind), found) &&
        Encoded(text, file, block.begin, block.end, found)) {
      parser.Parse(block_text, block.allowed);
    }
    if (!found.ok()) NoteBroken(block_text, rules);
    AddInOrder(found, diagnostics);
  }
  if (split.more) {
    diagnostics.Add(diag::Code::E110, {file, split.more_begin, split.more_begin + 4},
                    fmt::format("The file has more than {} blocks", limits.max_blocks));
  }
}

bool ParseCondition(const source::Files& files, source::FileId file, const Limits& limits,
                    ast::Expr& condition, diag::Diagnostics& diagnostics) {
  const std::string_view text = files.text(file);
  const uint32_t begin = AfterMark(text);
  const uint32_t end = static_cast<uint32_t>(text.size());
  if (!FitsIn(text, file, limits.max_block_bytes, begin, end, "condition", diagnostics)) return false;
  if (!Encoded(text, file, begin, end, diagnostics)) return false;
  ast::RuleSet unused;
  return BlockParser(limits, unused)
      .ParseCondition({BlockKind::kCondition, file, begin, text.substr(begin), diagnostics}, condition);
}

}  // namespace sluice::parse
