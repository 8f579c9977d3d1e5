#include "compiler/kplan/ends.h"

#include "compiler/kplan/build_partition.h"
#include "compiler/kplan/groups.h"
#include "compiler/kplan/model.h"
#include "gtest/gtest.h"

namespace sluice::kplan {
namespace {

const uint32_t kPrefix = StringLookup(SLUICE_STR_PATH, SLUICE_MODE_PREFIX);
const uint32_t kExact = StringLookup(SLUICE_STR_PATH, SLUICE_MODE_EXACT);
const uint32_t kSuffix = StringLookup(SLUICE_STR_PATH, SLUICE_MODE_SUFFIX);

uint32_t FlagsWith(uint32_t lookup, const std::string& value) {
  split::Partition partition;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(lookup, Strings({value}))}, AddRule(partition, "rule"));
  diag::Diagnostics diagnostics;
  return LowerKernel(partition, diagnostics).hooks[SLUICE_HOOK_FILE_OPEN].flags;
}

bool Survives(uint32_t lookup, const std::string& value, const std::string& path) {
  split::Partition partition;
  AddClause(partition, SLUICE_HOOK_FILE_OPEN, {One(lookup, Strings({value}))}, AddRule(partition, "rule"));
  diag::Diagnostics diagnostics;
  const KernelPlan plan = LowerKernel(partition, diagnostics);
  Subject subject;
  subject.hook = SLUICE_HOOK_FILE_OPEN;
  subject.strings[SLUICE_STR_PATH] = path;
  return !Model(plan).Judge(subject).dropped;
}

TEST(Ends, FiltersAreOffWhereTheyCannotStandForAnEntry) {
  EXPECT_EQ(FlagsWith(kPrefix, "/") & SLUICE_HOOK_FIRSTS, 0u);
  EXPECT_NE(FlagsWith(kPrefix, "/et") & SLUICE_HOOK_FIRSTS, 0u);
  EXPECT_EQ(FlagsWith(kSuffix, "y") & SLUICE_HOOK_LASTS, 0u);
  EXPECT_NE(FlagsWith(kSuffix, ".y") & SLUICE_HOOK_LASTS, 0u);
}

TEST(Ends, NothingThatMatchesIsFilteredOut) {
  for (const char* prefix :
       {"/", "/e", "/etc", "/etc/", "/etc/ssh", "/verylongname", "/verylongname/x", "/verylong"}) {
    for (const char* path :
         {"/etc/ssh/x", "/etc", "/e", "/etcetera/x", "/verylongname", "/verylongname/xy", "/verylong"}) {
      const bool matches = std::string_view(path).substr(0, std::string_view(prefix).size()) == prefix;
      EXPECT_EQ(Survives(kPrefix, prefix, path), matches) << prefix << " " << path;
      EXPECT_EQ(Survives(kExact, prefix, path), std::string_view(path) == prefix) << prefix << " " << path;
    }
  }
  for (const char* suffix : {"t", "xt", ".txt", "/a.txt", "/x"}) {
    for (const char* path : {"/b/a.txt", "/x", "/a/x", "/t"}) {
      const std::string_view end = suffix, whole = path;
      const bool matches = whole.size() >= end.size() && whole.substr(whole.size() - end.size()) == end;
      EXPECT_EQ(Survives(kSuffix, suffix, path), matches) << suffix << " " << path;
    }
  }
}

TEST(Ends, OfPaths) {
  EXPECT_FALSE(EndsOf("pipe:[1]").known);
  EXPECT_FALSE(EndsOf("/").known);
  EXPECT_EQ(EndsOf("/x").component, uint64_t{'x'});
  EXPECT_EQ(EndsOf("/x").ending, uint32_t{'/'} | uint32_t{'x'} << 8);
  EXPECT_EQ(EndsOf("/x/yz").ending, uint32_t{'y'} | uint32_t{'z'} << 8 | 0x10000u);
}

TEST(Groups, ClausesThatAskTheSameShareBits) {
  const Groups groups({1, 2, 1});
  sluice_set set{};
  set.words[0] = 0b101;
  EXPECT_EQ(groups.SummaryOf(set) & groups.SummaryOf({.summary = 0, .words = {0b010}}), 0u);
}

TEST(Groups, MoreKindsThanBitsStillCoverAll) {
  std::vector<uint64_t> lookups_of;
  for (uint32_t clause = 0; clause < SLUICE_CLAUSES; ++clause) lookups_of.push_back(clause % 100);
  const Groups groups(lookups_of);
  sluice_set all{};
  for (auto& word : all.words) word = ~0ull;
  EXPECT_EQ(groups.SummaryOf(all), ~0ull);
}

}  // namespace
}  // namespace sluice::kplan
