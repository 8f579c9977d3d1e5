#include "runtime/self_protection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/ring/build_record.h"

namespace sluice {
namespace {

using testing::HasSubstr;

alert::Alert AlertOf(AttemptWatch& watch, uint64_t attempt, uint64_t detail, bool allowed = false) {
  ring::RecordBuilder builder(SLUICE_RECORD_ATTEMPT);
  builder.header().numbers[0] = attempt;
  builder.header().numbers[1] = detail;
  builder.header().numbers[2] = allowed ? 1 : 0;
  builder.header().pid = 42;
  builder.Item(SLUICE_ITEM_NAME, "bash")
      .Item(SLUICE_ITEM_EXEPATH, "/usr/bin/bash")
      .Item(SLUICE_ITEM_TEXT, "cgroup.freeze");
  const std::string bytes = builder.Bytes();
  ring::Record record;
  EXPECT_TRUE(ring::Decode(bytes, record).ok());
  return watch.Tell(record, {});
}

TEST(AttemptWatch, SaysWhatWasTriedAndByWhom) {
  AttemptWatch watch;
  const alert::Alert alert = AlertOf(watch, SLUICE_ATTEMPT_SIGNAL, 9);
  EXPECT_EQ(alert.rule, "Sluice internal: attempt on the agent");
  EXPECT_EQ(alert.source, "internal");
  EXPECT_EQ(alert.output, "SIGKILL to the agent: refused | name=bash exepath=/usr/bin/bash pid=42 uid=0");
  EXPECT_THAT(AlertOf(watch, SLUICE_ATTEMPT_SIGNAL, 64).output, HasSubstr("signal 64 to"));
  EXPECT_THAT(AlertOf(watch, SLUICE_ATTEMPT_SIGNAL, 15, true).output,
              HasSubstr("let through: it came from init"));
  EXPECT_THAT(AlertOf(watch, SLUICE_ATTEMPT_MAP, 5).output, HasSubstr("map 5"));
  EXPECT_THAT(AlertOf(watch, SLUICE_ATTEMPT_CGROUP, 1).output,
              HasSubstr("writing to cgroup.freeze of a cgroup above the agent's"));
  EXPECT_THAT(AlertOf(watch, SLUICE_ATTEMPT_MOVE, 0, true).output, HasSubstr("not refused"));
  EXPECT_THAT(AlertOf(watch, 99, 0).output, HasSubstr("attempt of kind 99"));
}

TEST(AttemptWatch, CountsWhatCameWithoutARecord) {
  AttemptWatch watch;
  EXPECT_FALSE(watch.Look(1, 0, {}));
  AlertOf(watch, SLUICE_ATTEMPT_SIGNAL, 9);
  EXPECT_FALSE(watch.Look(2, 5, {}));  // their records may be under way
  const auto alert = watch.Look(3, 5, {});
  ASSERT_TRUE(alert);
  EXPECT_EQ(alert->output, "4 further attempts: refused");
  EXPECT_FALSE(watch.Look(4, 5, {}));
}

}  // namespace
}  // namespace sluice
