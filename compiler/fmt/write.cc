#include "compiler/fmt/write.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "compiler/parse/values.h"

namespace sluice::fmt_stage {
namespace {

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// Whether the text can stand without quotes wherever a value can. Stricter than the grammar: quotes do no
// harm to a value, only to the name of a list, and that is an identifier.
bool CanBeBare(std::string_view text) {
  if (text == "oneof" || text == "anyof" || text == "allof" || text == "->") return false;
  return !text.empty() && text[0] != '#' &&
         text.find_first_of("()[]{}\"',=: \t\r\n\b\f\v") == std::string_view::npos;
}

std::string Text(const ast::Word& word) {
  return !word.quoted && CanBeBare(word.text) ? word.text : Quote(word.text);
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

// New names for those that are no identifiers: unlike all others, and unlike all values.
class Renaming {
 public:
  explicit Renaming(const ast::RuleSet& rules) {
    for (const ast::List& list : rules.lists) {
      taken_.insert(list.name.text);
      for (const ast::Word& item : list.items) taken_.insert(item.text);
    }
    for (const ast::Macro& macro : rules.macros) Collect(macro.condition, macro.name.text);
    for (const ast::Rule& rule : rules.rules) {
      Collect(rule.condition, rule.name.text);
      for (const ast::Exception& exception : rule.exceptions) {
        for (const auto& row : exception.values) {
          for (const auto& column : row) {
            for (const ast::Word& word : column) taken_.insert(word.text);
          }
        }
      }
    }
    for (const ast::List& list : rules.lists) Add(list.name.text, lists_);
    for (const ast::Macro& macro : rules.macros) Add(macro.name.text, macros_);
  }

  std::string List(const std::string& name) const { return Of(name, lists_); }
  std::string Macro(const std::string& name) const { return Of(name, macros_); }
  // An item of a list or of a condition's `( )`, which may be the name of a list.
  std::string Item(const ast::Word& word) const {
    const auto found = word.quoted ? lists_.end() : lists_.find(word.text);
    return found == lists_.end() ? Text(word) : found->second;
  }

 private:
  using Map = std::unordered_map<std::string, std::string>;

  static std::string Of(const std::string& name, const Map& map) {
    const auto found = map.find(name);
    return found == map.end() ? name : found->second;
  }

  void Collect(const ast::Expr& expr, const std::string& name) {
    taken_.insert(name);
    if (expr.check != nullptr) {
      for (const ast::Word& word : expr.check->values) taken_.insert(word.text);
    }
    for (const ast::Expr& child : expr.children) Collect(child, name);
  }

  void Add(const std::string& name, Map& map) {
    if (parse::IsIdentifier(name) || map.count(name) != 0) return;
    std::string fresh = name;
    for (char& c : fresh) {
      if (!parse::IsIdentifier(std::string("x") + c)) c = '_';
    }
    if (!parse::IsIdentifier(fresh)) fresh.insert(0, "n");
    while (!taken_.insert(fresh).second) fresh += '_';
    map.emplace(name, fresh);
  }

  std::unordered_set<std::string> taken_;
  Map lists_, macros_;
};

class Writer {
 public:
  Writer(const ast::RuleSet& rules, const source::Files& files)
      : rules_(rules), files_(files), names_(rules) {}

  std::string Write() {
    for (const ast::List& list : rules_.lists) {
      Origin(list.span, list.name.text, names_.List(list.name.text), list.allowed_warnings);
      out_ += fmt::format("list {} = [{}]\n", names_.List(list.name.text), Items(list.items));
    }
    for (const ast::Macro& macro : rules_.macros) {
      Origin(macro.span, macro.name.text, names_.Macro(macro.name.text), macro.allowed_warnings);
      out_ += fmt::format("macro {} = {}\n", names_.Macro(macro.name.text), Text(macro.condition));
    }
    for (const ast::Rule& rule : rules_.rules) Add(rule);
    return std::move(out_);
  }

 private:
  void Origin(source::Span span, const std::string& name, const std::string& fresh,
              const std::vector<ast::Word>& allowed) {
    const source::Span at = files_.Resolve(span);
    out_ += '\n';
    if (at.valid()) {
      const std::string_view path = files_.name(at.file);
      out_ += fmt::format("# {}:{}{}\n", path.substr(path.rfind('/') + 1),
                          files_.PositionOf(at.file, at.begin).line,
                          name == fresh ? "" : ", there named " + Quote(name));
    }
    for (const ast::Word& slug : allowed) out_ += fmt::format("# allow: {}\n", slug.text);
  }

  std::string Items(const std::vector<ast::Word>& words) const {
    std::vector<std::string> parts;
    for (const ast::Word& word : words) parts.push_back(names_.Item(word));
    return Joined(parts);
  }

  static std::string Text(const ast::Field& field) {
    return field.argument ? fmt::format("{}[{}]", field.name.text, Argument(*field.argument))
                          : field.name.text;
  }

  static std::string Argument(const ast::Word& word) { return fmt_stage::Text(word); }

  static std::string Text(const ast::Operand& operand) {
    switch (operand.kind) {
      case ast::Operand::Kind::kField:
        return Text(operand.field);
      case ast::Operand::Kind::kLiteral:
        return !operand.literal->quoted && parse::IsNumber(operand.literal->text)
                   ? operand.literal->text
                   : Quote(operand.literal->text);
      case ast::Operand::Kind::kTuple:
        return "(" + Texts(operand.tuple) + ")";
      case ast::Operand::Kind::kTransform:
        break;
    }
    const ast::Transform& transform = *operand.transform;
    std::string out = fmt::format("{}({})", transform.name.text, Texts(transform.arguments));
    if (transform.index) out += fmt::format("[{}]", Argument(*transform.index));
    return out;
  }

  static std::string Texts(const std::vector<ast::Operand>& operands) {
    std::vector<std::string> parts;
    for (const ast::Operand& operand : operands) parts.push_back(Text(operand));
    return Joined(parts);
  }

  std::string Text(const ast::Check& check) const {
    std::string out = fmt::format("{} {}", Text(check.left), ast::OpName(check.op));
    if (check.op == ast::Op::kExists) return out;
    constexpr std::string_view kQuantifiers[] = {"", " oneof", " anyof", " allof"};
    out += kQuantifiers[static_cast<size_t>(check.quantifier)];
    if (check.right) {
      const bool field = check.right->kind == ast::Operand::Kind::kField;
      return out + (field ? " val(" + Text(*check.right) + ")" : " " + Text(*check.right));
    }
    if (check.parenthesised) return fmt::format("{} ({})", out, Items(check.values));
    const ast::Word& word = check.values.front();
    const bool list = check.op == ast::Op::kIn || check.op == ast::Op::kIntersects ||
                      check.op == ast::Op::kPmatch || check.quantifier != ast::Quantifier::kNone;
    // A number after < must not be quoted, whatever it looks like.
    const bool plain = list || (!word.quoted && parse::IsNumber(word.text));
    return out + " " + (plain ? word.text : fmt_stage::Text(word));
  }

  std::string Text(const ast::Expr& expr) const {
    using Kind = ast::Expr::Kind;
    if (expr.kind == Kind::kCheck) return Text(*expr.check);
    if (expr.kind == Kind::kMacro) return names_.Macro(expr.macro->text);
    std::string out;
    for (const ast::Expr& child : expr.children) {
      const bool joined = child.kind == Kind::kAnd || child.kind == Kind::kOr;
      const bool bare = !joined || (expr.kind == Kind::kOr && child.kind == Kind::kAnd);
      if (expr.kind == Kind::kNot) out += "not ";
      if (expr.kind != Kind::kNot && !out.empty()) out += expr.kind == Kind::kAnd ? " and " : " or ";
      out += bare ? Text(child) : "(" + Text(child) + ")";
    }
    return out;
  }

  void Add(const ast::Rule& rule) {
    Origin(rule.span, rule.name.text, rule.name.text, rule.allowed_warnings);
    std::string priority(ast::PriorityName(rule.priority));
    std::transform(priority.begin(), priority.end(), priority.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    out_ += fmt::format("rule {} {{\n  desc: {}\n  condition: {}\n", Quote(rule.name.text),
                        Quote(rule.desc.text), Text(rule.condition));
    out_ += fmt::format("  output: {}\n  priority: {}\n", Quote(rule.output.text), priority);
    if (!rule.enabled) out_ += "  enabled: false\n";
    if (!rule.tags.empty()) {
      std::vector<std::string> tags;
      for (const ast::Word& tag : rule.tags) tags.push_back(fmt_stage::Text({tag.text, {}, false}));
      out_ += fmt::format("  tags: [{}]\n", Joined(tags));
    }
    if (!rule.exceptions.empty()) {
      out_ += "  exceptions: [\n";
      for (const ast::Exception& exception : rule.exceptions) Add(exception);
      out_ += "  ]\n";
    }
    out_ += "}\n";
  }

  void Add(const ast::Exception& exception) {
    std::vector<std::string> comps, rows;
    for (const ast::Word& comp : exception.comps) {
      comps.push_back(comp.text.find(' ') == std::string::npos ? comp.text : Quote(comp.text));
    }
    for (size_t number = 0; number < exception.values.size(); ++number) {
      const auto& row = exception.values[number];
      std::vector<std::string> columns;
      for (size_t i = 0; i < row.size(); ++i) {
        const std::string words = exception.ReferenceAt(number, i) ? row[i][0].text : Items(row[i]);
        columns.push_back(row[i].size() == 1 ? words : "(" + words + ")");
      }
      rows.push_back("[" + Joined(columns) + "]");
    }
    out_ += fmt::format("    {{ name: {}, fields: [{}], comps: [{}]",
                        fmt_stage::Text({exception.name.text, {}, false}), Texts(exception.fields),
                        Joined(comps));
    if (!rows.empty()) out_ += fmt::format(",\n    values: [{}]", Joined(rows));
    out_ += " },\n";
  }

  const ast::RuleSet& rules_;
  const source::Files& files_;
  const Renaming names_;
  std::string out_;
};

}  // namespace

std::string Write(const ast::RuleSet& rules, const source::Files& files) {
  return Writer(rules, files).Write();
}

}  // namespace sluice::fmt_stage
