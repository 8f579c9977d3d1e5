#include "compiler/kplan/automaton.h"

#include <random>

#include "gtest/gtest.h"

namespace sluice::kplan {
namespace {

uint64_t Found(const std::vector<sluice_automaton_row>& rows, const std::string& value) {
  uint64_t found = 0;
  size_t state = 0;
  for (const unsigned char byte : value) {
    state = rows[state].next[byte];
    found |= rows[state].found;
  }
  return found;
}

TEST(Automaton, NoTextsNeedNoStates) { EXPECT_TRUE(BuildAutomaton({}).empty()); }

TEST(Automaton, FindsATextInsideAnother) {
  const auto rows = BuildAutomaton({{"she"}, {"he", "hers"}, {"\xff\xfe"}});
  EXPECT_EQ(Found(rows, "ushers"), 3u);
  EXPECT_EQ(Found(rows, "hhe"), 2u);
  EXPECT_EQ(Found(rows, "shshe"), 3u);
  EXPECT_EQ(Found(rows, "sh er"), 0u);
  EXPECT_EQ(Found(rows, "\xff\xff\xfe"), 4u);
}

TEST(Automaton, EqualsASearchForEachText) {
  std::mt19937 random(1);
  const auto text = [&](size_t longest) {
    std::string made(1 + random() % longest, 'a');
    for (char& letter : made) letter = "ab/"[random() % 3];
    return made;
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::vector<std::string>> texts(1 + random() % SLUICE_ATOMS);
    size_t bytes = 0;
    for (auto& set : texts) {
      for (size_t n = 1 + random() % 3; n > 0; --n) bytes += set.emplace_back(text(8)).size();
    }
    const auto rows = BuildAutomaton(texts);
    EXPECT_LE(rows.size(), bytes + 1);
    for (int i = 0; i < 20; ++i) {
      const std::string value = text(40);
      uint64_t expected = 0;
      for (size_t atom = 0; atom < texts.size(); ++atom) {
        for (const std::string& one : texts[atom]) {
          if (value.find(one) != std::string::npos) expected |= 1ull << atom;
        }
      }
      ASSERT_EQ(Found(rows, value), expected) << "round " << round << " value " << value;
    }
  }
}

}  // namespace
}  // namespace sluice::kplan
