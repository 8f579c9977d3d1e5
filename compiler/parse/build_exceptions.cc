// exceptions: [ { name: N, fields: [f, g], comps: [=, in], values: [[v, (w, x)], ...] }, ... ]
//
// As in Falco, `fields` and `comps` may be one word each; `values` is then a plain array.
#include <fmt/format.h>

#include <algorithm>

#include "compiler/parse/build.h"
#include "compiler/parse/values.h"

namespace sluice::parse {
namespace {

const std::vector<std::string_view> kKeys = {"name", "fields", "comps", "values"};

class ExceptionBuilder {
 public:
  ExceptionBuilder(const BlockText& block, Grammar::ExceptionItemContext* context)
      : block_(block), context_(context) {}

  ast::Exception Build() {
    exception_.span = SpanOf(block_, context_);
    RefuseEmptyItems(block_, context_);
    for (Grammar::ExceptionEntryContext* entry : context_->exceptionEntry()) Take(entry);
    for (const std::string_view key : {"name", "fields"}) {
      if (seen_.Has(key)) continue;
      block_.diagnostics.Add(diag::Code::E106, exception_.span, fmt::format("The exception lacks `{}`", key))
          .help = "write `{ name: NAME, fields: [FIELD, ...], values: [[VALUE, ...]] }`";
      return std::move(exception_);
    }
    FillComps();
    if (values_ != nullptr) FillValues();
    return std::move(exception_);
  }

 private:
  void Take(Grammar::ExceptionEntryContext* entry) {
    const ast::Word key = KeyOf(block_, entry->getStart());
    if (!seen_.Add(block_, key)) return;
    Grammar::ValueContext* value = entry->value();
    if (key.text == "name") {
      exception_.name = Word(value);
    } else if (key.text == "fields") {
      one_field_ = value->element() != nullptr;
      for (Grammar::ValueContext* field : OneOrMany(value)) exception_.fields.push_back(Field(field));
    } else if (key.text == "comps") {
      for (Grammar::ValueContext* comp : OneOrMany(value)) exception_.comps.push_back(Comp(comp));
    } else if (key.text == "values") {
      values_ = value;
    } else {
      RefuseKey(block_, key, "An exception", kKeys);
    }
  }

  void Refuse(const antlr4::ParserRuleContext* where, std::string message) {
    block_.diagnostics.Add(diag::Code::E109, SpanOf(block_, where), std::move(message));
  }

  static bool Plain(Grammar::ValueContext* value) {
    return value->element() != nullptr && value->element()->children.size() == 1;
  }

  ast::Word Word(Grammar::ValueContext* value) {
    if (!Plain(value)) Refuse(value, "A word is expected here");
    return WordOf(block_, value->getStart());
  }

  // A value alone, or the values of `[...]`.
  std::vector<Grammar::ValueContext*> OneOrMany(Grammar::ValueContext* value) {
    if (value->element() != nullptr) return {value};
    RefuseEmptyItems(block_, value);
    return value->value();
  }

  ast::Operand Field(Grammar::ValueContext* value) {
    ast::Operand operand;
    operand.span = SpanOf(block_, value);
    Grammar::ElementContext* element = value->element();
    if (element == nullptr) {
      operand.kind = ast::Operand::Kind::kTuple;
      if (value->LP() == nullptr) Refuse(value, "A field is expected here, not an array");
      for (Grammar::ValueContext* item : value->value()) operand.tuple.push_back(Field(item));
      return operand;
    }
    const ast::Word word = WordOf(block_, element->getStart());
    if (element->LP() != nullptr) return Transform(element, word);
    if (word.quoted || IsNumber(word.text)) {
      operand.kind = ast::Operand::Kind::kLiteral;
      operand.literal = word;
      return operand;
    }
    operand.field.name = word;
    operand.field.span = operand.span;
    if (element->scalar() != nullptr) operand.field.argument = WordOf(block_, element->scalar());
    return operand;
  }

  ast::Operand Transform(Grammar::ElementContext* element, const ast::Word& name) {
    ast::Operand operand;
    operand.kind = ast::Operand::Kind::kTransform;
    operand.span = SpanOf(block_, element);
    operand.transform = std::make_shared<ast::Transform>();
    operand.transform->span = operand.span;
    operand.transform->name = name;
    const auto& known = TransformerNames();
    if (std::find(known.begin(), known.end(), name.text) == known.end()) {
      RefuseValue(block_, name, "a transformer", known);
    }
    RefuseEmptyItems(block_, element);
    for (Grammar::ValueContext* argument : element->value())
      operand.transform->arguments.push_back(Field(argument));
    if (element->scalar() != nullptr) operand.transform->index = WordOf(block_, element->scalar());
    return operand;
  }

  // An operator, perhaps with a quantifier behind a blank: "= anyof".
  ast::Word Comp(Grammar::ValueContext* value) {
    ast::Word word = Word(value);
    const size_t blank = std::min(word.text.find(' '), word.text.size());
    const std::string_view quantifier = std::string_view(word.text).substr(blank);
    const bool known_quantifier =
        quantifier.empty() || quantifier == " oneof" || quantifier == " anyof" || quantifier == " allof";
    const auto& known = OperatorNames();
    const std::string_view op = std::string_view(word.text).substr(0, blank);
    const bool known_op = op == "==" || std::find(known.begin(), known.end() - 1, op) != known.end() - 1;
    if (!known_op || !known_quantifier) RefuseValue(block_, word, "an operator", known);
    return word;
  }

  void FillComps() {
    if (!seen_.Has("comps")) {
      const source::Span nowhere;
      exception_.comps.assign(exception_.fields.size(), {one_field_ ? "in" : "=", nowhere, false});
      return;
    }
    if (exception_.comps.size() == exception_.fields.size()) return;
    block_.diagnostics.Add(diag::Code::E109, exception_.span,
                           fmt::format("`fields` has {} entries but `comps` has {}", exception_.fields.size(),
                                       exception_.comps.size()));
  }

  void FillValues() {
    if (values_->element() != nullptr || values_->LP() != nullptr) {
      Refuse(values_, "`values` is an array: `[...]`");
      return;
    }
    RefuseEmptyItems(block_, values_);
    // `fields: f, values: [a, b]` means f in (a, b): one row whose one column holds all.
    if (one_field_) {
      if (!values_->value().empty()) exception_.values.push_back({Words(values_)});
      return;
    }
    for (Grammar::ValueContext* row : values_->value()) {
      if (row->element() != nullptr || row->LP() != nullptr) {
        Refuse(row, "With several fields each entry of `values` is an array of one value a field");
        continue;
      }
      RefuseEmptyItems(block_, row);
      std::vector<std::vector<ast::Word>> columns;
      for (Grammar::ValueContext* column : row->value()) {
        if (IsCall(column)) {
          exception_.references.push_back(
              {exception_.values.size(), columns.size(), Reference(column->element())});
          columns.push_back({Whole(column)});
        } else {
          columns.push_back(Words(column));
        }
      }
      if (columns.size() != exception_.fields.size()) {
        Refuse(row, fmt::format("`fields` has {} entries but this row has {}", exception_.fields.size(),
                                columns.size()));
      }
      exception_.values.push_back(std::move(columns));
    }
  }

  static bool IsCall(Grammar::ValueContext* value) {
    return value->element() != nullptr && value->element()->LP() != nullptr;
  }

  ast::Word Whole(Grammar::ValueContext* value) {
    const source::Span span = SpanOf(block_, value);
    return {std::string(block_.text.substr(span.begin - block_.base, span.end - span.begin)), span, false};
  }

  // `val(FIELD)` or a transformer.
  std::shared_ptr<const ast::Operand> Reference(Grammar::ElementContext* element) {
    const ast::Word name = WordOf(block_, element->getStart());
    if (name.text != "val") return std::make_shared<const ast::Operand>(Transform(element, name));
    if (element->value().size() != 1 || IsCall(element->value(0)))
      Refuse(element, "`val(...)` takes one field");
    return std::make_shared<const ast::Operand>(element->value().empty() ? ast::Operand()
                                                                         : Field(element->value(0)));
  }

  // One word, or those of `(a, b)` or `[a, b]`.
  std::vector<ast::Word> Words(Grammar::ValueContext* value) {
    if (value->element() != nullptr) return {Word(value)};
    RefuseEmptyItems(block_, value);
    std::vector<ast::Word> words;
    for (Grammar::ValueContext* item : value->value()) words.push_back(Word(item));
    return words;
  }

  const BlockText& block_;
  Grammar::ExceptionItemContext* context_;
  KeysSeen seen_;
  bool one_field_ = false;
  Grammar::ValueContext* values_ = nullptr;
  ast::Exception exception_;
};

}  // namespace

std::vector<ast::Exception> ExceptionsOf(const BlockText& block, Grammar::ExceptionsContext* exceptions) {
  RefuseEmptyItems(block, exceptions);
  std::vector<ast::Exception> result;
  for (Grammar::ExceptionItemContext* exception : exceptions->exceptionItem()) {
    result.push_back(ExceptionBuilder(block, exception).Build());
  }
  return result;
}

}  // namespace sluice::parse
