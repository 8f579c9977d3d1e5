#include "compiler/falco/falco.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "compiler/falco/items.h"
#include "compiler/falco/read_rule.h"
#include "compiler/parse/parse.h"
#include "compiler/parse/split_blocks.h"
#include "compiler/parse/values.h"
#include "compiler/yaml/yaml.h"

namespace sluice::falco {
namespace {

using diag::Code;

// Items in the order of their first definition; a later one of the same name takes its place.
template <typename T>
class Ordered {
 public:
  T* Find(const std::string& name) {
    const auto at = index_.find(name);
    return at == index_.end() ? nullptr : &items_[at->second];
  }
  void Put(const std::string& name, T item) {
    if (T* old = Find(name)) {
      *old = std::move(item);
      return;
    }
    index_.emplace(name, items_.size());
    items_.push_back(std::move(item));
  }
  std::vector<T>& items() { return items_; }

 private:
  std::vector<T> items_;
  std::unordered_map<std::string, size_t> index_;
};

// `0.57.0`, or an old single number N, which means 0.N.0.
std::optional<std::pair<uint64_t, uint64_t>> EngineVersion(std::string_view text) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) {
    const std::optional<uint64_t> minor = parse::ParseCount(text);
    return minor ? std::optional(std::pair<uint64_t, uint64_t>{0, *minor}) : std::nullopt;
  }
  const std::string_view rest = text.substr(dot + 1);
  const std::optional<uint64_t> major = parse::ParseCount(text.substr(0, dot));
  const std::optional<uint64_t> minor = parse::ParseCount(rest.substr(0, rest.find('.')));
  if (!major || !minor) return std::nullopt;
  return std::pair{*major, *minor};
}

void Join(const std::vector<ast::Word>& from, std::vector<ast::Word>& to) {
  to.insert(to.end(), from.begin(), from.end());
}

// The words of `# allow: ...` comments directly above an item, nearest first. YAML itself drops comments.
std::vector<ast::Word> AllowedAbove(const source::Files& files, const Node& item) {
  const std::string_view text = files.text(item.span.file);
  std::vector<ast::Word> allowed;
  size_t end = text.rfind('\n', item.span.begin);  // of the line above
  while (end != std::string_view::npos) {
    const size_t before = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    const size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const size_t comment = text.find_first_not_of(" \t", begin);
    if (comment >= end || text[comment] != '#') break;
    parse::AddAllowed(text.substr(comment, end - comment), item.span.file, static_cast<uint32_t>(comment),
                      allowed);
    end = before;
  }
  return allowed;
}

// `val(...)` or a transformer's name before a bracket.
bool IsCall(std::string_view text) {
  const std::string_view name = text.substr(0, text.find('('));
  if (name.size() == text.size() || (text.back() != ')' && text.back() != ']')) return false;
  if (name == "val") return text.back() == ')';
  const auto& known = parse::TransformerNames();
  return std::find(known.begin(), known.end(), name) != known.end();
}

template <typename Items>
const ast::Word* Named(const Items& items, std::string_view name) {
  for (const auto& item : items) {
    if (item.name.text == name) return &item.name;
  }
  return nullptr;
}

// The name of the .rule item of this kind and name; null: there is none.
const ast::Word* Named(const ast::RuleSet& rules, std::string_view kind, std::string_view name) {
  if (kind == "list") return Named(rules.lists, name);
  return kind == "macro" ? Named(rules.macros, name) : Named(rules.rules, name);
}

}  // namespace

struct Loader::State {
  State(source::Files& f, const parse::Limits& l, diag::Diagnostics& d, const ast::RuleSet* b)
      : files(f), limits(l), diagnostics(d), beside(b) {}

  void AddItem(const Node& item);
  void AddList(const Node& item);
  void AddMacro(const Node& item);
  void AddRule(const Node& item);
  void RefuseUnknown(std::string_view kind, const Node& name);
  void CheckEngine(const Node& version);
  void CheckPlugins(const Node& plugins);
  source::Span Derived(const Text& text);
  bool ParseText(const Text& text, ast::Expr& condition, diag::Diagnostics& told);
  std::optional<ast::Exception> BuildException(const ExceptionItem& item);
  bool BuildReferences(ast::Exception& exception);
  void BuildRule(RuleItem& item, ast::RuleSet& rules);

  source::Files& files;
  const parse::Limits& limits;
  diag::Diagnostics& diagnostics;
  const ast::RuleSet* beside;
  Ordered<ListItem> lists;
  Ordered<MacroItem> macros;
  Ordered<RuleItem> rules;
  std::vector<ast::Word> broken;  // names of items that were left out for a fault
};

void Loader::State::AddItem(const Node& item) {
  if (item.kind == Node::Kind::kNull) return;
  if (item.kind != Node::Kind::kMap) {
    diagnostics.Add(Code::E112, item.span, "Expected a `- rule:`, `- macro:` or `- list:` item");
    return;
  }
  for (const auto& [key, add] : {std::pair("rule", &State::AddRule), std::pair("macro", &State::AddMacro),
                                 std::pair("list", &State::AddList)}) {
    const Node* name = item.Find(key);
    if (name == nullptr) continue;
    const size_t errors = diagnostics.errors();
    (this->*add)(item);
    if (diagnostics.errors() != errors) broken.push_back({name->text, name->span, true});
    return;
  }
  if (const Node* version = item.Find("required_engine_version")) return CheckEngine(*version);
  if (const Node* plugins = item.Find("required_plugin_versions")) return CheckPlugins(*plugins);
  diag::Diagnostic& warning = diagnostics.Add(Code::W210, item.span, "Unknown item is ignored");
  warning.help =
      "an item is a `rule`, `macro`, `list`, `required_engine_version` or `required_plugin_versions`";
}

void Loader::State::AddList(const Node& item) {
  const Node* name = Scalar(item, "list", diagnostics);
  if (name == nullptr) return;
  WarnUnknownKeys(item, {"list", "items", "append", "override"}, diagnostics);
  ListItem list{{name->text, name->span, name->quoted}, {}, AllowedAbove(files, item), name->span};
  const Node* items = item.Find("items");
  if (items == nullptr || items->kind == Node::Kind::kMap || items->kind == Node::Kind::kScalar) {
    diagnostics.Add(Code::E106, name->span, fmt::format("List `{}` has no `items`", name->text));
    return;
  }
  for (const Node& word : items->items) {
    if (word.kind == Node::Kind::kScalar) {
      list.items.push_back(WordOf(word));
    } else {
      diagnostics.Add(Code::E112, word.span, "An item of a list is a word");
    }
  }
  const std::map<std::string, Merge> merge = ReadMerge(item, {"items"}, {"items"}, diagnostics);
  ListItem* old = lists.Find(name->text);
  if (!merge.empty() && old == nullptr) {
    RefuseUnknown("list", *name);
  } else if (!merge.empty() && merge.at("items") == Merge::kAppend) {
    old->items.insert(old->items.end(), list.items.begin(), list.items.end());
    Join(list.allowed_warnings, old->allowed_warnings);
  } else {
    lists.Put(name->text, std::move(list));
  }
}

void Loader::State::AddMacro(const Node& item) {
  const Node* name = Scalar(item, "macro", diagnostics);
  if (name == nullptr) return;
  WarnUnknownKeys(item, {"macro", "condition", "append", "override"}, diagnostics);
  const Node* condition = Scalar(item, "condition", diagnostics);
  if (condition == nullptr) {
    diagnostics.Add(Code::E106, name->span, fmt::format("Macro `{}` has no `condition`", name->text));
    return;
  }
  const std::map<std::string, Merge> merge = ReadMerge(item, {"condition"}, {"condition"}, diagnostics);
  MacroItem* old = macros.Find(name->text);
  if (!merge.empty() && old == nullptr) {
    RefuseUnknown("macro", *name);
  } else if (!merge.empty() && merge.at("condition") == Merge::kAppend) {
    old->condition.Append(TextOf(*condition));
    Join(AllowedAbove(files, item), old->allowed_warnings);
  } else {
    macros.Put(
        name->text,
        {{name->text, name->span, name->quoted}, TextOf(*condition), AllowedAbove(files, item), name->span});
  }
}

void Loader::State::AddRule(const Node& item) {
  std::optional<RuleEdit> edit = ReadRule(item, diagnostics);
  if (!edit) return;
  const ast::Word name = edit->item.keys.name;
  const std::vector<ast::Word> allowed = AllowedAbove(files, item);
  RuleItem* old = rules.Find(name.text);
  if (edit->define && !edit->only_enabled) {
    Join(allowed, edit->item.keys.allowed_warnings.Edit());
    rules.Put(name.text, std::move(edit->item));
  } else if (old == nullptr) {
    RefuseUnknown("rule", *Scalar(item, "rule", diagnostics));
  } else if (edit->only_enabled) {
    old->keys.enabled = edit->item.keys.enabled;
    Join(allowed, old->keys.allowed_warnings.Edit());
  } else {
    Apply(*edit, *old, diagnostics);
    Join(allowed, old->keys.allowed_warnings.Edit());
  }
}

// One that was left out for a fault has been told.
void Loader::State::RefuseUnknown(std::string_view kind, const Node& name) {
  const auto same = [&](const ast::Word& word) { return word.text == name.text; };
  if (std::any_of(broken.begin(), broken.end(), same)) return;
  if (const ast::Word* written = beside == nullptr ? nullptr : Named(*beside, kind, name.text)) {
    auto& fault =
        diagnostics.Add(Code::E113, name.span,
                        fmt::format("The {} `{}` of a .rule file cannot be changed here", kind, name.text));
    fault.others.push_back({written->span, "declared here"});
    fault.help = "change it there: YAML changes what YAML declares";
    return;
  }
  diagnostics.Add(Code::E113, name.span, fmt::format("No {} `{}` has been defined before", kind, name.text))
      .help = "files are taken in the order given: load the file that defines it first";
}

void Loader::State::CheckEngine(const Node& version) {
  const auto wanted = EngineVersion(version.text);
  if (!wanted) {
    diagnostics.Add(Code::E109, version.span, fmt::format("`{}` is not a version", version.text));
  } else if (wanted->first > 0 || wanted->second > static_cast<uint64_t>(kEngineMinor)) {
    diagnostics.Add(Code::E114, version.span,
                    fmt::format("These rules need Falco engine {}, and this engine knows 0.{}.0",
                                version.text, kEngineMinor));
  }
}

void Loader::State::CheckPlugins(const Node& plugins) {
  for (const Node& plugin : plugins.items) {
    const Node* name = plugin.Find("name");
    bool provided = name != nullptr && name->text == "container";
    if (const Node* others = plugin.Find("alternatives")) {
      for (const Node& other : others->items) {
        const Node* alternative = other.Find("name");
        provided = provided || (alternative != nullptr && alternative->text == "container");
      }
    }
    if (provided || name == nullptr) continue;
    diagnostics.Add(Code::W211, name->span, fmt::format("Plugin `{}` is not provided", name->text)).help =
        "rules of its source are skipped; fields of it are absent";
  }
}

// The whole of a file whose places are those of the text's bytes.
source::Span Loader::State::Derived(const Text& text) {
  return {files.AddDerived(text.bytes, text.pieces), 0, static_cast<uint32_t>(text.bytes.size())};
}

bool Loader::State::ParseText(const Text& text, ast::Expr& condition, diag::Diagnostics& told) {
  return parse::ParseCondition(files, Derived(text).file, limits, condition, told);
}

// Falco pastes values into the condition, where `val(proc.pname)` and `toupper(proc.pname)` are no words.
bool Loader::State::BuildReferences(ast::Exception& exception) {
  for (size_t row = 0; row < exception.values.size(); ++row) {
    for (size_t column = 0; column < exception.values[row].size(); ++column) {
      const std::vector<ast::Word>& words = exception.values[row][column];
      if (words.size() != 1 || words[0].quoted || !IsCall(words[0].text)) continue;
      constexpr std::string_view kVal = "val(";
      const ast::Word& word = words[0];
      Text check{word.text, {{0, word.span}}, word.span};
      if (word.text.starts_with(kVal)) {
        check.bytes = word.text.substr(kVal.size(), word.text.size() - kVal.size() - 1);
        check.pieces[0].origin.begin += kVal.size();
      }
      check.bytes += " exists";
      ast::Expr expr;
      if (!ParseText(check, expr, diagnostics)) return false;
      const bool field =
          expr.kind == ast::Expr::Kind::kCheck && expr.check->left.kind == ast::Operand::Kind::kField;
      if (expr.kind != ast::Expr::Kind::kCheck || (word.text.starts_with(kVal) && !field)) {
        diagnostics.Add(Code::E112, word.span, fmt::format("`{}` names no field", word.text)).help =
            "`val(...)` takes one field";
        return false;
      }
      exception.references.push_back({row, column, std::make_shared<const ast::Operand>(expr.check->left)});
    }
  }
  return true;
}

std::optional<ast::Exception> Loader::State::BuildException(const ExceptionItem& item) {
  ast::Exception exception;
  exception.name = item.name;
  exception.comps = item.comps;
  exception.values = item.values;
  exception.span = item.span;
  for (const Text& field : item.fields) {
    // A field or a transformer of one: read by the one parser that knows how, as the left side of a check.
    Text check = field;
    check.bytes += " exists";
    ast::Expr expr;
    if (!ParseText(check, expr, diagnostics)) return std::nullopt;
    if (expr.kind != ast::Expr::Kind::kCheck) {
      diagnostics.Add(Code::E112, field.span, fmt::format("`{}` is not a field", field.bytes));
      return std::nullopt;
    }
    exception.fields.push_back(expr.check->left);
  }
  if (!BuildReferences(exception)) return std::nullopt;
  if (exception.comps.empty()) {
    const std::string_view comp = item.scalar_field ? "in" : "=";
    for (const ast::Operand& field : exception.fields)
      exception.comps.push_back({std::string(comp), field.span, false});
  }
  return exception;
}

void Loader::State::BuildRule(RuleItem& item, ast::RuleSet& out) {
  ast::Rule rule{std::move(item.keys), {}, {}};
  rule.desc = {item.desc.bytes, item.desc.span, true};
  rule.output = {item.output.bytes, Derived(item.output), false};
  if (ast::SourceOf(rule) != "syscall") {  // check/ leaves it out, and wants to know what it uses
    diag::Diagnostics unheard;
    ParseText(item.condition, rule.condition, unheard);
    out.rules.push_back(std::move(rule));
    return;
  }
  if (!ParseText(item.condition, rule.condition, diagnostics)) {
    out.broken.push_back(rule.name);
    return;
  }
  for (const ExceptionItem& exception : item.exceptions) {
    std::optional<ast::Exception> built = BuildException(exception);
    if (!built) {
      out.broken.push_back(rule.name);
      return;
    }
    rule.exceptions.push_back(*std::move(built));
  }
  out.rules.push_back(std::move(rule));
}

Loader::Loader(source::Files& files, const parse::Limits& limits, diag::Diagnostics& diagnostics,
               const ast::RuleSet* beside)
    : state_(std::make_unique<State>(files, limits, diagnostics, beside)) {}
Loader::~Loader() = default;

void Loader::Add(source::FileId file) {
  for (Node& document : ReadYaml(state_->files, file, state_->diagnostics)) {
    if (document.kind == Node::Kind::kNull) continue;
    if (document.kind != Node::Kind::kSequence) {
      state_->diagnostics.Add(Code::E112, document.span, "A Falco rules file is a list of items").help =
          "begin each item with `- rule:`, `- macro:` or `- list:`";
      continue;
    }
    for (Node& item : document.items) {
      state_->AddItem(item);
      item = {};
    }
  }
}

void Loader::Finish(ast::RuleSet& rules) {
  rules.broken.insert(rules.broken.end(), state_->broken.begin(), state_->broken.end());
  QuoteCycles(state_->lists.items());
  for (ListItem& list : state_->lists.items()) {
    ast::List& out = rules.lists.emplace_back();
    out.name = std::move(list.name);
    out.items = std::move(list.items);
    out.allowed_warnings = std::move(list.allowed_warnings);
    out.span = list.span;
  }
  for (MacroItem& item : state_->macros.items()) {
    ast::Macro macro;
    macro.name = std::move(item.name);
    macro.span = item.span;
    macro.allowed_warnings = std::move(item.allowed_warnings);
    macro.lenient = true;
    if (state_->ParseText(item.condition, macro.condition, state_->diagnostics)) {
      rules.macros.push_back(std::move(macro));
    } else {
      rules.broken.push_back(std::move(macro.name));
    }
  }
  for (RuleItem& item : state_->rules.items()) {
    state_->BuildRule(item, rules);
    item = {};
  }
}

}  // namespace sluice::falco
