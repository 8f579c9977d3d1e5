#include "runtime/eval/terms.h"

#include "runtime/eval/glob.h"

namespace sluice::eval {
namespace {

using check::Term;
using check::TransformKind;
using Kind = Value::Kind;

bool IsThere(const Value& value) { return value.kind != Kind::kAbsent && value.kind != Kind::kUnknown; }

int Base64Digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// Whether `option` is known to a getopt specification, and whether it takes an argument.
bool FindOption(std::string_view options, char option, bool& takes_argument) {
  const size_t at = option == ':' ? std::string_view::npos : options.find(option);
  if (at == std::string_view::npos) return false;
  takes_argument = at + 1 < options.size() && options[at + 1] == ':';
  return true;
}

}  // namespace

Value TermReader::Made(const Term& term) {
  switch (term.kind) {
    case Term::Kind::kLiteral:
      return Value::String(term.texts[0]);
    case Term::Kind::kTuple:
      return Tuple(term);
    case Term::Kind::kTransform:
      return Transformed(term);
    case Term::Kind::kField:
      break;
  }
  return event_->Get(term.field);
}

Value TermReader::Transformed(const Term& term) {
  switch (term.transform) {
    case TransformKind::kConcat:
      return Concat(term);
    case TransformKind::kJoin:
      return Join(Of(term.arguments[0]), ListOf(term.arguments[1]));
    case TransformKind::kGetopt:
      return Getopt(term, ListOf(term.arguments[0]), Of(term.arguments[1]));
    case TransformKind::kLen: {
      const Value value = Of(term.arguments[0]);
      if (!IsThere(value)) return value;
      if (value.truncated || value.partial) return Value::Unknown();
      const size_t size = value.kind == Kind::kList ? value.list->size() : value.text.size();
      return Value::Number(static_cast<int64_t>(size));
    }
    default:
      return OfEach(term, Of(term.arguments[0]));
  }
}

// proc.args is one text for a comparison and a list for a transformer.
Value TermReader::ListOf(const Term& term) {
  return term.kind == Term::Kind::kField ? event_->GetList(term.field) : Made(term);
}

Value TermReader::Tuple(const Term& term) {
  std::vector<Value>& list = arena_.List();
  for (const std::string& text : term.texts) list.push_back(Value::String(text));
  for (const Term& element : term.arguments) {
    const Value value = Of(element);
    if (!IsThere(value)) return value;
    list.push_back(value);
  }
  return Value::List(&list);
}

Value TermReader::OfEach(const Term& term, Value argument) {
  if (argument.kind == Kind::kString) return OfText(term.transform, argument);
  if (argument.kind != Kind::kList) return IsThere(argument) ? Value::Absent() : argument;
  std::vector<Value>& list = arena_.List();
  for (const Value& element : *argument.list) {
    const Value value = OfText(term.transform, element);
    if (!IsThere(value)) return value;
    list.push_back(value);
  }
  argument.list = &list;
  return argument;
}

Value TermReader::OfText(TransformKind kind, const Value& text) {
  switch (kind) {
    case TransformKind::kToLower:
      return Lettered(text, LowerByte);
    case TransformKind::kToUpper:
      return Lettered(text, UpperByte);
    case TransformKind::kBase64:
      return Base64(text);
    case TransformKind::kBasename: {
      if (text.truncated) return Value::Unknown();
      const size_t slash = text.text.rfind('/');
      return Value::String(slash == std::string_view::npos ? text.text : text.text.substr(slash + 1));
    }
    default:
      return Value::Absent();
  }
}

Value TermReader::Lettered(const Value& text, uint8_t (*change)(uint8_t)) {
  Value result = text;
  char* bytes = arena_.Take(text.text.size());
  for (size_t i = 0; i < text.text.size(); ++i) {
    bytes[i] = static_cast<char>(change(static_cast<uint8_t>(text.text[i])));
  }
  result.text = {bytes, text.text.size()};
  return result;
}

// RFC 4648, with or without padding.
Value TermReader::Base64(const Value& value) {
  std::string_view text = value.text;
  if (!value.truncated) {
    for (int i = 0; i < 2 && text.size() % 4 != 1 && !text.empty() && text.back() == '='; ++i)
      text.remove_suffix(1);
    if (value.text.size() != text.size() && value.text.size() % 4 != 0) return Value::Absent();
  } else {
    text = text.substr(0, text.size() / 4 * 4);
  }
  if (text.size() % 4 == 1) return Value::Absent();
  char* bytes = arena_.Take(text.size());
  size_t size = 0;
  uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const int digit = Base64Digit(c);
    if (digit < 0) return Value::Absent();
    bits = bits << 6 | static_cast<uint32_t>(digit);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    bytes[size++] = static_cast<char>(bits >> have & 0xff);
  }
  Value result = value;
  result.text = {bytes, size};
  return result;
}

Value TermReader::Concat(const Term& term) {
  std::vector<Value>& pieces = arena_.List();
  size_t size = 0;
  for (const Term& argument : term.arguments) {
    const Value piece = Of(argument);
    if (!IsThere(piece)) return piece;
    size += piece.text.size();
    pieces.push_back(piece);
    if (piece.truncated) break;  // what follows has no place
  }
  char* bytes = arena_.Take(size);
  char* at = bytes;
  for (const Value& piece : pieces) {
    if (!piece.text.empty()) std::memcpy(at, piece.text.data(), piece.text.size());
    at += piece.text.size();
  }
  Value result = Value::String({bytes, size});
  result.truncated = !pieces.empty() && pieces.back().truncated;
  return result;
}

Value TermReader::Join(const Value& separator, const Value& list) {
  if (!IsThere(separator)) return separator;
  if (!IsThere(list)) return list;
  if (separator.truncated || list.partial || list.kind != Kind::kList) return Value::Unknown();
  size_t size = 0;
  for (const Value& element : *list.list) size += element.text.size() + separator.text.size();
  char* bytes = arena_.Take(size);
  size_t at = 0;
  const auto put = [&](std::string_view text) {
    if (!text.empty()) std::memcpy(bytes + at, text.data(), text.size());
    at += text.size();
  };
  for (size_t i = 0; i < list.list->size(); ++i) {
    const Value& element = (*list.list)[i];
    if (i > 0) put(separator.text);
    put(element.text);
    if (!element.truncated) continue;
    Value result = Value::String({bytes, at});
    result.truncated = true;
    return result;
  }
  return Value::String({bytes, at});
}

// Options may stand anywhere before `--`, together (-lv) or with their argument attached (-ofile). Without
// [c] the letters of the options that are there; with [c] the argument of that option (empty for one that
// takes none), or absent. The last one given counts.
Value TermReader::Getopt(const Term& term, const Value& list, const Value& options) {
  if (!IsThere(list)) return list;
  if (!IsThere(options)) return options;
  if (list.kind != Kind::kList || list.partial) return Value::Unknown();
  const std::vector<Value>& words = *list.list;
  std::vector<Value>& letters = arena_.List();
  Value wanted = Value::Absent();
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].truncated) return Value::Unknown();
    const std::string_view word = words[i].text;
    if (word == "--") break;
    if (word.size() < 2 || word[0] != '-') continue;
    for (size_t at = 1; at < word.size(); ++at) {
      bool takes_argument = false;
      if (!FindOption(options.text, word[at], takes_argument)) continue;
      Value argument = Value::String({});
      const std::string_view letter = word.substr(at, 1);
      if (takes_argument && at + 1 < word.size()) {
        argument.text = word.substr(at + 1);
        at = word.size();
      } else if (takes_argument) {
        if (i + 1 == words.size()) break;  // it lacks its argument
        argument = words[++i];
      }
      letters.push_back(Value::String(letter));
      if (letter[0] == term.index) wanted = argument;
    }
  }
  return term.index == '\0' ? Value::List(&letters) : wanted;
}

}  // namespace sluice::eval
