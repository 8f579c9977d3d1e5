#include "runtime/set_refill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "runtime/eval/json_event.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr int64_t kSecond = 1'000'000'000;

// Of two rules, the first of this name.
std::unique_ptr<Compilation> Compiled(const std::string& name, bool fills = true) {
  const std::string text = "list seen = [/always]\nrule " + name + R"( {
  desc: "d"
  condition: evt.type = openat and fd.name = /bait
  output: "o"
  priority: warning
)" + (fills ? "  then: add %proc.exepath to seen for 1h\n" : "") +
                           R"(}
rule Asks {
  desc: "d"
  condition: evt.type = openat and fd.name = /kept and proc.exepath in (seen)
  output: "o"
  priority: warning
}
)";
  auto compilation = CompileTexts({{"test.rule", text}}, {});
  EXPECT_TRUE(compilation->ok());
  return compilation;
}

class SetRefillTest : public testing::Test {
 protected:
  SetRefillTest() { EXPECT_TRUE(refill_.Start().ok()); }

  void Add(const std::string& path) {
    const auto event = eval::JsonEvent::Parse(R"({"proc.exepath": ")" + path + "\"}");
    ASSERT_TRUE(event.ok());
    refill_.Add(rules_->user.checked.rules[0], **event, static_cast<uint64_t>(now_ns_));
  }
  void Look() {
    refill_.Look(now_ns_, [this](Compilation& compilation) {
      activated_.push_back(compilation.user.checked.rules[0].rule.name.text);
      members_ = compilation.members;
      return outcome_;
    });
  }
  void LookUntil(const std::function<bool()>& done) {
    bool is_done = done();
    for (int i = 0; i < 10'000 && !is_done; ++i) {
      Look();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      is_done = done();
    }
    ASSERT_TRUE(is_done);
  }
  void LookUntilActivated() {
    activated_.clear();
    LookUntil([this] { return !activated_.empty(); });
  }
  void LookForAWhile() {
    activated_.clear();
    for (int i = 0; i < 50; ++i) {
      Look();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  const std::unique_ptr<Compilation> rules_ = Compiled("Adds");
  SetRefill refill_{{}};
  int64_t now_ns_ = kSecond;
  source::Status outcome_;
  std::vector<std::string> activated_;
  check::SetMembers members_;
};

TEST_F(SetRefillTest, WhatIsAddedComesIntoForceAndGoesAgain) {
  refill_.Active(*rules_);
  LookUntilActivated();  // with what was added while the rules were compiled
  EXPECT_THAT(members_, IsEmpty());
  Add("/tmp/a");
  LookForAWhile();
  EXPECT_THAT(activated_, IsEmpty());  // too soon
  Add("/tmp/b");
  now_ns_ += 60 * kSecond;
  LookUntilActivated();
  EXPECT_THAT(members_, ElementsAre(Pair("seen", ElementsAre("/tmp/a", "/tmp/b"))));
  EXPECT_EQ(refill_.CompiledMembers(), members_);
  now_ns_ += 60 * kSecond;
  LookForAWhile();
  EXPECT_THAT(activated_, IsEmpty());  // nothing has changed
  now_ns_ += 3600 * kSecond;
  LookUntilActivated();
  EXPECT_THAT(members_, IsEmpty());
  EXPECT_FALSE(refill_.TakeFault());
}

TEST_F(SetRefillTest, WhatWasCompiledForOtherRulesIsThrownAway) {
  refill_.Active(*rules_);
  Look();  // begins to compile
  refill_.Active(*Compiled("Others"));
  for (int i = 0; i < 2; ++i) {
    LookForAWhile();
    for (const std::string& rule : activated_) EXPECT_EQ(rule, "Others");
    now_ns_ += 60 * kSecond;
  }
  Add("/tmp/a");
  LookUntilActivated();
  EXPECT_THAT(activated_, ElementsAre("Others"));
}

TEST_F(SetRefillTest, RulesThatFillNoSetAreNotCompiled) {
  refill_.Active(*Compiled("Plain", false));
  Add("/tmp/a");
  LookForAWhile();
  EXPECT_THAT(activated_, IsEmpty());
  refill_.Active(*rules_);
  LookUntilActivated();
  EXPECT_THAT(members_, ElementsAre(Pair("seen", ElementsAre("/tmp/a"))));
}

TEST_F(SetRefillTest, AFailureIsToldOnceAndTriedAgain) {
  const auto told = [this] { return refill_.TakeFault().has_value(); };
  refill_.Active(*rules_);
  outcome_ = absl::ResourceExhaustedError("no memory for a map");
  LookUntil(told);
  Look();
  now_ns_ += SetRefill::kRetryNs - 1;
  LookForAWhile();
  EXPECT_THAT(activated_, IsEmpty());
  now_ns_ += 1;
  LookUntilActivated();  // fails again
  LookForAWhile();
  EXPECT_FALSE(told());
  outcome_ = absl::OkStatus();
  activated_.clear();
  LookUntil([this] {
    now_ns_ += kSecond;
    return !activated_.empty();
  });
  LookForAWhile();
  EXPECT_FALSE(told());
  Add("/tmp/a");
  now_ns_ += 60 * kSecond;
  outcome_ = absl::InternalError("another");
  LookUntil(told);
}

}  // namespace
}  // namespace sluice
