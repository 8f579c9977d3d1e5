#include "compiler/check/terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/check/operand.h"

namespace sluice::check {
namespace {

using diag::Code;

struct TransformRow {
  TransformKind kind;
  std::string_view name;
  size_t least, most;  // arguments
};
constexpr TransformRow kTransforms[] = {
    {TransformKind::kToLower, "tolower", 1, 1},   {TransformKind::kToUpper, "toupper", 1, 1},
    {TransformKind::kBase64, "b64", 1, 1},        {TransformKind::kBasename, "basename", 1, 1},
    {TransformKind::kLen, "len", 1, 1},           {TransformKind::kJoin, "join", 2, 2},
    {TransformKind::kConcat, "concat", 2, 10000}, {TransformKind::kGetopt, "getopt", 2, 2},
};

bool IsText(const Term& term) { return term.type == Type::kString || term.type == Type::kPath; }
bool IsScalar(const Term& term) { return term.shape == Shape::kScalar; }

// proc.args without an index is the list of arguments where a transformer wants a list.
bool IsList(const Term& term) {
  if (term.shape == Shape::kList) return true;
  return term.kind == Term::Kind::kField && term.field.field == FieldId::kProcArgs && term.field.index < 0;
}

std::string Describe(const Term& term) {
  switch (term.shape) {
    case Shape::kScalar:
      return fmt::format("of type {}", TypeName(term.type));
    case Shape::kList:
      return "a list";
    case Shape::kAny:
      return "the values of all ancestors";
    case Shape::kEither:
      return "several values at once";
  }
  return "";
}

bool Refuse(const ast::Operand& at, const Term& argument, std::string_view transform, std::string_view wanted,
            diag::Diagnostics& diagnostics) {
  auto& fault = diagnostics.Add(Code::E207, at.span,
                                fmt::format("`{}` takes {}, and `{}` is {}", transform, wanted,
                                            TermText(argument), Describe(argument)));
  if (argument.shape == Shape::kAny) fault.help = "choose one ancestor: [1] is the parent";
  return false;
}

class TransformChecker {
 public:
  TransformChecker(const ast::Operand& operand, const TransformRow& row, diag::Diagnostics& diagnostics)
      : operand_(operand), row_(row), diagnostics_(diagnostics) {}

  // Fills type and shape of `term`, whose arguments are resolved.
  bool Check(Term& term) {
    term.type = Type::kString;
    term.shape = Shape::kScalar;
    switch (row_.kind) {
      case TransformKind::kToLower:
      case TransformKind::kToUpper:
      case TransformKind::kBasename:
      case TransformKind::kBase64:
        return CheckText(term);
      case TransformKind::kLen:
        return CheckLen(term);
      case TransformKind::kJoin:
        return Scalar(term, 0) && List(term, 1);
      case TransformKind::kConcat:
        for (size_t i = 0; i < term.arguments.size(); ++i) {
          if (!Scalar(term, i)) return false;
        }
        return true;
      case TransformKind::kGetopt:
        term.shape = term.index == '\0' ? Shape::kList : Shape::kScalar;
        return List(term, 0) && Scalar(term, 1);
    }
    return false;
  }

 private:
  bool CheckText(Term& term) {
    const Term& argument = term.arguments[0];
    const bool bytes = row_.kind == TransformKind::kBase64 && argument.type == Type::kBytes;
    const bool shape_fits = IsScalar(argument) || argument.shape == Shape::kList;
    if (!shape_fits || !(IsText(argument) || bytes)) return Refuse(0, argument, "one text");
    term.type = argument.type;
    term.shape = argument.shape;
    return true;
  }

  bool CheckLen(Term& term) {
    const Term& argument = term.arguments[0];
    term.type = Type::kInt;
    if (argument.shape == Shape::kList) return true;
    if (IsScalar(argument) && (IsText(argument) || argument.type == Type::kBytes)) return true;
    return Refuse(0, argument, "a text or a list");
  }

  bool Scalar(const Term& term, size_t i) {
    const Term& argument = term.arguments[i];
    return (IsScalar(argument) && IsText(argument)) || Refuse(i, argument, "a text here");
  }

  bool List(const Term& term, size_t i) {
    const Term& argument = term.arguments[i];
    return (IsList(argument) && IsText(argument)) || Refuse(i, argument, "a list of texts here");
  }

  bool Refuse(size_t i, const Term& argument, std::string_view wanted) {
    return check::Refuse(operand_.transform->arguments[i], argument, row_.name, wanted, diagnostics_);
  }

  const ast::Operand& operand_;
  const TransformRow& row_;
  diag::Diagnostics& diagnostics_;
};

bool ResolveTransform(const ast::Operand& operand, diag::Diagnostics& diagnostics, Term& term) {
  const ast::Transform& transform = *operand.transform;
  const auto row = std::find_if(std::begin(kTransforms), std::end(kTransforms),
                                [&](const TransformRow& known) { return known.name == transform.name.text; });
  if (row == std::end(kTransforms)) {
    std::vector<std::string_view> known;
    for (const TransformRow& one : kTransforms) known.push_back(one.name);
    auto& fault = diagnostics.Add(Code::E207, transform.name.span,
                                  fmt::format("There is no transformer `{}`", transform.name.text));
    const std::string near = diag::Nearest(transform.name.text, known);
    if (!near.empty()) fault.help = fmt::format("did you mean `{}`?", near);
    return false;
  }
  const size_t count = transform.arguments.size();
  if (count < row->least || count > row->most) {
    diagnostics.Add(Code::E207, operand.span,
                    fmt::format("`{}` takes {}{} argument{}, not {}", row->name,
                                row->most > row->least ? "at least " : "", row->least,
                                row->least == 1 ? "" : "s", count));
    return false;
  }
  term.kind = Term::Kind::kTransform;
  term.transform = row->kind;
  if (transform.index) {
    if (row->kind != TransformKind::kGetopt || transform.index->text.size() != 1) {
      diagnostics.Add(Code::E209, transform.index->span,
                      row->kind == TransformKind::kGetopt
                          ? "The argument of `getopt` is one letter: the option"
                          : fmt::format("`{}` takes no argument in brackets", row->name));
      return false;
    }
    term.index = transform.index->text[0];
  }
  bool ok = true;
  for (const ast::Operand& argument : transform.arguments) {
    ok = ResolveTerm(argument, diagnostics, term.arguments.emplace_back()) && ok;
  }
  return ok && TransformChecker(operand, *row, diagnostics).Check(term);
}

bool ResolveTuple(const ast::Operand& operand, diag::Diagnostics& diagnostics, Term& term) {
  term.kind = Term::Kind::kTuple;
  term.shape = Shape::kList;
  const bool constant = std::all_of(operand.tuple.begin(), operand.tuple.end(), [](const ast::Operand& item) {
    return item.kind == ast::Operand::Kind::kLiteral;
  });
  bool ok = true;
  for (const ast::Operand& item : operand.tuple) {
    if (constant) {
      term.texts.push_back(item.literal->text);
      continue;
    }
    Term& element = term.arguments.emplace_back();
    if (!ResolveTerm(item, diagnostics, element)) {
      ok = false;
    } else if (!IsScalar(element) || !IsText(element)) {
      ok = Refuse(item, element, "(...)", "texts", diagnostics);
    }
  }
  return ok;
}

std::string Suggestion(const ast::Field& field, FieldFault reason) {
  std::vector<std::string_view> known;
  if (reason == FieldFault::kUnknownArg) {
    const std::string& name = field.name.text;
    const bool dotted = !field.argument;
    const size_t dot = dotted ? name.find('.', name.find('.') + 1) : name.size();
    for (const ArgRow& row : Args()) known.push_back(row.name);
    const std::string near = diag::Nearest(dotted ? name.substr(dot + 1) : field.argument->text, known);
    return near.empty() ? near : name.substr(0, dot) + "." + near;
  }
  // Of two equally near names the one that the word begins is meant: proc.nam is proc.name.
  for (const bool begins : {true, false}) {
    for (const FieldRow& row : Fields()) {
      const bool prefix = row.name.substr(0, field.name.text.size()) == field.name.text;
      if (prefix == begins) known.push_back(row.name);
    }
  }
  return diag::Nearest(field.name.text, known);
}

std::string UseText(const ast::Field& field) {
  return field.argument ? fmt::format("{}[{}]", field.name.text, field.argument->text) : field.name.text;
}

}  // namespace

bool ResolveUse(const ast::Field& field, diag::Diagnostics& diagnostics, FieldUse& use) {
  std::optional<std::string_view> argument;
  if (field.argument) argument = field.argument->text;
  const FieldFault reason = ResolveField(field.name.text, argument, use);
  switch (reason) {
    case FieldFault::kNone:
      break;
    case FieldFault::kUnknownField:
    case FieldFault::kUnknownArg: {
      auto& fault =
          diagnostics.Add(Code::E201, field.span,
                          reason == FieldFault::kUnknownField
                              ? fmt::format("There is no field `{}`", UseText(field))
                              : fmt::format("No event has the argument that `{}` names", UseText(field)));
      const std::string near = Suggestion(field, reason);
      fault.help =
          near.empty() ? "`sluice fields` lists all fields" : fmt::format("did you mean `{}`?", near);
      if (!near.empty() && !field.argument) fault.patches.push_back({field.span, near});
      return false;
    }
    case FieldFault::kArgumentMissing:
      diagnostics.Add(Code::E209, field.span, fmt::format("`{}` needs an argument", field.name.text)).help =
          fmt::format("write `{}[...]`: {}", field.name.text, RowOf(use.field).help);
      return false;
    case FieldFault::kArgumentNotAllowed:
      diagnostics.Add(Code::E209, field.span, fmt::format("`{}` takes no argument", field.name.text));
      return false;
    case FieldFault::kArgumentNotANumber:
      diagnostics.Add(
          Code::E209, field.argument ? field.argument->span : field.span,
          fmt::format("`{}` takes a number from 0 to {} as its argument", field.name.text, kMaxFieldIndex));
      return false;
  }
  const bool names_type = use.field == FieldId::kEvtTypeIs;
  if (names_type && FindEvent(use.argument) == kNoType) {
    diagnostics.Add(Code::E210, field.span, fmt::format("There is no event type `{}`", use.argument));
    return false;
  }
  return true;
}

bool ResolveTerm(const ast::Operand& operand, diag::Diagnostics& diagnostics, Term& term) {
  switch (operand.kind) {
    case ast::Operand::Kind::kField:
      if (!ResolveUse(operand.field, diagnostics, term.field)) return false;
      term.kind = Term::Kind::kField;
      term.type = term.field.type();
      term.shape = term.field.shape();
      return true;
    case ast::Operand::Kind::kTransform:
      return ResolveTransform(operand, diagnostics, term);
    case ast::Operand::Kind::kLiteral:
      term.kind = Term::Kind::kLiteral;
      term.texts = {operand.literal->text};
      return true;
    case ast::Operand::Kind::kTuple:
      return ResolveTuple(operand, diagnostics, term);
  }
  return false;
}

bool MayNameFile(const Term& term) {
  if (term.kind != Term::Kind::kField) return false;
  if (term.field.field == FieldId::kProcExepath) return true;
  return std::any_of(Operands().begin(), Operands().end(), [&](const Operand& operand) {
    const bool path = operand.place == SLUICE_STR_PATH || operand.place == SLUICE_STR_TARGET;
    return operand.field == term.field.field && operand.kind == OperandKind::kText && path;
  });
}

std::string_view TransformName(TransformKind kind) {
  for (const TransformRow& row : kTransforms) {
    if (row.kind == kind) return row.name;
  }
  return "";
}

}  // namespace sluice::check
