#include "compiler/split/bits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sluice::split {
namespace {

constexpr uint32_t kPath = SLUICE_LOOKUP_STRING + SLUICE_STR_PATH * SLUICE_MODES;
constexpr uint32_t kName = SLUICE_LOOKUP_STRING + SLUICE_STR_NAME * SLUICE_MODES;

AnyOfId Text(Interner& interner, uint32_t lookup, const std::string& value, bool negated = false) {
  split::Test test;
  test.strings = {value};
  test.negated = negated;
  return interner.Intern({lookup, {test}});
}

AnyOfId Flag(Interner& interner, uint64_t flag) {
  split::Test test;
  test.flags = flag;
  return interner.Intern({SLUICE_LOOKUP_BITS, {test}});
}

Kernel Sorted(Kernel kernel) {
  std::sort(kernel.begin(), kernel.end());
  return kernel;
}

TEST(Interner, EqualQuestionsHaveOneNumber) {
  Interner interner;
  split::Test one, two;
  one.strings = {"a"};
  two.strings = {"b"};
  const AnyOfId split = interner.Intern({kPath, {two, one}});
  split::Test both;
  both.strings = {"a", "b"};
  EXPECT_EQ(split, interner.Intern({kPath, {both}}));
  EXPECT_NE(split, interner.Intern({kName, {both}}));
}

TEST(Interner, NotAndUnequalAreOneForWhatIsAlwaysThere) {
  Interner interner;
  split::Test negated, complement;
  negated.ranges = complement.ranges = {{0, 0}};
  negated.negated = true;
  complement.complement = true;
  EXPECT_EQ(interner.Intern({SLUICE_LOOKUP_INT, {negated}}),
            interner.Intern({SLUICE_LOOKUP_INT, {complement}}));
  EXPECT_NE(Text(interner, kPath, "a", true), interner.Intern({kPath, {complement}}));
}

TEST(Weaken, KeepsWhatIsCommonAndUnitesTheRest) {
  Interner interner;
  const AnyOfId write = Flag(interner, SLUICE_FLAG_WRITE), read = Flag(interner, SLUICE_FLAG_READ);
  const AnyOfId etc = Text(interner, kPath, "/etc"), tmp = Text(interner, kPath, "/tmp");
  const AnyOfId bash = Text(interner, kName, "bash");
  const Kernel a = Sorted({write, etc, bash}), b = Sorted({write, tmp}), c = Sorted({read, tmp});
  split::Test either;
  either.strings = {"/etc", "/tmp"};
  const AnyOfId united = interner.Intern({kPath, {either}});
  EXPECT_EQ(Weaken({&a, &b}, interner), Sorted({write, united}));
  EXPECT_EQ(Weaken({&a, &c}, interner), Kernel{united}) << "no new combination of flags";
  EXPECT_EQ(Weaken({&a}, interner), a);
}

TEST(Bits, ConditionsWithTheSameLookupsAreNeighbours) {
  Interner interner;
  std::vector<Kernel> conditions;
  for (const char* text : {"a", "b", "c", "d"}) {
    conditions.push_back({Text(interner, kPath, text)});
    conditions.push_back({Text(interner, kName, text)});
  }
  const Bits bits = AssignBits(conditions, 0, 100, interner);
  ASSERT_EQ(bits.kernels.size(), 8u);
  std::vector<uint32_t> lookups;
  for (const Kernel& kernel : bits.kernels) lookups.push_back(interner[kernel[0]].lookup);
  EXPECT_TRUE(std::is_sorted(lookups.begin(), lookups.end()));
  for (uint32_t i = 0; i < conditions.size(); ++i) {
    EXPECT_EQ(bits.kernels[bits.bit_of[i]], conditions[i]);
    EXPECT_FALSE(bits.weakened[i]);
  }
}

TEST(Bits, PastTheLimitAlertsShareAndMitigationsDoNot) {
  Interner interner;
  std::vector<Kernel> conditions;
  for (int i = 0; i < 100; ++i) conditions.push_back({Text(interner, kPath, "/p" + std::to_string(i))});
  const Bits bits = AssignBits(conditions, 3, 10, interner);
  ASSERT_TRUE(bits.fits);
  EXPECT_EQ(bits.kernels.size(), 10u);
  for (uint32_t i = 0; i < conditions.size(); ++i) {
    const Kernel& kernel = bits.kernels[bits.bit_of[i]];
    if (i < 3) {
      EXPECT_EQ(kernel, conditions[i]);
      EXPECT_FALSE(bits.weakened[i]);
      continue;
    }
    EXPECT_TRUE(bits.weakened[i]);
    ASSERT_EQ(kernel.size(), 1u) << "the path is still asked";
    const std::vector<std::string>& strings = interner[kernel[0]].tests[0].strings;
    EXPECT_THAT(strings, testing::Contains("/p" + std::to_string(i)));
    EXPECT_LE(strings.size(), 14u) << "merged evenly";
  }
}

TEST(Bits, MoreKindsOfConditionsThanBitsStillHaveABit) {
  Interner interner;
  std::vector<Kernel> conditions;
  for (uint32_t lookup = SLUICE_LOOKUP_INT; lookup < SLUICE_LOOKUP_LINEAGE; ++lookup) {
    split::Test test;
    test.ranges = {{0, 0}};
    conditions.push_back({interner.Intern({lookup, {test}})});
  }
  const Bits bits = AssignBits(conditions, 0, 2, interner);
  ASSERT_TRUE(bits.fits);
  ASSERT_LE(bits.kernels.size(), 2u);
  EXPECT_THAT(bits.kernels, testing::Each(Kernel{})) << "nothing in common: every event";
}

TEST(Bits, MitigationsAloneCanBeTooMany) {
  Interner interner;
  std::vector<Kernel> conditions;
  for (int i = 0; i < 5; ++i) conditions.push_back({Text(interner, kPath, std::to_string(i))});
  EXPECT_FALSE(AssignBits(conditions, 5, 4, interner).fits);
  EXPECT_TRUE(AssignBits(conditions, 5, 5, interner).fits);
  EXPECT_FALSE(AssignBits(conditions, 4, 4, interner).fits) << "the alert has no bit";
}

}  // namespace
}  // namespace sluice::split
