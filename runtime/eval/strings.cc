// argv and environments: NUL-terminated strings in a row, of which perhaps only a beginning is known.
#include <algorithm>
#include <cstring>

#include "runtime/eval/extractors.h"

namespace sluice::eval {
namespace {

// Walks the strings; `whole` is false for a last one that is cut off.
class StringWalk {
 public:
  explicit StringWalk(const Strings& strings) : rest_(strings.bytes), truncated_(strings.truncated) {}

  bool Next() {
    if (rest_.empty()) return false;
    const size_t end = rest_.find('\0');
    text_ = rest_.substr(0, end);
    whole_ = end != std::string_view::npos || !truncated_;
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    return true;
  }
  std::string_view text() const { return text_; }
  bool whole() const { return whole_; }

 private:
  std::string_view rest_, text_;
  const bool truncated_;
  bool whole_ = true;
};

// Each NUL of eight bytes becomes a blank.
uint64_t Blanked(uint64_t word) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f;
  const uint64_t zeros = ~(((word & kLow) + kLow) | word | kLow);  // 0x80 where a byte is 0
  return word | zeros >> 2;
}

void CopyBlanked(char* to, std::string_view from) {
  size_t at = 0;
  for (uint64_t word = 0; at + sizeof(word) <= from.size(); at += sizeof(word)) {
    std::memcpy(&word, from.data() + at, sizeof(word));
    word = Blanked(word);
    std::memcpy(to + at, &word, sizeof(word));
  }
  for (; at < from.size(); ++at) to[at] = from[at] == '\0' ? ' ' : from[at];
}

// `head` and then each string from number `first` on, with blanks between.
Value Line(RecordView& view, std::string_view head, bool with_head, const Strings& strings, size_t first) {
  std::string_view rest = strings.bytes;
  for (; first > 0 && !rest.empty(); --first)
    rest.remove_prefix(std::min(rest.find('\0'), rest.size() - 1) + 1);
  char* bytes = view.arena.Take(head.size() + 1 + rest.size());
  size_t size = 0;
  if (with_head && !head.empty()) std::memcpy(bytes, head.data(), size = head.size());
  if (!rest.empty()) {
    if (with_head) bytes[size++] = ' ';
    if (rest.back() == '\0') rest.remove_suffix(1);
    CopyBlanked(bytes + size, rest);
    size += rest.size();
  }
  Value value = Value::String({bytes, size});
  value.truncated = strings.truncated || !strings.known;
  return value;
}

}  // namespace

Value ExeOf(const Strings& argv) {
  if (!argv.known) return Value::Unknown();
  StringWalk walk(argv);
  if (!walk.Next()) return argv.truncated ? Value::Unknown() : Value::Absent();
  Value value = Value::String(walk.text());
  value.truncated = !walk.whole();
  return value;
}

Value ArgsOf(RecordView& view, const Strings& argv) {
  return argv.known ? Line(view, {}, false, argv, 1) : Value::Unknown();
}

// An argument that is not given is empty, as in Falco.
Value ArgOf(const Strings& argv, int32_t index) {
  if (!argv.known) return Value::Unknown();
  int32_t number = -1;
  for (StringWalk walk(argv); walk.Next(); ++number) {
    if (number != index) continue;
    Value value = Value::String(walk.text());
    value.truncated = !walk.whole();
    return value;
  }
  return argv.truncated ? Value::Unknown() : Value::String({});
}

Value LineOf(RecordView& view, const Value& head, const Strings& argv) {
  if (head.kind != Value::Kind::kString) return head;
  if (head.truncated) return head;
  return Line(view, head.text, true, argv.known ? argv : Strings{}, 1);
}

Value Joined(RecordView& view, const Strings& strings) {
  return strings.known ? Line(view, {}, false, strings, 0) : Value::Unknown();
}

Value ArgumentList(RecordView& view, const Strings& argv) {
  if (!argv.known) return Value::Unknown();
  std::vector<Value>& list = view.arena.List();
  bool first = true;
  for (StringWalk walk(argv); walk.Next(); first = false) {
    if (first || !walk.whole()) continue;
    list.push_back(Value::String(walk.text()));
  }
  Value value = Value::List(&list);
  value.partial = argv.truncated;
  return value;
}

Value ArgumentCount(const Strings& argv) {
  if (!argv.known || argv.truncated) return Value::Unknown();
  int64_t count = 0;
  for (StringWalk walk(argv); walk.Next();) ++count;
  return Value::Number(count > 0 ? count - 1 : 0);
}

Value ArgumentBytes(const Strings& argv) {
  if (!argv.known || argv.truncated) return Value::Unknown();
  int64_t bytes = 0;
  bool first = true;
  for (StringWalk walk(argv); walk.Next(); first = false) {
    if (!first) bytes += static_cast<int64_t>(walk.text().size());
  }
  return Value::Number(bytes);
}

// A variable that is not set is empty, as in Falco.
Value Variable(const Strings& env, std::string_view name) {
  if (!env.known) return Value::Unknown();
  for (StringWalk walk(env); walk.Next();) {
    const std::string_view text = walk.text();
    if (text.size() <= name.size() || text[name.size()] != '=' || text.substr(0, name.size()) != name)
      continue;
    Value value = Value::String(text.substr(name.size() + 1));
    value.truncated = !walk.whole();
    return value;
  }
  return env.truncated ? Value::Unknown() : Value::String({});
}

}  // namespace sluice::eval
