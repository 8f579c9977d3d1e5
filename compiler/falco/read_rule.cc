#include "compiler/falco/read_rule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "compiler/parse/values.h"

namespace sluice::falco {
namespace {

using diag::Code;

const std::vector<std::string_view> kRuleKeys = {
    "rule",          "condition",        "output",
    "desc",          "priority",         "source",
    "tags",          "enabled",          "exceptions",
    "warn_evttypes", "append",           "override",
    "capture",       "capture_duration", "skip-if-unknown-filter",
    "warn_evttypes", "output_format"};
const std::vector<std::string_view> kAppendable = {"condition", "output", "desc", "tags", "exceptions"};
const std::vector<std::string_view> kReplaceable = {"condition",
                                                    "output",
                                                    "desc",
                                                    "tags",
                                                    "exceptions",
                                                    "priority",
                                                    "enabled",
                                                    "capture",
                                                    "warn_evttypes",
                                                    "capture_duration",
                                                    "skip-if-unknown-filter"};

bool Contains(const std::vector<std::string_view>& set, std::string_view word) {
  return std::find(set.begin(), set.end(), word) != set.end();
}

std::vector<const Node*> OneOrMany(const Node& node) {
  std::vector<const Node*> nodes;
  if (node.kind == Node::Kind::kSequence) {
    for (const Node& item : node.items) nodes.push_back(&item);
  } else {
    nodes.push_back(&node);
  }
  return nodes;
}

bool AllScalars(const std::vector<const Node*>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(),
                     [](const Node* n) { return n->kind == Node::Kind::kScalar; });
}

// A text `(a, "b c")` is a list, for Falco pastes values as they are.
std::vector<ast::Word> WordsOf(const Node& scalar) {
  const std::string_view text = scalar.text;
  if (text.size() < 2 || text.front() != '(' || text.back() != ')') return {WordOf(scalar)};
  std::vector<ast::Word> words;
  for (size_t at = 1; at + 1 < text.size();) {
    size_t end = at;
    char quote = '\0';
    for (; end + 1 < text.size() && (quote != '\0' || text[end] != ','); ++end) {
      if (quote != '\0' ? text[end] == quote : text[end] == '"' || text[end] == '\'')
        quote = quote == '\0' ? text[end] : '\0';
    }
    const size_t first = text.find_first_not_of(" \t\n", at);
    if (first < end) {
      Node item = scalar;
      item.quoted = false;
      item.text = text.substr(first, text.find_last_not_of(" \t\n", end - 1) + 1 - first);
      words.push_back(WordOf(item));
    }
    at = end + 1;
  }
  return words;
}

void AddWords(const Node& scalar, std::vector<ast::Word>& words) {
  for (ast::Word& word : WordsOf(scalar)) words.push_back(std::move(word));
}

// One row of `values` for an exception over several fields.
bool ReadRow(const Node& row, size_t fields, ExceptionItem& exception, diag::Diagnostics& diagnostics) {
  if (row.kind != Node::Kind::kSequence || row.items.size() != fields) {
    diagnostics.Add(Code::E112, row.span,
                    fmt::format("A row of values of exception `{}` needs one value for each of its {} fields",
                                exception.name.text, fields));
    return false;
  }
  std::vector<std::vector<ast::Word>> words;
  for (const Node& cell : row.items) {
    const std::vector<const Node*> nodes = OneOrMany(cell);
    if (!AllScalars(nodes)) {
      diagnostics.Add(Code::E112, cell.span, "A value of an exception is a word or a list of words");
      return false;
    }
    std::vector<ast::Word>& tuple = words.emplace_back();
    for (const Node* node : nodes) AddWords(*node, tuple);
  }
  exception.values.push_back(std::move(words));
  return true;
}

bool ReadValues(const Node& values, ExceptionItem& exception, diag::Diagnostics& diagnostics) {
  if (values.kind != Node::Kind::kSequence) {
    diagnostics.Add(Code::E112, values.span,
                    fmt::format("`values` of exception `{}` is a list", exception.name.text));
    return false;
  }
  // Over a single field all values together are one tuple: (f in (v1, v2)). Where `fields` is not repeated
  // (an append), the shape of the values tells.
  const bool single = exception.fields.empty() ? AllScalars(OneOrMany(values)) : exception.scalar_field;
  if (!single) {
    const size_t fields = exception.fields.size();
    return std::all_of(values.items.begin(), values.items.end(), [&](const Node& row) {
      return ReadRow(row, fields == 0 ? row.items.size() : fields, exception, diagnostics);
    });
  }
  if (values.items.empty()) return true;
  std::vector<ast::Word> tuple;
  for (const Node& item : values.items) {
    const std::vector<const Node*> nodes = OneOrMany(item);
    if (!AllScalars(nodes)) {
      diagnostics.Add(Code::E112, item.span, "A value of an exception is a word or a list of words");
      return false;
    }
    for (const Node* node : nodes) AddWords(*node, tuple);
  }
  exception.values.push_back({std::move(tuple)});
  return true;
}

std::optional<ExceptionItem> ReadException(const Node& node, diag::Diagnostics& diagnostics) {
  const Node* name = node.kind == Node::Kind::kMap ? Scalar(node, "name", diagnostics) : nullptr;
  if (name == nullptr) {
    diagnostics.Add(Code::E112, node.span, "An exception needs a `name`").help =
        "- name: known\n  fields: [proc.name, fd.directory]\n  comps: [=, in]\n  values: [[cat, [/tmp]]]";
    return std::nullopt;
  }
  WarnUnknownKeys(node, {"name", "fields", "comps", "values"}, diagnostics);
  ExceptionItem exception;
  exception.name = {name->text, name->span, name->quoted};
  exception.span = node.span;
  if (const Node* fields = node.Find("fields")) {
    exception.scalar_field = fields->kind == Node::Kind::kScalar;
    for (const Node* field : OneOrMany(*fields)) exception.fields.push_back(TextOf(*field));
  }
  if (const Node* comps = node.Find("comps")) {
    for (const Node* comp : OneOrMany(*comps)) exception.comps.push_back({comp->text, comp->span, false});
    if (!exception.fields.empty() && exception.comps.size() != exception.fields.size()) {
      diagnostics.Add(Code::E112, comps->span,
                      fmt::format("Exception `{}` has {} fields and {} comps", exception.name.text,
                                  exception.fields.size(), exception.comps.size()));
      return std::nullopt;
    }
  }
  if (const Node* values = node.Find("values"); values != nullptr && values->kind != Node::Kind::kNull) {
    if (!ReadValues(*values, exception, diagnostics)) return std::nullopt;
  }
  return exception;
}

void ReadPriority(const Node& value, RuleEdit& edit, diag::Diagnostics& diagnostics) {
  if (const std::optional<ast::Priority> priority = parse::ParsePriority(value.text)) {
    edit.item.keys.priority = *priority;
    return;
  }
  ++edit.excused;
  auto& fault = diagnostics.Add(Code::E109, value.span, fmt::format("`{}` is not a priority", value.text));
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(ast::Priority::kDebug); ++i)
    names.emplace_back(ast::PriorityName(static_cast<ast::Priority>(i)));
  const std::string nearest = diag::Nearest(value.text, {names.begin(), names.end()});
  fault.help = nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest);
  (nearest.empty() ? fault.help : fault.note) = fmt::format("it is one of `{}`", fmt::join(names, "`, `"));
}

// Keys that take a scalar or a list of them; texts are kept for appending.
void ReadKey(const std::string& key, const Node& value, RuleEdit& edit, diag::Diagnostics& diagnostics) {
  RuleItem& item = edit.item;
  if (key == "condition") item.condition = TextOf(value);
  if (key == "output") {  // Falco trims this one alone
    item.output = TextOf(value);
    item.output.Trim();
  }
  if (key == "desc") item.desc = TextOf(value);
  if (key == "priority") ReadPriority(value, edit, diagnostics);
  if (key == "source") item.keys.source = ast::Word{value.text, value.span, value.quoted};
  if (key == "enabled") item.keys.enabled = Boolean(value, key, true, diagnostics);
  if (key == "skip-if-unknown-filter")
    item.keys.skip_if_unknown_field = Boolean(value, key, false, diagnostics);
  if (key == "warn_evttypes" && !Boolean(value, key, true, diagnostics)) {
    item.keys.allowed_warnings.push_back({"no-event-type", value.span, false});
  }
  if (key == "tags") {
    for (const Node* tag : OneOrMany(value)) {
      if (tag->kind == Node::Kind::kScalar) item.keys.tags.push_back({tag->text, tag->span, tag->quoted});
    }
  }
  if (key == "exceptions") {
    for (const Node* node : OneOrMany(value)) {
      if (node->kind == Node::Kind::kNull) continue;
      if (std::optional<ExceptionItem> exception = ReadException(*node, diagnostics)) {
        item.exceptions.push_back(*std::move(exception));
      }
    }
  }
  if (key == "capture" && Boolean(value, key, false, diagnostics)) {
    diagnostics.Add(Code::W212, value.span, "`capture` is not done by this engine").help =
        "the rule itself loads and alerts";
  }
}

bool ScalarKey(std::string_view key) { return key != "tags" && key != "exceptions" && key != "override"; }

void MergeException(const ExceptionItem& from, RuleItem& rule, diag::Diagnostics& diagnostics) {
  for (ExceptionItem& exception : rule.exceptions) {
    if (exception.name.text != from.name.text) continue;
    if (!from.fields.empty() || !from.comps.empty()) {
      diagnostics.Add(
          Code::E112, from.span,
          fmt::format("Exception `{}` is there already: appending takes only `values`", from.name.text));
      return;
    }
    // Values of an exception over one field stay one tuple.
    if (exception.scalar_field && !exception.values.empty() && !from.values.empty()) {
      std::vector<ast::Word>& tuple = exception.values.front().front();
      for (const auto& row : from.values) {
        for (const auto& cell : row) tuple.insert(tuple.end(), cell.begin(), cell.end());
      }
    } else {
      exception.values.insert(exception.values.end(), from.values.begin(), from.values.end());
    }
    return;
  }
  if (from.fields.empty()) {
    diagnostics.Add(Code::E112, from.span, fmt::format("Exception `{}` needs `fields`", from.name.text));
    return;
  }
  rule.exceptions.push_back(from);
}

}  // namespace

const Node* Scalar(const Node& item, std::string_view key, diag::Diagnostics& diagnostics) {
  const Node* value = item.Find(key);
  if (value == nullptr) return nullptr;
  if (value->kind == Node::Kind::kScalar) return value;
  diagnostics.Add(Code::E112, value->span, fmt::format("`{}` needs a text", key));
  return nullptr;
}

bool Boolean(const Node& value, std::string_view key, bool fallback, diag::Diagnostics& diagnostics) {
  std::string text = value.text;
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  diagnostics.Add(Code::E109, value.span, fmt::format("`{}` is true or false", key));
  return fallback;
}

void WarnUnknownKeys(const Node& item, const std::vector<std::string_view>& known,
                     diag::Diagnostics& diagnostics) {
  for (const auto& [key, value] : item.entries) {
    if (key.kind == Node::Kind::kScalar && Contains(known, key.text)) continue;
    diag::Diagnostic& warning =
        diagnostics.Add(Code::W210, key.span, fmt::format("Unknown key `{}` is ignored", key.text));
    const std::string nearest = diag::Nearest(key.text, known);
    if (!nearest.empty()) warning.help = fmt::format("did you mean `{}`?", nearest);
  }
}

std::map<std::string, Merge> ReadMerge(const Node& item, const std::vector<std::string_view>& appendable,
                                       const std::vector<std::string_view>& replaceable,
                                       diag::Diagnostics& diagnostics) {
  std::map<std::string, Merge> merge;
  const Node* append = item.Find("append");
  const Node* override_map = item.Find("override");
  if (append != nullptr && override_map != nullptr) {
    diagnostics.Add(Code::E112, override_map->span, "`append` and `override` cannot stand in one item").help =
        "keep `override`";
    return merge;
  }
  if (append != nullptr && Boolean(*append, "append", false, diagnostics)) {
    for (const std::string_view key : appendable) {
      if (item.Find(key) != nullptr) merge[std::string(key)] = Merge::kAppend;
    }
  }
  if (override_map == nullptr) return merge;
  for (const auto& [key, how] : override_map->entries) {
    const bool append_it = how.text == "append";
    if (!append_it && how.text != "replace") {
      diagnostics.Add(Code::E109, how.span, fmt::format("`{}` is neither `append` nor `replace`", how.text));
    } else if (!Contains(append_it ? appendable : replaceable, key.text)) {
      diagnostics.Add(Code::E112, key.span,
                      fmt::format("`{}` cannot be overridden with `{}`", key.text, how.text));
    } else if (item.Find(key.text) == nullptr) {
      diagnostics.Add(Code::E112, key.span,
                      fmt::format("`{}` is to be overridden, but the item does not give it", key.text));
    } else {
      merge[key.text] = append_it ? Merge::kAppend : Merge::kReplace;
    }
  }
  for (const auto& [key, value] : item.entries) {
    if (!Contains(replaceable, key.text) || override_map->Find(key.text) != nullptr) continue;
    diagnostics
        .Add(Code::E112, key.span, fmt::format("`{}` is given, but `override` does not name it", key.text))
        .help = fmt::format("add `{0}: replace`{1} to `override`", key.text,
                            Contains(appendable, key.text) ? fmt::format(" or `{}: append`", key.text) : "");
  }
  return merge;
}

std::optional<RuleEdit> ReadRule(const Node& node, diag::Diagnostics& diagnostics) {
  const Node* name = Scalar(node, "rule", diagnostics);
  if (name == nullptr || name->text.empty()) {
    diagnostics.Add(Code::E112, node.span, "A rule needs a name");
    return std::nullopt;
  }
  const size_t errors = diagnostics.errors();
  WarnUnknownKeys(node, kRuleKeys, diagnostics);
  RuleEdit edit;
  edit.item.keys.name = {name->text, name->span, name->quoted};
  edit.item.keys.span = name->span;
  edit.merge = ReadMerge(node, kAppendable, kReplaceable, diagnostics);
  edit.define = edit.merge.empty() && node.Find("override") == nullptr;
  if (const Node* source = node.Find("source"); source != nullptr && node.Find("override") != nullptr) {
    diagnostics.Add(Code::W212, source->span, "`source` has no effect beside `override`").help =
        "a rule keeps the source of its definition; define it anew to change that";
  }
  for (const auto& [key, value] : node.entries) {
    if (value.kind == Node::Kind::kNull) continue;
    if (ScalarKey(key.text) && Contains(kRuleKeys, key.text) && value.kind != Node::Kind::kScalar) {
      diagnostics.Add(Code::E112, value.span, fmt::format("`{}` needs a text", key.text));
      continue;
    }
    edit.given.insert(key.text);
    ReadKey(key.text, value, edit, diagnostics);
  }
  edit.only_enabled = edit.define && edit.given == std::set<std::string>{"rule", "enabled"};
  if (edit.define && !edit.only_enabled) {
    std::vector<std::string_view> missing;
    for (const std::string_view key : {"condition", "output", "desc", "priority"}) {
      if (!edit.given.contains(std::string(key))) missing.push_back(key);
    }
    if (!missing.empty()) {
      diagnostics.Add(Code::E106, name->span,
                      fmt::format("Rule `{}` has no `{}`", name->text, fmt::join(missing, "`, `")));
      if (edit.given.contains("condition")) ++edit.excused;
    }
  }
  edit.item.complete = true;
  if (diagnostics.errors() != errors + edit.excused) return std::nullopt;
  return edit;
}

void Apply(const RuleEdit& edit, RuleItem& rule, diag::Diagnostics& diagnostics) {
  const RuleItem& from = edit.item;
  for (const auto& [key, how] : edit.merge) {
    const bool append = how == Merge::kAppend;
    if (key == "condition")
      append ? rule.condition.Append(from.condition) : void(rule.condition = from.condition);
    if (key == "output") append ? rule.output.Append(from.output) : void(rule.output = from.output);
    if (key == "desc") append ? rule.desc.Append(from.desc) : void(rule.desc = from.desc);
    if (key == "tags") {
      if (!append) rule.keys.tags.clear();
      rule.keys.tags.insert(rule.keys.tags.end(), from.keys.tags.begin(), from.keys.tags.end());
    }
    if (key == "exceptions") {
      if (!append) rule.exceptions.clear();
      for (const ExceptionItem& exception : from.exceptions) MergeException(exception, rule, diagnostics);
    }
    if (key == "priority") rule.keys.priority = from.keys.priority;
    if (key == "enabled") rule.keys.enabled = from.keys.enabled;
    if (key == "skip-if-unknown-filter") rule.keys.skip_if_unknown_field = from.keys.skip_if_unknown_field;
    if (key == "warn_evttypes") {
      std::erase_if(rule.keys.allowed_warnings.Edit(),
                    [](const ast::Word& word) { return word.text == "no-event-type"; });
      for (const ast::Word& word : from.keys.allowed_warnings) rule.keys.allowed_warnings.push_back(word);
    }
  }
}

}  // namespace sluice::falco
