// fields.cc - sluice fields: the table of fields, as the compiler sees it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/verbs.h"
#include "compiler/check/field.h"
#include "compiler/split/lower.h"

namespace sluice::cli {
namespace {

struct Row {
  std::string name, type, events, decided, help;
};

std::string ArgumentText(check::Argument argument) {
  switch (argument) {
    case check::Argument::kIndexOptional:
      return "[n]?";
    case check::Argument::kIndexRequired:
      return "[n]";
    case check::Argument::kKeyOptional:
      return "[name]?";
    case check::Argument::kKeyRequired:
      return "[name]";
    case check::Argument::kNone:
      break;
  }
  return "";
}

std::string EventsText(check::HookMask mask) {
  check::HookMask all = 0;
  std::string names;
  for (const check::HookRow& hook : check::Hooks()) {
    all |= check::HookMask{1} << hook.id;
    if ((mask >> hook.id & 1) == 0) continue;
    if (!names.empty()) names += ' ';
    names += hook.name;
  }
  return (mask & all) == all ? "all" : names.empty() ? "none" : names;
}

// Asked of the stage that decides: does some test of the field become a kernel table at some hook?
std::string DecidedText(const check::FieldUse& use, check::HookMask hooks, check::Type type,
                        check::Shape shape) {
  if (hooks == 0) return "not supplied";
  if (use.field == check::FieldId::kEvtTypeIs)  // compiled as a test of evt.type
    return DecidedText({.field = check::FieldId::kEvtType, .index = -1, .argument = {}}, hooks,
                       check::Type::kString, shape);
  check::CheckedRules rules;
  for (const auto& [op, value] : {std::pair(ast::Op::kEq, "1"), std::pair(ast::Op::kContains, "O_TRUNC")}) {
    check::Predicate& predicate = rules.predicates.emplace_back();
    predicate.left.field = use;
    predicate.left.type = type;
    predicate.left.shape = shape;
    predicate.op = op;
    predicate.values.push_back({.text = value, .number = 1, .net = {}});
  }
  const split::Budget budget;
  split::Lowering lowering(rules, budget);
  for (const check::HookRow& hook : check::Hooks()) {
    if ((hooks >> hook.id & 1) == 0) continue;
    for (check::PredicateId id = 0; id < rules.predicates.size(); ++id) {
      if (lowering.At(id, hook.id).kind != split::Lowered::Kind::kUser) return "kernel";
    }
  }
  return "user space";
}

Row RowOf(const check::FieldRow& field) {
  check::FieldUse use{.field = field.id, .index = -1, .argument = {}};
  if (field.argument == check::Argument::kIndexRequired) use.index = 1;
  return {.name = std::string(field.name) + ArgumentText(field.argument),
          .type = std::string(check::TypeName(field.type)),
          .events = EventsText(field.hooks),
          .decided = DecidedText(use, field.hooks, field.type, use.shape()),
          .help = std::string(field.help)};
}

std::vector<Row> Rows() {
  std::vector<Row> rows;
  for (const check::FieldRow& field : check::Fields()) {
    const bool raw = field.id == check::FieldId::kEvtRawarg;
    if (field.id != check::FieldId::kEvtArg && !raw) {
      rows.push_back(RowOf(field));
      continue;
    }
    for (const check::ArgRow& arg : check::Args()) {
      const check::FieldUse use{.field = field.id, .index = -1, .argument = std::string(arg.name)};
      if (use.hooks() == 0) continue;  // hundreds; a rule that uses one is warned
      rows.push_back({.name = use.Name(),
                      .type = std::string(check::TypeName(arg.type)),
                      .events = EventsText(use.hooks()),
                      .decided = DecidedText(use, use.hooks(), arg.type, check::Shape::kScalar),
                      .help = raw ? "likewise, as it is" : "argument of Falco's event"});
    }
  }
  return rows;
}

int Fields() {
  std::vector<Row> rows = Rows();
  rows.insert(
      rows.begin(),
      {.name = "FIELD", .type = "TYPE", .events = "EVENTS", .decided = "DECIDED IN", .help = "MEANING"});
  size_t name = 0, type = 0, events = 0, decided = 0;
  for (const Row& row : rows) {
    name = std::max(name, row.name.size());
    type = std::max(type, row.type.size());
    events = std::max(events, row.events.size());
    decided = std::max(decided, row.decided.size());
  }
  for (const Row& row : rows) {
    fmt::print("{:{}}  {:{}}  {:{}}  {:{}}  {}\n", row.name, name, row.type, type, row.decided, decided,
               row.events, events, row.help);
  }
  return kFine;
}

}  // namespace

Verb AddFields(CLI::App& app) {
  app.footer(
      "`not supplied`: the name is known, so that Falco's rules compile, but no event carries it yet.");
  return [] { return Fields(); };
}

}  // namespace sluice::cli
