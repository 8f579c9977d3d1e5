#include "runtime/loss_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kSecondNs = 1'000'000'000;

std::vector<load::HookCounters> Lost(uint64_t opens, uint64_t execs) {
  std::vector<load::HookCounters> counters(2);
  counters[0].hook = "file_open";
  counters[0].stats.lost = opens;
  counters[1].hook = "bprm_check_security";
  counters[1].stats.lost = execs;
  return counters;
}

TEST(LossWatch, IsSilentWhileNothingIsLost) {
  LossWatch watch;
  EXPECT_FALSE(watch.Look(1, Lost(0, 0), {}, {}).has_value());
}

TEST(LossWatch, TellsWhatWasLostWhereAndHowMuch) {
  LossWatch watch;
  const std::optional<alert::Alert> alert = watch.Look(
      1, Lost(7, 0), {.tree_records_lost = 2}, {.hostname = "host", .boot_id = "boot", .boot_to_unix_ns = 5});
  ASSERT_TRUE(alert.has_value());
  EXPECT_EQ(alert->rule, "Sluice internal: events lost");
  EXPECT_THAT(alert->output, HasSubstr("9 events were lost"));
  EXPECT_THAT(alert->output, HasSubstr("file_open=7"));
  EXPECT_THAT(alert->output, HasSubstr("lineage=2"));
  EXPECT_THAT(alert->output, Not(HasSubstr("bprm")));
  EXPECT_EQ(alert->hostname, "host");
  EXPECT_EQ(alert->time_unix_ns, 6u);
}

TEST(LossWatch, TellsOfRecordsThatDoNotParse) {
  LossWatch watch;
  const std::optional<alert::Alert> alert = watch.Look(1, Lost(0, 0), {.undecodable = 3}, {});
  ASSERT_TRUE(alert.has_value());
  EXPECT_THAT(alert->output, HasSubstr("undecodable=3"));
}

TEST(LossWatch, TellsOnceInTheQuietTimeAndThenWhatIsNew) {
  LossWatch watch;
  ASSERT_TRUE(watch.Look(kSecondNs, Lost(7, 0), {}, {}).has_value());
  EXPECT_FALSE(watch.Look(2 * kSecondNs, Lost(9, 1), {}, {}).has_value());
  const std::optional<alert::Alert> alert = watch.Look(kSecondNs + LossWatch::kQuietNs, Lost(10, 1), {}, {});
  ASSERT_TRUE(alert.has_value());
  EXPECT_THAT(alert->output, HasSubstr("bprm_check_security=1 file_open=3"));
  EXPECT_FALSE(watch.Look(3 * LossWatch::kQuietNs, Lost(10, 1), {}, {}).has_value());
}

TEST(Unattended, TellsWhatWasRefusedWhileNoAgentRan) {
  const alert::Host host{.hostname = "host", .boot_id = "boot", .boot_to_unix_ns = 5};
  const alert::Alert alert = Unattended({{"file_open", 3}, {"socket_connect", 1}}, host, 1);
  EXPECT_EQ(alert.rule, "Sluice internal: mitigations without an agent");
  EXPECT_THAT(alert.output, HasSubstr("4 calls were refused"));
  EXPECT_THAT(alert.output, HasSubstr("file_open=3 socket_connect=1"));
  EXPECT_EQ(alert.time_unix_ns, 6u);
  ASSERT_EQ(alert.fields.size(), 3u);
  EXPECT_EQ(alert.fields[1].name, "unattended.file_open");
  EXPECT_EQ(alert.fields[1].number, 3);
}

}  // namespace
}  // namespace sluice
