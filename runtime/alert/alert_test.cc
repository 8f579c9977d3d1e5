#include "runtime/alert/alert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "runtime/alert/text.h"

namespace sluice::alert {
namespace {

using testing::HasSubstr;

Alert Sample() {
  Alert alert;
  alert.id = "00ff";
  alert.rule = "Shadow read";
  alert.priority = ast::Priority::kWarning;
  alert.decision = Decision::kDenied;
  alert.hook = "file_open";
  alert.source = "syscall";
  alert.output = "read of /etc/shadow";
  alert.fields = {
      {.name = "proc.name", .kind = OutputField::Kind::kString, .text = "c\xff\nat", .list = {}},
      {.name = "proc.pid", .kind = OutputField::Kind::kNumber, .text = {}, .number = 42, .list = {}},
      {.name = "fd.name", .text = {}, .list = {}},
      {.name = "evt.time",
       .kind = OutputField::Kind::kNumber,
       .text = {},
       .number = 1'785'492'309'000'000'001,
       .list = {}}};
  alert.tags = {"T1003"};
  alert.ancestors = {{.pid = 7, .name = "bash", .exepath = "/usr/bin/bash"},
                     {.pid = 2, .name = "kthreadd", .exepath = {}}};
  alert.hostname = "web1";
  alert.time_unix_ns = 1'785'492'309'000'000'001;
  return alert;
}

TEST(ToJson, HasTheKeysOfFalcoAndOurs) {
  const nlohmann::json json = nlohmann::json::parse(ToJson(Sample()));
  EXPECT_EQ(json["time"], "2026-07-31T10:05:09.000000001Z");
  EXPECT_EQ(json["rule"], "Shadow read");
  EXPECT_EQ(json["priority"], "Warning");
  EXPECT_EQ(json["output"], "read of /etc/shadow");
  EXPECT_EQ(json["output_fields"]["proc.name"], "c\\xff\nat");
  EXPECT_EQ(json["output_fields"]["proc.pid"], 42);
  EXPECT_TRUE(json["output_fields"]["fd.name"].is_null());
  EXPECT_EQ(json["hostname"], "web1");
  EXPECT_EQ(json["source"], "syscall");
  EXPECT_EQ(json["tags"], nlohmann::json::array({"T1003"}));
  EXPECT_EQ(json["id"], "00ff");
  EXPECT_EQ(json["decision"], "denied");
  EXPECT_EQ(json["hook"], "file_open");
  EXPECT_EQ(json["ancestors"][0]["pid"], 7);
  EXPECT_EQ(json["ancestors"][0]["exepath"], "/usr/bin/bash");
  EXPECT_TRUE(json["ancestors"][1]["exepath"].is_null());
}

TEST(ToJson, IsOneLine) { EXPECT_EQ(ToJson(Sample()).find('\n'), std::string::npos); }

TEST(ToText, SaysTimePriorityOutputAndDecision) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(ToText(ToJson(Sample()), false), "10:05:09.000000001: Warning read of /etc/shadow (denied)");
  EXPECT_THAT(ToText(ToJson(Sample()), true),
              HasSubstr("\x1b[1;31mWarning read of /etc/shadow (denied)\x1b[0m"));
  EXPECT_EQ(ToText("no JSON", false), "no JSON");
}

TEST(ToJson, TellsWhatAThrottleHeldBack) {
  Alert alert = Sample();
  EXPECT_THAT(ToJson(alert), testing::Not(HasSubstr("suppressed")));
  alert.suppressed = 7;
  EXPECT_THAT(ToJson(alert), HasSubstr("\"suppressed\":7"));
  EXPECT_THAT(ToText(ToJson(alert), false), HasSubstr("(denied, 7 more suppressed)"));
}

TEST(Printable, LeavesNoControlOfTheTerminal) {
  EXPECT_EQ(Printable("plain \xc3\xa9"), "plain \xc3\xa9");
  EXPECT_EQ(Printable("a\x1b[2Jb\nc\td\x7f"), "a\\u001b[2Jb\\nc\\td\\u007f");
  EXPECT_EQ(Printable("bad \xff\xc3"), "bad \\xff\\xc3");
  EXPECT_EQ(Printable("gpj.\xe2\x80\xae"), "gpj.\\u202e");  // NOLINT(misc-misleading-bidirectional)
}

TEST(Fitted, PadsAndCutsCodePoints) {
  EXPECT_EQ(Fitted("ab", 0), "ab");
  EXPECT_EQ(Fitted("ab", 4), "ab  ");
  EXPECT_EQ(Fitted("abcdef", 4), "abcd");
  EXPECT_EQ(Fitted("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9");
}

TEST(DecisionName, NamesEveryDecision) {
  EXPECT_EQ(DecisionName(Decision::kAlert), "alert");
  EXPECT_EQ(DecisionName(Decision::kUndecided), "undecided");
}

}  // namespace
}  // namespace sluice::alert
