#include "tests/naive/naive.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <re2/re2.h>
#include <strings.h>

#include <cstdlib>
#include <functional>
#include <optional>

namespace sluice::naive {
namespace {

using ast::Op;
using ast::Quantifier;
using Kind = Value::Kind;

[[noreturn]] void Fail(const std::string& why) {
  fmt::print(stderr, "naive: {}\n", why);
  std::abort();
}

Truth Known(bool truth) { return truth ? Truth::kTrue : Truth::kFalse; }

Truth Not(Truth truth) {
  if (truth == Truth::kUnknown) return truth;
  return Known(truth == Truth::kFalse);
}

// ---- values
// -----------------------------------------------------------------------------------------------------

Value Get(const Event& event, const ast::Field& field) {
  std::string name = field.name.text;
  if (!field.argument) {
    const auto found = event.find(name);
    return found == event.end() ? Value() : found->second;
  }
  const std::string& argument = field.argument->text;
  const auto exact = event.find(name + "[" + argument + "]");
  if (exact != event.end()) return exact->second;
  const auto base = event.find(name);
  const size_t level = std::strtoul(argument.c_str(), nullptr, 10);
  if (level == 0) {  // proc.aname[0] is proc.name
    name.erase(name.find('.') + 1, 1);
    const auto self = event.find(name);
    return self == event.end() ? Value() : self->second;
  }
  if (base == event.end()) return Value();
  if (base->second.kind != Kind::kList) return base->second;
  if (level <= base->second.list.size()) return base->second.list[level - 1];
  return base->second.partial ? Value::Unknown() : Value();
}

Value Get(const Event& event, const ast::Operand& operand);

std::string Mapped(std::string text, int (*map)(int)) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x80) c = static_cast<char>(map(c));
  }
  return text;
}

Value Transformed(const Event& event, const ast::Transform& transform) {
  std::vector<Value> arguments;
  for (const ast::Operand& argument : transform.arguments) arguments.push_back(Get(event, argument));
  for (const Value& argument : arguments) {
    if (argument.kind == Kind::kAbsent) return Value();
  }
  for (const Value& argument : arguments) {
    if (argument.kind == Kind::kUnknown) return argument;
  }
  const std::string& name = transform.name.text;
  if (name == "concat") {
    std::string all;
    for (const Value& argument : arguments) all += argument.text;
    return Value::Of(all);
  }
  const std::string& text = arguments[0].text;
  if (name == "tolower") return Value::Of(Mapped(text, std::tolower));
  if (name == "toupper") return Value::Of(Mapped(text, std::toupper));
  if (name == "len") return Value::Of(static_cast<int64_t>(text.size()));
  if (name == "basename") {
    const size_t slash = text.rfind('/');
    return Value::Of(slash == std::string::npos ? text : text.substr(slash + 1));
  }
  Fail("no transformer " + name);
}

Value Get(const Event& event, const ast::Operand& operand) {
  switch (operand.kind) {
    case ast::Operand::Kind::kField:
      return Get(event, operand.field);
    case ast::Operand::Kind::kTransform:
      return Transformed(event, *operand.transform);
    case ast::Operand::Kind::kLiteral:
      return Value::Of(operand.literal.text);
    case ast::Operand::Kind::kTuple:
      break;
  }
  Fail("a tuple has no value");
}

// A word as a value of the kind that it is compared with.
Value As(Kind kind, const std::string& word) {
  if (kind == Kind::kInt) return Value::Of(static_cast<int64_t>(std::strtoll(word.c_str(), nullptr, 10)));
  if (kind == Kind::kBool) return Value::OfBool(word == "true");
  return Value::Of(word);
}

// ---- one comparison
// ---------------------------------------------------------------------------------------------

int Compare(const Value& a, const Value& b) {
  if (a.kind == Kind::kInt) return a.number < b.number ? -1 : a.number > b.number;
  if (a.kind == Kind::kBool) return static_cast<int>(a.boolean) - static_cast<int>(b.boolean);
  return a.text.compare(b.text);
}

std::string Lower(const std::string& text) { return Mapped(text, std::tolower); }

std::vector<std::string> Components(const std::string& path) {
  std::vector<std::string> components;
  std::string component;
  for (const char c : path + "/") {
    if (c != '/') {
      component += c;
    } else if (!component.empty()) {
      components.push_back(component);
      component.clear();
    }
  }
  return components;
}

bool IsUnder(const std::string& path, const std::string& pattern) {
  const std::vector<std::string> have = Components(path), want = Components(pattern);
  if (have.size() < want.size()) return false;
  for (size_t i = 0; i < want.size(); ++i) {
    const bool pattern_component = want[i].find_first_of("?*[") != std::string::npos;
    if (pattern_component ? fnmatch(want[i].c_str(), have[i].c_str(), 0) != 0 : want[i] != have[i])
      return false;
  }
  return true;
}

bool Holds(Op op, const Value& left, const Value& right) {
  const std::string& a = left.text;
  const std::string& b = right.text;
  switch (op) {
    case Op::kEq:
    case Op::kIn:
    case Op::kIntersects:
      return Compare(left, right) == 0;
    case Op::kNe:
      return Compare(left, right) != 0;
    case Op::kLt:
      return Compare(left, right) < 0;
    case Op::kLe:
      return Compare(left, right) <= 0;
    case Op::kGt:
      return Compare(left, right) > 0;
    case Op::kGe:
      return Compare(left, right) >= 0;
    case Op::kContains:
      return a.find(b) != std::string::npos;
    case Op::kIContains:
      return Lower(a).find(Lower(b)) != std::string::npos;
    case Op::kStartsWith:
      return a.rfind(b, 0) == 0;
    case Op::kEndsWith:
      return a.size() >= b.size() && a.substr(a.size() - b.size()) == b;
    case Op::kGlob:
      return fnmatch(b.c_str(), a.c_str(), 0) == 0;
    case Op::kIGlob:
      return fnmatch(b.c_str(), a.c_str(), FNM_CASEFOLD) == 0;
    case Op::kRegex:
      return re2::RE2::FullMatch(a, re2::RE2(b, re2::RE2::POSIX));
    case Op::kPmatch:
      return IsUnder(a, b);
    default:
      Fail("operator");
  }
}

bool HoldsForWords(const ast::Check& check, const std::vector<std::string>& words, const Value& left) {
  size_t held = 0;
  for (const std::string& word : words) held += Holds(check.op, left, As(left.kind, word));
  switch (check.quantifier) {
    case Quantifier::kNone:
    case Quantifier::kAnyOf:
      return held > 0;
    case Quantifier::kOneOf:
      return held == 1;
    case Quantifier::kAllOf:
      return held > 0 && held == words.size();
  }
  Fail("quantifier");
}

// ---- conditions
// -------------------------------------------------------------------------------------------------

class Evaluation {
 public:
  Evaluation(const ast::RuleSet& rules, const Event& event) : rules_(rules), event_(event) {}

  Truth Of(const ast::Expr& expr) {
    switch (expr.kind) {
      case ast::Expr::Kind::kNot:
        return Not(Of(expr.children[0]));
      case ast::Expr::Kind::kAnd:
        return Joined(expr, Truth::kFalse);
      case ast::Expr::Kind::kOr:
        return Joined(expr, Truth::kTrue);
      case ast::Expr::Kind::kMacro:
        for (const ast::Macro& macro : rules_.macros) {
          if (macro.name.text == expr.macro.text) return Of(macro.condition);
        }
        Fail("no macro " + expr.macro.text);
      case ast::Expr::Kind::kCheck:
        return Of(*expr.check);
    }
    Fail("expression");
  }

 private:
  // `decisive` decides; else unknown when any part is; else the other.
  Truth Joined(const ast::Expr& expr, Truth decisive) {
    Truth joined = Not(decisive);
    for (const ast::Expr& child : expr.children) {
      const Truth truth = Of(child);
      if (truth == decisive) return decisive;
      if (truth == Truth::kUnknown) joined = truth;
    }
    return joined;
  }

  void AddWords(const std::vector<ast::Word>& from, std::vector<std::string>& words) {
    for (const ast::Word& word : from) {
      const ast::List* list = nullptr;
      for (const ast::List& known : rules_.lists) {
        if (!word.quoted && known.name.text == word.text) list = &known;
      }
      if (list != nullptr) {
        AddWords(list->items, words);
      } else {
        words.push_back(word.text);
      }
    }
  }

  Truth Of(const ast::Check& check) {
    const Value left = Get(event_, check.left);
    if (left.kind == Kind::kAbsent) return Truth::kFalse;
    if (left.kind == Kind::kUnknown) return Truth::kUnknown;
    if (left.kind != Kind::kList) return OfScalar(check, left);
    // True of any ancestor; there must be one.
    for (const Value& element : left.list) {
      if (element.kind != Kind::kAbsent && OfScalar(check, element) == Truth::kTrue) return Truth::kTrue;
    }
    return left.partial ? Truth::kUnknown : Truth::kFalse;
  }

  Truth OfScalar(const ast::Check& check, const Value& left) {
    if (check.op == Op::kExists) return Truth::kTrue;
    if (check.right) {
      const Value right = Get(event_, *check.right);
      if (right.kind == Kind::kAbsent) return Truth::kFalse;
      if (right.kind == Kind::kUnknown) return Truth::kUnknown;
      return Known(Holds(check.op, left, right));
    }
    std::vector<std::string> words;
    const bool takes_lists = check.op == Op::kIn || check.op == Op::kIntersects || check.op == Op::kPmatch ||
                             check.quantifier != Quantifier::kNone;
    if (takes_lists) {
      AddWords(check.values, words);
    } else {
      words = {check.values.at(0).text};
    }
    return Known(HoldsForWords(check, words, left));
  }

  const ast::RuleSet& rules_;
  const Event& event_;
};

std::string Print(const Value& value) {
  switch (value.kind) {
    case Kind::kAbsent:
      return "absent";
    case Kind::kUnknown:
      return "unknown";
    case Kind::kString:
      return "\"" + value.text + "\"";
    case Kind::kInt:
      return std::to_string(value.number);
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kList:
      break;
  }
  std::string out;
  for (const Value& element : value.list) out += (out.empty() ? "" : ", ") + Print(element);
  return "[" + out + (value.partial ? ", ..." : "") + "]";
}

}  // namespace

Value Value::Unknown() {
  Value value;
  value.kind = Kind::kUnknown;
  return value;
}

Value Value::Of(std::string text) {
  Value value;
  value.kind = Kind::kString;
  value.text = std::move(text);
  return value;
}

Value Value::Of(int64_t number) {
  Value value;
  value.kind = Kind::kInt;
  value.number = number;
  return value;
}

Value Value::OfBool(bool boolean) {
  Value value;
  value.kind = Kind::kBool;
  value.boolean = boolean;
  return value;
}

Value Value::Of(std::vector<Value> list, bool partial) {
  Value value;
  value.kind = Kind::kList;
  value.list = std::move(list);
  value.partial = partial;
  return value;
}

Truth Holds(const ast::RuleSet& rules, const ast::Expr& condition, const Event& event) {
  return Evaluation(rules, event).Of(condition);
}

std::string Print(const Event& event) {
  std::string out;
  for (const auto& [field, value] : event) out += fmt::format("  {} = {}\n", field, Print(value));
  return out;
}

}  // namespace sluice::naive
