// What no JSON event can say: truncated texts, unknown values, partial lists. The rest is in
// tests/conformance.
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <random>

#include "runtime/eval/glob.h"
#include "runtime/eval/net_set.h"
#include "runtime/eval/path_trie.h"
#include "runtime/eval/question.h"

namespace sluice::eval {
namespace {

using ast::Op;
using check::Shape;

Question Ask(Op op, std::vector<std::string> values, Shape shape = Shape::kScalar) {
  check::Predicate predicate;
  predicate.op = op;
  predicate.left.shape = shape;
  for (std::string& text : values)
    predicate.values.push_back({.text = std::move(text), .number = 0, .real = 0, .net = {}});
  return Question(predicate);
}

Value Truncated(std::string_view text) {
  Value value = Value::String(text);
  value.truncated = true;
  return value;
}

struct Case {
  Op op;
  const char* constant;
  const char* prefix;
  Truth truth;
};

TEST(TruncatedText, IsDecidedAsFarAsItsBeginningSays) {
  const Case cases[] = {
      {Op::kEq, "/etc/passwd", "/etc/", Truth::kUnknown},
      {Op::kEq, "/etc", "/etc/", Truth::kFalse},
      {Op::kEq, "/usr/bin", "/etc/", Truth::kFalse},
      {Op::kNe, "/etc/passwd", "/etc/", Truth::kUnknown},
      {Op::kNe, "/usr", "/etc/", Truth::kTrue},
      {Op::kIn, "/etc/passwd", "/etc/", Truth::kUnknown},
      {Op::kIn, "/usr", "/etc/", Truth::kFalse},
      {Op::kContains, "tc", "/etc/", Truth::kTrue},
      {Op::kContains, "xx", "/etc/", Truth::kUnknown},
      {Op::kIContains, "TC", "/etc/", Truth::kTrue},
      {Op::kIContains, "XX", "/etc/", Truth::kUnknown},
      {Op::kStartsWith, "/et", "/etc/", Truth::kTrue},
      {Op::kStartsWith, "/etc/x", "/etc/", Truth::kUnknown},
      {Op::kStartsWith, "/usr", "/etc/", Truth::kFalse},
      {Op::kEndsWith, "c/", "/etc/", Truth::kUnknown},
      {Op::kEndsWith, "", "/etc/", Truth::kTrue},
      {Op::kRegex, "/etc/.*", "/etc/", Truth::kUnknown},
      {Op::kGlob, "/etc/*", "/etc/", Truth::kTrue},
      {Op::kGlob, "/etc/*x", "/etc/", Truth::kUnknown},
      {Op::kGlob, "/usr/*", "/etc/", Truth::kFalse},
      {Op::kGlob, "/etc/", "/etc/", Truth::kUnknown},
      {Op::kIGlob, "/ETC*", "/etc/", Truth::kTrue},
      {Op::kPmatch, "/etc", "/etc/", Truth::kTrue},
      {Op::kPmatch, "/etc", "/et", Truth::kUnknown},
      {Op::kPmatch, "/etc", "/usr/b", Truth::kFalse},
      {Op::kPmatch, "/etc/ssh", "/etc/s", Truth::kUnknown},
      {Op::kPmatch, "/etc/ssh", "/etc/ssh/", Truth::kTrue},
      {Op::kLt, "/f", "/etc", Truth::kTrue},
      {Op::kGt, "/f", "/etc", Truth::kFalse},
      {Op::kLt, "/etc/x", "/etc", Truth::kUnknown},
      {Op::kExists, "", "/etc", Truth::kTrue},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(Ask(c.op, {c.constant}).Ask(Truncated(c.prefix), {}), c.truth)
        << ast::OpName(c.op) << " " << c.constant << " of " << c.prefix;
  }
}

TEST(UnknownValue, MakesEveryQuestionUnknownAndAbsenceMakesItFalse) {
  for (int op = 0; op <= static_cast<int>(Op::kExists); ++op) {
    const Question question = Ask(static_cast<Op>(op), {"a"});
    EXPECT_EQ(question.Ask(Value::Unknown(), {}), Truth::kUnknown) << op;
    EXPECT_EQ(question.Ask(Value::Absent(), {}), Truth::kFalse) << op;
  }
}

TEST(PartialList, IsDecidedByAnElementThatIsKnown) {
  std::vector<Value> names{Value::String("sh"), Value::String("nginx")}, unknown{Value::Unknown()};
  Value chain = Value::List(&names), gap = Value::List(&unknown);
  EXPECT_EQ(Ask(Op::kEq, {"nginx"}, Shape::kAny).Ask(chain, {}), Truth::kTrue);
  EXPECT_EQ(Ask(Op::kEq, {"httpd"}, Shape::kAny).Ask(chain, {}), Truth::kFalse);
  EXPECT_EQ(Ask(Op::kEq, {"httpd"}, Shape::kAny).Ask(gap, {}), Truth::kUnknown);
  chain.partial = true;
  EXPECT_EQ(Ask(Op::kEq, {"nginx"}, Shape::kAny).Ask(chain, {}), Truth::kTrue);
  EXPECT_EQ(Ask(Op::kEq, {"httpd"}, Shape::kAny).Ask(chain, {}), Truth::kUnknown);
  EXPECT_EQ(Ask(Op::kIn, {"sh", "nginx"}, Shape::kList).Ask(chain, {}), Truth::kUnknown);
  EXPECT_EQ(Ask(Op::kIn, {"sh", "bash"}, Shape::kList).Ask(chain, {}), Truth::kFalse);
  EXPECT_EQ(Ask(Op::kIntersects, {"sh", "bash"}, Shape::kList).Ask(chain, {}), Truth::kTrue);
  names.clear();
  EXPECT_EQ(Ask(Op::kExists, {}, Shape::kAny).Ask(chain, {}), Truth::kUnknown);
}

TEST(CompareValues, WhatIsUnknownStaysSo) {
  for (const Op op : {Op::kEq, Op::kNe, Op::kIn}) {
    EXPECT_EQ(CompareValues(Value::Unknown(), op, Value::Number(1)), Truth::kUnknown);
    EXPECT_EQ(CompareValues(Value::String("a"), op, Value::Unknown()), Truth::kUnknown);
  }
}

TEST(CompareValues, TruncatedTextsDifferWhereTheirBeginningsDo) {
  EXPECT_EQ(CompareValues(Value::String("abc"), Op::kEq, Truncated("ab")), Truth::kUnknown);
  EXPECT_EQ(CompareValues(Value::String("abc"), Op::kEq, Truncated("ax")), Truth::kFalse);
  EXPECT_EQ(CompareValues(Value::String("a"), Op::kNe, Truncated("ax")), Truth::kTrue);
  EXPECT_EQ(CompareValues(Truncated("ab"), Op::kEq, Truncated("abc")), Truth::kUnknown);
  EXPECT_EQ(CompareValues(Truncated("ab"), Op::kEq, Value::String("a")), Truth::kFalse);
}

// fnmatch(3) is the reference.
TEST(Glob, EqualsFnmatch) {
  std::mt19937 random(11);
  const std::string pattern_bytes = "ab*?[]!-^\\/", text_bytes = "ab-]!/B";
  for (int i = 0; i < 300000; ++i) {
    std::string pattern, text;
    for (uint32_t n = random() % 8; n > 0; --n) pattern += pattern_bytes[random() % pattern_bytes.size()];
    for (uint32_t n = random() % 7; n > 0; --n) text += text_bytes[random() % text_bytes.size()];
    // A pattern that ends in a backslash, and ranges and complements that C libraries read differently, are
    // left out.
    if (!pattern.empty() && pattern.back() == '\\') continue;
    for (const bool fold : {false, true}) {
      const bool expected = fnmatch(pattern.c_str(), text.c_str(), fold ? FNM_CASEFOLD : 0) == 0;
      ASSERT_EQ(Glob(pattern, fold).Matches(text), expected)
          << pattern << " of " << text << (fold ? " folded" : "");
    }
  }
}

// Of every prefix: true only if all, false only if none of some continuations match.
TEST(Glob, APrefixDecidesSoundly) {
  std::mt19937 random(12);
  for (int i = 0; i < 20000; ++i) {
    std::string pattern, prefix;
    for (uint32_t n = random() % 6; n > 0; --n) pattern += "ab*?"[random() % 4];
    for (uint32_t n = random() % 4; n > 0; --n) prefix += "ab"[random() % 2];
    const Glob glob(pattern, false);
    const Truth truth = glob.MatchesPrefix(prefix);
    if (truth == Truth::kUnknown) continue;
    for (const char* rest : {"", "a", "b", "ab", "ba", "bbb", "aab"}) {
      EXPECT_EQ(TruthOf(glob.Matches(prefix + rest)), truth) << pattern << " of " << prefix << "..." << rest;
    }
  }
}

TEST(Glob, ManyStarsStayFast) {
  std::string pattern, text(20000, 'a');
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(Glob(pattern + "b", false).Matches(text));
}

TEST(PathTrie, DeepPrefixesAreBounded) {
  PathTrie trie;
  std::string deep;
  for (int i = 0; i < 500000; ++i) deep += "/a";
  trie.Add(deep);
  EXPECT_EQ(trie.HasPrefixOf(deep, false), Truth::kFalse) << "no path is that deep";
}

TEST(NetSet, AMillionNets) {
  NetSet set;
  check::Net net;
  net.address.v4 = true;
  net.address.bytes[10] = net.address.bytes[11] = 0xff;
  net.prefix = 24;
  for (uint32_t i = 0; i < 1'000'000; ++i) {
    net.address.bytes[12] = static_cast<uint8_t>(i >> 16);
    net.address.bytes[13] = static_cast<uint8_t>(i >> 8);
    net.address.bytes[14] = static_cast<uint8_t>(i);
    set.Add(net);
  }
  check::Net address = net;
  address.prefix = 32;
  address.address.bytes[15] = 77;
  EXPECT_TRUE(set.Contains(address));
  address.address.bytes[12] = 200;
  EXPECT_FALSE(set.Contains(address));
}

}  // namespace
}  // namespace sluice::eval
