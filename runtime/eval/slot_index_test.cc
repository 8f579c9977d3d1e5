#include "runtime/eval/slot_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sluice::eval {
namespace {

using Kind = uplan::Trigger::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

// Texts over two letters meet, begin and end each other often.
std::string SomeText(std::mt19937& random, size_t longest) {
  std::string text;
  for (size_t i = random() % (longest + 1); i > 0; --i) text += "abAB"[random() % 4];
  return text;
}

template <typename Table>
std::set<uint32_t> Found(const Table& table, std::string_view value) {
  std::set<uint32_t> found;
  table.Find(value, [&](uint32_t number) { found.insert(number); });
  return found;
}

std::string Lowered(std::string text) {
  for (char& c : text) c = static_cast<char>(LowerByte(static_cast<uint8_t>(c)));
  return text;
}

TEST(KeyTable, FindsAllNumbersOfAKeyAndNoOthers) {
  KeyTable texts, numbers, empty;
  for (uint32_t i = 0; i < 1000; ++i) {
    numbers.Add(uint64_t{i} << 32, i);
    numbers.Add(uint64_t{i / 2}, i);
  }
  const std::vector<std::string> words = {"", "a", "b", "ab"};
  for (uint32_t i = 0; i < 8; ++i) texts.Add(std::string_view(words[i % 4]), i);
  texts.Build();
  numbers.Build();
  empty.Build();
  const auto all = [](std::span<const uint32_t> found) {
    return std::vector<uint32_t>(found.begin(), found.end());
  };
  EXPECT_THAT(all(texts.Find("")), ElementsAre(0, 4));
  EXPECT_THAT(all(texts.Find("ab")), ElementsAre(3, 7));
  EXPECT_THAT(all(texts.Find("c")), IsEmpty());
  EXPECT_THAT(all(numbers.Find(uint64_t{7} << 32)), ElementsAre(7));
  EXPECT_THAT(all(numbers.Find(uint64_t{499})), ElementsAre(998, 999));
  EXPECT_THAT(all(numbers.Find(uint64_t{500})), IsEmpty());
  EXPECT_THAT(all(empty.Find(uint64_t{0})), IsEmpty());
}

TEST(TextTrie, FindsWhatBeginsOrEndsAValue) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    TextTrie prefixes(TextTrie::Reads::kForwards), suffixes(TextTrie::Reads::kBackwards);
    std::vector<std::string> texts(random() % 40);
    for (uint32_t i = 0; i < texts.size(); ++i) {
      texts[i] = SomeText(random, 6);
      prefixes.Add(texts[i], i);
      suffixes.Add(texts[i], i);
    }
    prefixes.Build();
    suffixes.Build();
    for (int round = 0; round < 50; ++round) {
      const std::string value = SomeText(random, 10);
      std::set<uint32_t> begins, ends;
      for (uint32_t i = 0; i < texts.size(); ++i) {
        if (value.starts_with(texts[i])) begins.insert(i);
        if (value.ends_with(texts[i])) ends.insert(i);
      }
      EXPECT_EQ(Found(prefixes, value), begins) << seed << " " << value;
      EXPECT_EQ(Found(suffixes, value), ends) << seed << " " << value;
    }
  }
}

TEST(TextTrie, BytesAboveAsciiAreBytesLikeAnyOther) {
  TextTrie trie(TextTrie::Reads::kForwards);
  const std::vector<std::string> texts = {"\xff", "\x7f", "\x80x", std::string("\0y", 2), "a"};
  for (uint32_t i = 0; i < texts.size(); ++i) trie.Add(texts[i], i);
  trie.Build();
  for (uint32_t i = 0; i < texts.size(); ++i) EXPECT_THAT(Found(trie, texts[i] + "tail"), ElementsAre(i));
}

TEST(GramFilter, FindsWhatOccursInEitherCase) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    GramFilter filter;
    std::vector<std::string> texts(random() % 40);
    for (uint32_t i = 0; i < texts.size(); ++i) {
      texts[i] = "a" + SomeText(random, seed % 3 == 0 ? 2 : 9);
      filter.Add(texts[i], i);
    }
    filter.Build();
    for (int round = 0; round < 50; ++round) {
      const std::string value = SomeText(random, 40);
      std::set<uint32_t> occur;
      for (uint32_t i = 0; i < texts.size(); ++i) {
        if (Lowered(value).find(Lowered(texts[i])) != std::string::npos) occur.insert(i);
      }
      EXPECT_EQ(Found(filter, value), occur) << seed << " " << value;
    }
  }
}

check::Predicate Of(check::Type type, std::vector<check::Value> values) {
  check::Predicate predicate;
  predicate.left.type = type;
  predicate.values = std::move(values);
  return predicate;
}

check::Value Net(uint8_t a, uint8_t b, uint8_t prefix, bool v4 = true) {
  check::Value value;
  value.net.address.v4 = v4;
  if (v4) value.net.address.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b};
  if (!v4) value.net.address.bytes = {a, b};
  value.net.prefix = prefix;
  return value;
}

class Index : public testing::Test {
 protected:
  // What is found, and of it what is surely true.
  std::set<uint32_t> Found(const Value& value) {
    std::set<uint32_t> found;
    sure_.clear();
    whole_ = index_.Find(value, [&](uint32_t number, bool is_true) {
      found.insert(number);
      if (is_true) sure_.insert(number);
    });
    return found;
  }
  void Add(Kind kind, std::vector<std::string> texts, uint32_t number) {
    index_.Add({0, kind, std::move(texts)}, text_, number);
  }
  const check::Predicate text_ = Of(check::Type::kString, {});
  SlotIndex index_;
  std::set<uint32_t> sure_;
  bool whole_ = false;
};

TEST_F(Index, TextsOfEveryKindAreFoundTogether) {
  check::Value whole;
  whole.text = "/opt/dir";
  const check::Predicate equals = Of(check::Type::kPath, {whole});
  index_.Add({}, equals, 1);
  Add(Kind::kPrefix, {"/opt/d", "/x"}, 2);
  Add(Kind::kSuffix, {"/dir"}, 3);
  Add(Kind::kSubstring, {"PT/"}, 4);
  Add(Kind::kPath, {"/opt/dir"}, 5);
  Add(Kind::kSubstring, {"nowhere"}, 6);
  index_.Build();
  EXPECT_THAT(Found(Value::String("/opt/dir")), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(sure_, ElementsAre(1));
  EXPECT_THAT(Found(Value::String("//opt//dir")), ElementsAre(3, 4, 5)) << "slashes do not count in a path";
  EXPECT_THAT(Found(Value::String("opt/dir/x")), ElementsAre(4, 5));
  EXPECT_THAT(Found(Value::String("/y")), IsEmpty());
  EXPECT_THAT(Found(Value::Number(1)), IsEmpty());
}

TEST_F(Index, NetsAreFoundByTheirFamilyAndLength) {
  const check::Predicate ten = Of(check::Type::kNet, {Net(10, 0, 8)}),
                         half = Of(check::Type::kNet, {Net(10, 1, 16)}),
                         six = Of(check::Type::kNet, {Net(10, 0, 8, false)});
  index_.Add({}, ten, 1);
  index_.Add({}, half, 2);
  index_.Add({}, six, 3);
  index_.Build();
  EXPECT_THAT(Found(Value::Net(Net(10, 1, 32).net)), ElementsAre(1, 2));
  EXPECT_THAT(Found(Value::Net(Net(10, 2, 32).net)), ElementsAre(1));
  EXPECT_THAT(Found(Value::Net(Net(10, 1, 12).net)), ElementsAre(1)) << "a net is held whole or not at all";
  EXPECT_THAT(Found(Value::Net(Net(10, 1, 128, false).net)), ElementsAre(3));
}

TEST_F(Index, WhatIsNotWhollyKnownIsNotLookedUp) {
  Add(Kind::kSuffix, {"x"}, 1);
  index_.Build();
  Value cut = Value::String("x");
  cut.truncated = true;
  const std::vector<Value> elements = {Value::String("x"), Value::Absent()}, gap = {Value::Unknown()};
  Value list = Value::List(&elements);
  EXPECT_THAT(Found(list), ElementsAre(1));
  EXPECT_TRUE(whole_);
  list.partial = true;
  for (const Value& value : {cut, list, Value::Unknown(), Value::List(&gap)}) {
    Found(value);
    EXPECT_FALSE(whole_);
  }
  EXPECT_THAT(Found(Value::Absent()), IsEmpty());
  EXPECT_TRUE(whole_);
}

}  // namespace
}  // namespace sluice::eval
