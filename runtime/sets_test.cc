#include "runtime/sets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compile.h"
#include "runtime/eval/json_event.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;

class SetsTest : public testing::Test {
 protected:
  SetsTest() {
    compilation_ = CompileTexts({{"test.rule", R"(# allow: unasked-set
rule R {
  desc: "d"
  condition: evt.type = connect and fd.rport = 23
  output: "o"
  priority: warning
  then: add %proc.exepath to contained for 10s
}
)"}},
                                {});
    EXPECT_TRUE(compilation_->ok());
  }

  void Add(const std::string& path, uint64_t now_ns) {
    const auto event = eval::JsonEvent::Parse(R"({"proc.exepath": ")" + path + "\"}");
    ASSERT_TRUE(event.ok());
    sets_.Add(compilation_->user.checked.rules[0], **event, now_ns);
  }

  std::unique_ptr<Compilation> compilation_;
  Sets sets_;
};

TEST_F(SetsTest, AMemberStaysForItsTime) {
  Add("/tmp/a", kSecond);
  Add("/tmp/b", 5 * kSecond);
  EXPECT_TRUE(sets_.changed());
  EXPECT_THAT(sets_.Take()["contained"], ElementsAre("/tmp/a", "/tmp/b"));
  EXPECT_FALSE(sets_.changed());
  sets_.Expire(11 * kSecond);
  EXPECT_TRUE(sets_.changed());
  EXPECT_THAT(sets_.Take()["contained"], ElementsAre("/tmp/b"));
  sets_.Expire(15 * kSecond);
  EXPECT_THAT(sets_.Take(), IsEmpty());
}

TEST_F(SetsTest, AgainOnlyMovesTheEnd) {
  Add("/tmp/a", kSecond);
  sets_.Take();
  Add("/tmp/a", 5 * kSecond);
  EXPECT_FALSE(sets_.changed());
  sets_.Expire(11 * kSecond);
  EXPECT_FALSE(sets_.changed());
  sets_.Expire(15 * kSecond);
  EXPECT_TRUE(sets_.changed());
}

TEST_F(SetsTest, WhatHasNoRoomIsCounted) {
  for (size_t i = 0; i < Sets::kMostMembers; ++i) Add("/" + std::to_string(i), 0);
  EXPECT_EQ(sets_.refused(), 0u);
  Add("/one/more", 0);
  EXPECT_EQ(sets_.refused(), 1u);
  sets_.Expire(10 * kSecond);
  Add("/one/more", 11 * kSecond);
  EXPECT_EQ(sets_.refused(), 1u);
  Add("/" + std::string(Sets::kMostBytes, 'x'), 11 * kSecond);
  EXPECT_EQ(sets_.refused(), 2u);
}

TEST_F(SetsTest, AnAbsentValueAddsNothing) {
  const auto event = eval::JsonEvent::Parse(R"({"proc.name": "x"})");
  ASSERT_TRUE(event.ok());
  sets_.Add(compilation_->user.checked.rules[0], **event, 0);
  EXPECT_FALSE(sets_.changed());
  EXPECT_EQ(sets_.refused(), 0u);
}

TEST(SetsFull, HasAnIdOfItsOwnWhateverIsRaisedAtThatTime) {
  const std::string id = SetsFull(1, {}, 1).id;
  EXPECT_NE(id, SetsNotInForce(absl::ResourceExhaustedError("no memory"), {}, 1).id);
  EXPECT_NE(id, SetsFull(1, {}, 1).id);
}

TEST(SetsNotInForce, SaysWhy) {
  const alert::Alert alert = SetsNotInForce(absl::ResourceExhaustedError("no memory for a map"), {}, 1);
  EXPECT_EQ(alert.rule, "Sluice internal: sets not in force");
  EXPECT_NE(alert.output.find("tried again until it works: no memory for a map"), std::string::npos);
  ASSERT_EQ(alert.fields.size(), 2u);
  EXPECT_EQ(alert.fields[1].name, "set.error");
  EXPECT_EQ(alert.fields[1].text, "no memory for a map");
}

}  // namespace
}  // namespace sluice
