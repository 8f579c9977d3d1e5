#include "runtime/eval/slot_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <set>

#include "runtime/eval/glob.h"

namespace sluice::eval {
namespace {

using Kind = uplan::Mark::Kind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

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
  KeyTable numbers, empty;
  for (uint32_t i = 0; i < 1000; ++i) {
    numbers.Add(uint64_t{i} << 32, i);
    numbers.Add(uint64_t{i / 2}, i);
  }
  numbers.Build();
  empty.Build();
  const auto all = [](const KeyTable& table, uint64_t key) {
    std::vector<uint32_t> found;
    table.Find(key, [&](uint32_t number) { found.push_back(number); });
    return found;
  };
  EXPECT_THAT(all(numbers, uint64_t{7} << 32), ElementsAre(7));
  EXPECT_THAT(all(numbers, 499), UnorderedElementsAre(998, 999));
  EXPECT_THAT(all(numbers, 500), IsEmpty());
  EXPECT_THAT(all(empty, 0), IsEmpty());
}

TEST(TextTable, FindsATextAndNoOther) {
  std::vector<std::string> words;
  for (int i = 0; i < 500; ++i)
    words.push_back(std::string(static_cast<size_t>(i) / 7, 'x') + std::to_string(i % 7));
  words.emplace_back();
  TextTable table, empty;
  for (uint32_t i = 0; i < words.size(); ++i) table.Add(words[i], i);
  table.Build();
  empty.Build();
  for (uint32_t i = 0; i < words.size(); ++i) {
    EXPECT_EQ(table.Find(words[i]), i);
    EXPECT_EQ(table.Find(words[i] + "y"), TextTable::kNone);
  }
  EXPECT_EQ(empty.Find(""), TextTable::kNone);
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

std::string Net(uint8_t a, uint8_t b, uint8_t prefix, bool v4 = true) {
  uplan::MarkedNet net;
  net.v4 = v4;
  net.prefix = prefix;
  if (v4) net.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b};
  if (!v4) net.address = {a, b};
  return {reinterpret_cast<const char*>(&net), sizeof(net)};
}

Value NetValue(uint8_t a, uint8_t b, uint8_t prefix, bool v4 = true) {
  uplan::MarkedNet net;
  std::memcpy(&net, Net(a, b, prefix, v4).data(), sizeof(net));
  return Value::Net({{net.address, v4}, prefix});
}

class Index : public testing::Test {
 protected:
  std::set<uint32_t> Found(const Value& value) {
    std::set<uint32_t> found;
    whole_ = index_.Find(value, [&](uint32_t mark) { found.insert(mark); });
    return found;
  }
  SlotIndex index_;
  bool whole_ = false;
};

TEST_F(Index, TextsOfEveryKindAreFoundTogether) {
  index_.Add(Kind::kText, "/opt/dir", 1);
  index_.Add(Kind::kPrefix, "/opt/d", 2);
  index_.Add(Kind::kPrefix, "/x", 7);
  index_.Add(Kind::kSuffix, "/dir", 3);
  index_.Add(Kind::kSubstring, "pt/", 4);
  index_.Add(Kind::kPath, "/opt/dir", 5);
  index_.Add(Kind::kSubstring, "nowhere", 6);
  const std::string long_path = "/" + std::string(300, 'a');
  index_.Add(Kind::kPath, long_path, 8);
  index_.Build();
  EXPECT_THAT(Found(Value::String("/opt/dir")), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(index_.Whole("/opt/dir"), 1u);
  EXPECT_EQ(index_.Whole("/opt/di"), SlotIndex::kNone);
  EXPECT_THAT(Found(Value::String("//opt//dir")), IsSupersetOf({3u, 4u, 5u}))
      << "slashes do not count in a path";
  EXPECT_THAT(Found(Value::String("opt/dir/x")), IsSupersetOf({4u, 5u}));
  EXPECT_THAT(Found(Value::String("/" + long_path + "/b")), ElementsAre(8));
  EXPECT_THAT(Found(Value::String("/oPT/d")), ElementsAre(4));
  EXPECT_THAT(Found(Value::String("/y")), IsEmpty());
  EXPECT_THAT(Found(Value::Number(1)), IsEmpty());
}

TEST_F(Index, NetsAreFoundByTheirFamilyAndLength) {
  const std::string ten = Net(10, 0, 8), half = Net(10, 1, 16), six = Net(10, 0, 8, false);
  index_.Add(Kind::kNet, ten, 1);
  index_.Add(Kind::kNet, half, 2);
  index_.Add(Kind::kNet, six, 3);
  index_.Build();
  EXPECT_THAT(Found(NetValue(10, 1, 32)), ElementsAre(1, 2));
  EXPECT_THAT(Found(NetValue(10, 2, 32)), ElementsAre(1));
  EXPECT_THAT(Found(NetValue(10, 1, 12)), ElementsAre(1)) << "a net is held whole or not at all";
  EXPECT_THAT(Found(NetValue(10, 1, 128, false)), ElementsAre(3));
}

TEST_F(Index, WhatIsNotWhollyKnownIsNotLookedUp) {
  index_.Add(Kind::kSuffix, "x", 1);
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
