#include "runtime/eval/comparison.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "runtime/eval/glob.h"
#include "runtime/eval/net_set.h"
#include "runtime/eval/path_trie.h"
#include "runtime/eval/pattern.h"

namespace sluice::eval {
namespace {

using ast::Op;
using ast::Quantifier;
using check::Type;

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}
bool EndsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

std::string Lowered(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = static_cast<char>(LowerByte(static_cast<uint8_t>(c)));
  return lowered;
}

template <typename T>
bool Ordered(const T& a, Op op, const T& b) {
  switch (op) {
    case Op::kLt:
      return a < b;
    case Op::kLe:
      return a <= b;
    case Op::kGt:
      return a > b;
    case Op::kGe:
      return a >= b;
    case Op::kNe:
      return a != b;
    default:
      return a == b;
  }
}

// ---- texts
// ----------------------------------------------------------------------------------------------------

// Of a truncated text only the beginning is known; Partly() says what follows from that.
class TextTest : public Comparison {
 public:
  Truth Of(const Value& value) const override {
    if (value.kind != Value::Kind::kString) return Truth::kFalse;
    return value.truncated ? Partly(value.text) : TruthOf(Whole(value.text));
  }

 private:
  virtual bool Whole(std::string_view text) const = 0;
  virtual Truth Partly(std::string_view prefix) const = 0;
};

class TextEquals : public TextTest {
 public:
  explicit TextEquals(std::string text) : text_(std::move(text)) {}

 private:
  bool Whole(std::string_view text) const override { return text == text_; }
  Truth Partly(std::string_view prefix) const override {
    return StartsWith(text_, prefix) ? Truth::kUnknown : Truth::kFalse;
  }
  const std::string text_;
};

class TextIn : public TextTest {
 public:
  explicit TextIn(const std::vector<check::Value>& values) {
    texts_.reserve(values.size());
    for (const check::Value& value : values) texts_.insert(value.text);
  }

 private:
  bool Whole(std::string_view text) const override { return texts_.find(text) != texts_.end(); }
  Truth Partly(std::string_view prefix) const override {
    for (const std::string& text : texts_) {
      if (StartsWith(text, prefix)) return Truth::kUnknown;
    }
    return Truth::kFalse;
  }
  std::unordered_set<std::string, TextHash, std::equal_to<>> texts_;
};

class TextOrder : public TextTest {
 public:
  TextOrder(Op op, std::string text) : op_(op), text_(std::move(text)) {}

 private:
  bool Whole(std::string_view text) const override { return Ordered(text, op_, std::string_view(text_)); }
  Truth Partly(std::string_view prefix) const override {
    if (StartsWith(text_, prefix)) return Truth::kUnknown;
    return TruthOf(Whole(prefix));
  }
  const Op op_;
  const std::string text_;
};

class TextContains : public TextTest {
 public:
  explicit TextContains(std::string needle) : needle_(std::move(needle)) {}

 private:
  bool Whole(std::string_view text) const override { return text.find(needle_) != std::string_view::npos; }
  Truth Partly(std::string_view prefix) const override {
    return Whole(prefix) ? Truth::kTrue : Truth::kUnknown;
  }
  const std::string needle_;
};

class TextContainsIgnoringCase : public TextTest {
 public:
  explicit TextContainsIgnoringCase(std::string_view needle) : needle_(Lowered(needle)) {}

 private:
  bool Whole(std::string_view text) const override { return ContainsIgnoringCase(text, needle_); }
  Truth Partly(std::string_view prefix) const override {
    return Whole(prefix) ? Truth::kTrue : Truth::kUnknown;
  }
  const std::string needle_;
};

class TextStartsWith : public TextTest {
 public:
  explicit TextStartsWith(std::string prefix) : prefix_(std::move(prefix)) {}

 private:
  bool Whole(std::string_view text) const override { return StartsWith(text, prefix_); }
  Truth Partly(std::string_view prefix) const override {
    if (StartsWith(prefix, prefix_)) return Truth::kTrue;
    return StartsWith(prefix_, prefix) ? Truth::kUnknown : Truth::kFalse;
  }
  const std::string prefix_;
};

class TextEndsWith : public TextTest {
 public:
  explicit TextEndsWith(std::string suffix) : suffix_(std::move(suffix)) {}

 private:
  bool Whole(std::string_view text) const override { return EndsWith(text, suffix_); }
  Truth Partly(std::string_view) const override { return suffix_.empty() ? Truth::kTrue : Truth::kUnknown; }
  const std::string suffix_;
};

class TextGlob : public TextTest {
 public:
  TextGlob(std::string_view pattern, bool fold_case) : glob_(pattern, fold_case) {}

 private:
  bool Whole(std::string_view text) const override { return glob_.Matches(text); }
  Truth Partly(std::string_view prefix) const override { return glob_.MatchesPrefix(prefix); }
  const Glob glob_;
};

class TextRegex : public TextTest {
 public:
  explicit TextRegex(const std::string& pattern) : pattern_(pattern) {}

 private:
  bool Whole(std::string_view text) const override { return pattern_.Matches(text); }
  Truth Partly(std::string_view) const override { return Truth::kUnknown; }
  const Pattern pattern_;
};

class TextPmatch : public TextTest {
 public:
  explicit TextPmatch(const std::vector<check::Value>& values) {
    for (const check::Value& value : values) trie_.Add(value.text);
  }

 private:
  bool Whole(std::string_view text) const override { return trie_.HasPrefixOf(text, false) == Truth::kTrue; }
  Truth Partly(std::string_view prefix) const override { return trie_.HasPrefixOf(prefix, true); }
  PathTrie trie_;
};

// ---- numbers, addresses
// -----------------------------------------------------------------------------------------

bool IsWhole(const Value& value) {
  return value.kind == Value::Kind::kNumber || value.kind == Value::Kind::kBool;
}

class NumberOrder : public Comparison {
 public:
  NumberOrder(Op op, int64_t number) : op_(op), number_(number) {}
  Truth Of(const Value& value) const override {
    return TruthOf(IsWhole(value) && Ordered(value.number, op_, number_));
  }

 private:
  const Op op_;
  const int64_t number_;
};

class NumberIn : public Comparison {
 public:
  explicit NumberIn(const std::vector<check::Value>& values) {
    for (const check::Value& value : values) numbers_.push_back(value.number);
    std::sort(numbers_.begin(), numbers_.end());
  }
  Truth Of(const Value& value) const override {
    return TruthOf(IsWhole(value) && std::binary_search(numbers_.begin(), numbers_.end(), value.number));
  }

 private:
  std::vector<int64_t> numbers_;
};

double RealOf(const Value& value) {
  return value.kind == Value::Kind::kDouble ? value.real : static_cast<double>(value.number);
}
bool IsReal(const Value& value) {
  return value.kind == Value::Kind::kDouble || value.kind == Value::Kind::kNumber;
}

class RealOrder : public Comparison {
 public:
  RealOrder(Op op, double real) : op_(op), real_(real) {}
  Truth Of(const Value& value) const override {
    return TruthOf(IsReal(value) && Ordered(RealOf(value), op_, real_));
  }

 private:
  const Op op_;
  const double real_;
};

class RealIn : public Comparison {
 public:
  explicit RealIn(const std::vector<check::Value>& values) {
    for (const check::Value& value : values) reals_.push_back(value.real);
  }
  Truth Of(const Value& value) const override {
    return TruthOf(IsReal(value) && std::find(reals_.begin(), reals_.end(), RealOf(value)) != reals_.end());
  }

 private:
  std::vector<double> reals_;
};

class NetIn : public Comparison {
 public:
  explicit NetIn(const std::vector<check::Value>& values) {
    for (const check::Value& value : values) nets_.Add(value.net);
  }
  Truth Of(const Value& value) const override {
    return TruthOf(value.kind == Value::Kind::kNet && nets_.Contains(value.net));
  }

 private:
  NetSet nets_;
};

// ---- combinations
// -----------------------------------------------------------------------------------------------

// `!=`: a value of the wrong kind differs too.
class Negated : public Comparison {
 public:
  explicit Negated(std::unique_ptr<Comparison> test) : test_(std::move(test)) {}
  Truth Of(const Value& value) const override { return Not(test_->Of(value)); }

 private:
  const std::unique_ptr<Comparison> test_;
};

class Quantified : public Comparison {
 public:
  Quantified(Quantifier quantifier, std::vector<std::unique_ptr<Comparison>> tests)
      : quantifier_(quantifier), tests_(std::move(tests)) {}

  Truth Of(const Value& value) const override {
    if (tests_.empty()) return Truth::kFalse;
    size_t yes = 0, maybe = 0;
    for (const auto& test : tests_) {
      const Truth truth = test->Of(value);
      yes += truth == Truth::kTrue;
      maybe += truth == Truth::kUnknown;
      if (quantifier_ == Quantifier::kAnyOf && yes > 0) return Truth::kTrue;
      if (quantifier_ == Quantifier::kAllOf && truth == Truth::kFalse) return Truth::kFalse;
      if (quantifier_ == Quantifier::kOneOf && yes > 1) return Truth::kFalse;
    }
    if (maybe > 0) return Truth::kUnknown;
    if (quantifier_ == Quantifier::kAllOf) return Truth::kTrue;
    return TruthOf(yes == 1);
  }

 private:
  const Quantifier quantifier_;
  const std::vector<std::unique_ptr<Comparison>> tests_;
};

class Never : public Comparison {
 public:
  Truth Of(const Value&) const override { return Truth::kFalse; }
};

std::unique_ptr<Comparison> Membership(Type type, const std::vector<check::Value>& values) {
  switch (type) {
    case Type::kString:
    case Type::kPath:
    case Type::kBytes:
      if (values.size() == 1) return std::make_unique<TextEquals>(values[0].text);
      return std::make_unique<TextIn>(values);
    case Type::kDouble:
      return std::make_unique<RealIn>(values);
    case Type::kAddress:
    case Type::kNet:
      return std::make_unique<NetIn>(values);
    default:
      if (values.size() == 1) return std::make_unique<NumberOrder>(Op::kEq, values[0].number);
      return std::make_unique<NumberIn>(values);
  }
}

std::unique_ptr<Comparison> Order(Type type, Op op, const check::Value& value) {
  switch (type) {
    case Type::kString:
    case Type::kPath:
    case Type::kBytes:
      return std::make_unique<TextOrder>(op, value.text);
    case Type::kDouble:
      return std::make_unique<RealOrder>(op, value.real);
    default:
      return std::make_unique<NumberOrder>(op, value.number);
  }
}

std::unique_ptr<Comparison> AgainstOne(Type type, Op op, const check::Value& value) {
  switch (op) {
    case Op::kEq:
      return Membership(type, {value});
    case Op::kNe:
      return std::make_unique<Negated>(Membership(type, {value}));
    case Op::kLt:
    case Op::kLe:
    case Op::kGt:
    case Op::kGe:
      return Order(type, op, value);
    case Op::kContains:
    case Op::kBContains:
      return std::make_unique<TextContains>(value.text);
    case Op::kIContains:
      return std::make_unique<TextContainsIgnoringCase>(value.text);
    case Op::kStartsWith:
    case Op::kBStartsWith:
      return std::make_unique<TextStartsWith>(value.text);
    case Op::kEndsWith:
      return std::make_unique<TextEndsWith>(value.text);
    case Op::kGlob:
      return std::make_unique<TextGlob>(value.text, false);
    case Op::kIGlob:
      return std::make_unique<TextGlob>(value.text, true);
    case Op::kRegex:
      return std::make_unique<TextRegex>(value.text);
    default:
      return std::make_unique<Never>();
  }
}

}  // namespace

bool ContainsIgnoringCase(std::string_view text, std::string_view needle) {
  if (needle.empty()) return true;
  const uint8_t lower = static_cast<uint8_t>(needle[0]), upper = UpperByte(lower);
  for (size_t at = 0; at + needle.size() <= text.size(); ++at) {
    const uint8_t first = static_cast<uint8_t>(text[at]);
    if (first != lower && first != upper) continue;
    size_t same = 1;
    while (same < needle.size() &&
           LowerByte(static_cast<uint8_t>(text[at + same])) == static_cast<uint8_t>(needle[same])) {
      ++same;
    }
    if (same == needle.size()) return true;
  }
  return false;
}

std::unique_ptr<Comparison> Compile(const check::Predicate& predicate) {
  const Type type = predicate.left.type;
  const std::vector<check::Value>& values = predicate.values;
  if (values.empty()) return std::make_unique<Never>();
  if (predicate.op == Op::kPmatch) return std::make_unique<TextPmatch>(values);
  if (predicate.op == Op::kIn || predicate.op == Op::kIntersects) return Membership(type, values);
  if (predicate.quantifier == Quantifier::kNone) return AgainstOne(type, predicate.op, values[0]);
  if (predicate.op == Op::kEq && predicate.quantifier == Quantifier::kAnyOf) return Membership(type, values);
  if (predicate.op == Op::kNe && predicate.quantifier == Quantifier::kAllOf) {
    return std::make_unique<Negated>(Membership(type, values));
  }
  std::vector<std::unique_ptr<Comparison>> tests;
  for (const check::Value& value : values) tests.push_back(AgainstOne(type, predicate.op, value));
  return std::make_unique<Quantified>(predicate.quantifier, std::move(tests));
}

Truth CompareValues(const Value& left, Op op, const Value& right) {
  if (left.kind == Value::Kind::kUnknown || right.kind == Value::Kind::kUnknown) return Truth::kUnknown;
  if (op == Op::kIn || op == Op::kIntersects) op = Op::kEq;  // a set of one
  const bool orders = op <= Op::kGe;
  if (IsWhole(left) && IsWhole(right)) return TruthOf(orders && Ordered(left.number, op, right.number));
  if (IsReal(left) && IsReal(right)) return TruthOf(orders && Ordered(RealOf(left), op, RealOf(right)));
  if (left.kind != right.kind) return TruthOf(op == Op::kNe);
  check::Value constant;
  if (left.kind == Value::Kind::kNet) {
    constant.net = right.net;
    return AgainstOne(Type::kNet, op, constant)->Of(left);
  }
  if (right.truncated) {
    const bool equality = op == Op::kEq || op == Op::kNe;
    const std::string_view known = left.text.substr(0, right.text.size());
    if (equality && (known != right.text.substr(0, known.size()) ||
                     (!left.truncated && known.size() < right.text.size()))) {
      return TruthOf(op == Op::kNe);
    }
    return Truth::kUnknown;
  }
  if (orders && !left.truncated) return TruthOf(Ordered(left.text, op, right.text));
  // Constants are compiled once; here the right side is known only now, so a test is made for this event
  // alone.
  constant.text = std::string(right.text);
  return AgainstOne(Type::kString, op, constant)->Of(left);
}

}  // namespace sluice::eval
