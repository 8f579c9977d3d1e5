#include <fmt/format.h>

#include "compiler/parse/build.h"
#include "compiler/parse/values.h"

namespace sluice::parse {

ast::Word WordOf(const BlockText& block, const antlr4::Token* token) {
  ast::Word word{std::string(block.TextOf(token)), block.SpanOf(token), false};
  if (token->getType() != Grammar::STRING) return word;
  word.quoted = true;
  const std::string raw = std::move(word.text);
  word.text = Unescape(raw, [&](size_t offset, size_t length) {
    const size_t at = token->getStartIndex() + offset;
    auto& fault = block.diagnostics.Add(diag::Code::E103, block.SpanOf(at, at + length),
                                        fmt::format("Unknown escape `{}`", raw.substr(offset, length)));
    fault.help = raw[0] == '"'
                     ? R"(a backslash itself is written \\; the others are \" \n \t \r \b \f \/ \xHH)"
                     : R"(a backslash itself is written \\; the others are \' \n \t \r \b \f \/ \xHH)";
    fault.patches.push_back({block.SpanOf(at, at + 1), "\\\\"});
  });
  return word;
}

ast::Word WordOf(const BlockText& block, Grammar::ScalarContext* scalar) {
  return WordOf(block, scalar->getStart());
}

ast::Word KeyOf(const BlockText& block, const antlr4::Token* token) {
  if (token->getType() == Grammar::STRING) return WordOf(block, token);
  const std::string_view name = KeyName(block.TextOf(token));
  return {std::string(name), block.SpanOf(token->getStartIndex(), token->getStartIndex() + name.size()),
          false};
}

source::Span SpanOf(const BlockText& block, const antlr4::ParserRuleContext* context) {
  const antlr4::Token* first = context->start;
  const antlr4::Token* last = context->stop;
  if (first == nullptr) return {};
  if (last == nullptr || last->getTokenIndex() < first->getTokenIndex()) return block.SpanOf(first);
  return source::Cover(block.SpanOf(first), block.SpanOf(last));
}

void RefuseEmptyItems(const BlockText& block, const antlr4::ParserRuleContext* sequence) {
  bool comma = false;
  for (antlr4::tree::ParseTree* child : sequence->children) {
    auto* leaf = dynamic_cast<antlr4::tree::TerminalNode*>(child);
    const bool is_comma = leaf != nullptr && leaf->getSymbol()->getType() == Grammar::COMMA;
    if (is_comma && comma) {
      block.diagnostics.Add(diag::Code::E101, block.SpanOf(leaf->getSymbol()),
                            "A value is missing between two commas");
      return;
    }
    comma = is_comma;
  }
}

std::vector<ast::Word> ArrayOf(const BlockText& block, Grammar::ArrayContext* array) {
  RefuseEmptyItems(block, array);
  std::vector<ast::Word> words;
  for (Grammar::ScalarContext* scalar : array->scalar()) words.push_back(WordOf(block, scalar));
  return words;
}

void RefuseValue(const BlockText& block, const ast::Word& word, std::string_view what,
                 const std::vector<std::string_view>& known) {
  constexpr size_t kFew = 12;
  auto& fault =
      block.diagnostics.Add(diag::Code::E109, word.span, fmt::format("`{}` is not {}", word.text, what));
  const std::string nearest = diag::Nearest(word.text, known);
  if (!nearest.empty()) {
    fault.help = fmt::format("did you mean `{}`?", nearest);
    fault.patches.push_back({word.span, nearest});
  }
  if (known.empty() || known.size() > kFew) return;
  std::string& list = nearest.empty() ? fault.help : fault.note;
  list = "it is one of ";
  for (size_t i = 0; i < known.size(); ++i) list += fmt::format("{}`{}`", i == 0 ? "" : ", ", known[i]);
}

std::string RefuseKey(const BlockText& block, const ast::Word& key, std::string_view owner,
                      const std::vector<std::string_view>& known) {
  auto& fault =
      block.diagnostics.Add(diag::Code::E107, key.span, fmt::format("{} has no key `{}`", owner, key.text));
  std::string nearest = diag::Nearest(key.text, known);
  if (!nearest.empty()) {
    fault.help = fmt::format("did you mean `{}`?", nearest);
    fault.patches.push_back({key.span, nearest});
    return nearest;
  }
  fault.help = "its keys are ";
  for (size_t i = 0; i < known.size(); ++i) fault.help += fmt::format("{}`{}`", i == 0 ? "" : ", ", known[i]);
  return {};
}

bool KeysSeen::Add(const BlockText& block, const ast::Word& key) {
  for (const ast::Word& earlier : seen_) {
    if (earlier.text != key.text || !earlier.span.valid()) continue;
    auto& fault =
        block.diagnostics.Add(diag::Code::E108, key.span, fmt::format("`{}` is given twice", key.text));
    fault.others.push_back({earlier.span, "first given here"});
    fault.help = "remove one of them";
    return false;
  }
  seen_.push_back(key);
  return true;
}

void KeysSeen::Excuse(std::string_view name) { seen_.push_back({std::string(name), {}, false}); }

bool KeysSeen::Has(std::string_view name) const {
  for (const ast::Word& key : seen_) {
    if (key.text == name) return true;
  }
  return false;
}

}  // namespace sluice::parse
