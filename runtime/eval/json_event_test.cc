// Faults and what is kept; what an event means is in tests/conformance.
#include "runtime/eval/json_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::eval {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Fault(const std::string& json) {
  const auto event = JsonEvent::Parse(json);
  if (event.ok()) return "fine";
  EXPECT_EQ(event.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(event.status().message());
}

TEST(JsonEvent, FaultsSayWhereOrWhichKey) {
  EXPECT_THAT(Fault(""), HasSubstr("byte 1"));
  EXPECT_THAT(Fault("{\"proc.name\": }"), HasSubstr("byte 15"));
  EXPECT_THAT(Fault("[]"), HasSubstr("an event is an object"));
  EXPECT_THAT(Fault("5"), HasSubstr("an event is an object"));
  EXPECT_THAT(Fault("{\"proc.pid\": \"x\"}"),
              HasSubstr("`proc.pid`: `x` is not of the field's type, integer"));
  EXPECT_THAT(Fault("{\"proc.name\": [\"a\"]}"), HasSubstr("`proc.name` holds an array"));
  EXPECT_THAT(Fault("{\"proc.name\": {}}"), HasSubstr("`proc.name` holds an object"));
  EXPECT_THAT(Fault("{\"proc.aname\": [[]]}"), HasSubstr("an array in an array"));
  EXPECT_THAT(Fault("{\"fd.sip\": \"1.2.3\"}"), HasSubstr("address"));
  EXPECT_THAT(Fault("{} {}"), HasSubstr("byte 4"));
  EXPECT_THAT(Fault("{\"proc.name\": \"\xff\"}"), HasSubstr("byte 16"));
}

TEST(JsonEvent, NestingAndManyKeysAreRefusedNotFollowed) {
  EXPECT_THAT(Fault(std::string(1'000'000, '[')), HasSubstr("an event is an object"));
  EXPECT_THAT(Fault("{\"a\":" + std::string(1'000'000, '{')), HasSubstr("an object"));
  std::string many = "{";
  for (int i = 0; i < 5000; ++i) many += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
  EXPECT_THAT(Fault(many + "}"), HasSubstr("more than 4096 keys"));
}

TEST(JsonEvent, UnknownKeysAreCollectedOnce) {
  const auto event =
      JsonEvent::Parse(R"({"no.such": 1, "proc.name": "a", "no.such": 2, "evt.arg.nonsense": ["x"]})");
  ASSERT_TRUE(event.ok());
  EXPECT_THAT((*event)->unknown_keys(), ElementsAre("no.such", "evt.arg.nonsense"));
}

TEST(JsonEvent, TheHookFollowsFromTheTypeUnlessItIsGiven) {
  const auto open = JsonEvent::Parse(R"({"evt.type": "openat"})");
  EXPECT_EQ((*open)->hook(), SLUICE_HOOK_FILE_OPEN);
  EXPECT_EQ((*open)->type(), check::FindEvent("openat"));
  const auto given = JsonEvent::Parse(R"({"evt.type": "execve", "evt.hook": "file_open"})");
  EXPECT_EQ((*given)->hook(), SLUICE_HOOK_FILE_OPEN);
  const auto none = JsonEvent::Parse(R"({"proc.name": "a"})");
  EXPECT_EQ((*none)->hook(), check::kNoHook);
}

TEST(JsonEvent, AStringHoldsBytes) {
  const auto event = JsonEvent::Parse("{\"proc.name\": \"a\\u00ff\\u0000\\u20ac\"}");
  ASSERT_TRUE(event.ok());
  const Value name = (*event)->Get({.field = check::FieldId::kProcName, .index = -1, .argument = ""});
  EXPECT_EQ(name.text, std::string("a\xff\0\xe2\x82\xac", 6));
}

}  // namespace
}  // namespace sluice::eval
