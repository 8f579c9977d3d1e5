// The value of a field, and transformers over it.
#include <fmt/format.h>

#include <cctype>
#include <cstdlib>

#include "compiler/naive/naive.h"

namespace sluice::naive {
namespace {

using Kind = Value::Kind;

[[noreturn]] void Fail(const std::string& why) {
  fmt::print(stderr, "naive: {}\n", why);
  std::abort();
}

const Value& Absent() {
  static const Value absent;
  return absent;
}

const Value& Unknown() {
  static const Value unknown = Value::Unknown();
  return unknown;
}

std::string Mapped(std::string text, int (*map)(int)) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x80) c = static_cast<char>(map(c));
  }
  return text;
}

// With padding to a multiple of four, or without any.
Value FromBase64(std::string text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.pop_back();
  }
  if (text.size() % 4 == 1) return Value();
  std::string bits;
  for (const char c : text) {
    const size_t digit = digits.find(c);
    if (digit == std::string::npos) return Value();
    for (int bit = 5; bit >= 0; --bit) bits += (digit >> bit & 1) != 0 ? '1' : '0';
  }
  std::string bytes;
  for (size_t at = 0; at + 8 <= bits.size(); at += 8) {
    bytes += static_cast<char>(std::strtol(bits.substr(at, 8).c_str(), nullptr, 2));
  }
  return Value::Of(bytes);
}

Value OfText(const std::string& transform, const std::string& text) {
  if (transform == "tolower") return Value::Of(Mapped(text, std::tolower));
  if (transform == "toupper") return Value::Of(Mapped(text, std::toupper));
  if (transform == "b64") return FromBase64(text);
  if (transform == "basename") return Value::Of(text.substr(text.rfind('/') + 1));
  Fail("no transformer " + transform);
}

Value Join(const std::string& separator, const std::vector<Value>& list) {
  std::string all;
  for (size_t i = 0; i < list.size(); ++i) all += (i > 0 ? separator : "") + list[i].text;
  return Value::Of(all);
}

// Options stand anywhere before `--`, together or with the argument attached; the last one given counts.
Value Getopt(const std::vector<Value>& words, const std::string& known,
             const source::Boxed<ast::Word>& index) {
  std::vector<Value> letters;
  Value wanted;
  for (size_t i = 0; i < words.size() && words[i].text != "--"; ++i) {
    const std::string word = words[i].text;
    if (word.size() < 2 || word[0] != '-') continue;
    for (size_t at = 1; at < word.size(); ++at) {
      const size_t option = word[at] == ':' ? std::string::npos : known.find(word[at]);
      if (option == std::string::npos) continue;
      const bool takes_argument = option + 1 < known.size() && known[option + 1] == ':';
      std::string argument;
      const std::string letter(1, word[at]);
      if (takes_argument && at + 1 < word.size()) {
        argument = word.substr(at + 1);
        at = word.size();
      } else if (takes_argument) {
        if (i + 1 == words.size()) break;
        argument = words[++i].text;
      }
      letters.push_back(Value::Of(letter));
      if (index && index->text == letter) wanted = Value::Of(argument);
    }
  }
  return index ? wanted : Value::Of(letters, false, Value::Many::kAll);
}

Value Tuple(const Event& event, const ast::Operand& operand) {
  std::vector<Value> list;
  for (const ast::Operand& element : operand.tuple) {
    list.push_back(ValueOf(event, element));
    if (list.back().kind == Kind::kAbsent || list.back().kind == Kind::kUnknown) return list.back();
  }
  return Value::Of(std::move(list), false, Value::Many::kAll);
}

Value Transformed(const Event& event, const ast::Transform& transform) {
  std::vector<Value> arguments;
  for (const ast::Operand& argument : transform.arguments) {
    arguments.push_back(ValueOf(event, argument));
    if (arguments.back().kind == Kind::kAbsent || arguments.back().kind == Kind::kUnknown)
      return arguments.back();
  }
  const std::string& name = transform.name.text;
  if (name == "concat") return Join("", arguments);
  if (name == "join") return Join(arguments.at(0).text, arguments.at(1).list);
  if (name == "getopt") return Getopt(arguments.at(0).list, arguments.at(1).text, transform.index);
  Value& only = arguments.at(0);
  if (name == "len") {
    if (only.kind != Kind::kList) return Value::Of(static_cast<int64_t>(only.text.size()));
    return only.partial ? Value::Unknown() : Value::Of(static_cast<int64_t>(only.list.size()));
  }
  if (only.kind != Kind::kList) return OfText(name, only.text);
  for (Value& element : only.list) {
    element = OfText(name, element.text);
    if (element.kind == Kind::kAbsent) return Value();
  }
  return only;
}

// evt.type.is.NAME, where the event does not have it itself.
const Value& IsOfType(const Value& type, std::string_view name) {
  static const Value yes = Value::Of(int64_t{1}), no = Value::Of(int64_t{0});
  if (type.kind == Kind::kUnknown) return type;
  return type.kind == Kind::kString && type.text == name ? yes : no;
}

}  // namespace

const Value& ValueOf(const Event& event, const ast::Field& field) {
  const std::string& name = field.name.text;
  const auto find = [&](std::string_view key) -> const Value& {
    const auto found = event.find(key);
    return found == event.end() ? Absent() : found->second;
  };
  if (constexpr std::string_view type_is = "evt.type.is"; name.compare(0, type_is.size(), type_is) == 0) {
    const std::string type = field.argument ? field.argument->text : name.substr(type_is.size() + 1);
    const auto own = event.find(std::string(type_is) + "." + type);
    return own != event.end() ? own->second : IsOfType(find("evt.type"), type);
  }
  if (!field.argument) return find(name);
  const std::string& argument = field.argument->text;
  const auto exact = event.find(name + "[" + argument + "]");
  if (exact != event.end()) return exact->second;
  if (name == "proc.env") return Absent();
  const Value& all = find(name);
  const size_t level = std::strtoul(argument.c_str(), nullptr, 10);
  if (name == "proc.args") {  // counted from 0
    if (all.kind != Kind::kString) return all;
    static const Value kEmpty = Value::Of(std::string());
    return level < all.list.size() ? all.list[level] : kEmpty;
  }
  if (level == 0) {  // proc.aname[0] is proc.name
    std::string own = name;
    own.erase(own.find('.') + 1, 1);
    return find(own);
  }
  if (all.kind != Kind::kList) return all;
  if (level <= all.list.size()) return all.list[level - 1];
  return all.partial ? Unknown() : Absent();
}

Value ValueOf(const Event& event, const ast::Operand& operand) {
  switch (operand.kind) {
    case ast::Operand::Kind::kField:
      return ValueOf(event, operand.field);
    case ast::Operand::Kind::kTransform:
      return Transformed(event, *operand.transform);
    case ast::Operand::Kind::kLiteral:
      return Value::Of(operand.literal->text);
    case ast::Operand::Kind::kTuple:
      break;
  }
  return Tuple(event, operand);
}

}  // namespace sluice::naive
