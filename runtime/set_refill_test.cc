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
std::unique_ptr<Compilation> Compiled(const std::string& name, bool fills = true,
                                      check::SetMembers members = {}) {
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
  Options options;
  options.members = std::move(members);
  auto compilation = CompileTexts({{"test.rule", text}}, options);
  EXPECT_TRUE(compilation->ok());
  return compilation;
}

// A file with a fault stands for a member that the rules do not compile with.
std::unique_ptr<Compilation> CompiledOnce(const std::string& name) {
  auto compilation = Compiled(name);
  compilation->sources.push_back(compilation->files.Add("fault.rule", "list x = (\n"));
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
  // How many compilations that began.
  uint64_t LookForAWhile() {
    const uint64_t before = refill_.begun();
    for (int i = 0; i < 50; ++i) {
      Look();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return refill_.begun() - before;
  }
  bool Told() { return refill_.TakeFault().has_value(); }

  const std::unique_ptr<Compilation> rules_ = Compiled("Adds");
  SetRefill refill_{{}};
  int64_t now_ns_ = kSecond;
  source::Status outcome_;
  std::vector<std::string> activated_;
  check::SetMembers members_;
};

TEST_F(SetRefillTest, WhatIsAddedComesIntoForceAndGoesAgain) {
  refill_.Active(*rules_);
  EXPECT_EQ(LookForAWhile(), 0u);  // nothing to add
  Add("/tmp/a");
  LookUntilActivated();
  EXPECT_THAT(members_, ElementsAre(Pair("seen", ElementsAre("/tmp/a"))));
  Add("/tmp/b");
  EXPECT_EQ(LookForAWhile(), 0u);  // too soon
  now_ns_ += 60 * kSecond;
  LookUntilActivated();
  EXPECT_THAT(members_, ElementsAre(Pair("seen", ElementsAre("/tmp/a", "/tmp/b"))));
  EXPECT_EQ(*refill_.MembersInForce(), members_);
  now_ns_ += 60 * kSecond;
  EXPECT_EQ(LookForAWhile(), 0u);  // nothing has changed
  now_ns_ += 3600 * kSecond;
  LookUntilActivated();
  EXPECT_THAT(members_, IsEmpty());
  EXPECT_FALSE(Told());
}

TEST_F(SetRefillTest, WhatWasCompiledForOtherRulesIsThrownAway) {
  refill_.Active(*rules_);
  Add("/tmp/a");
  Look();
  EXPECT_EQ(refill_.begun(), 1u);
  refill_.Active(*Compiled("Others"));
  LookUntilActivated();
  EXPECT_THAT(activated_, ElementsAre("Others"));
  EXPECT_THAT(members_, ElementsAre(Pair("seen", ElementsAre("/tmp/a"))));
}

// Time stands still: no pause is kept.
TEST_F(SetRefillTest, OtherRulesGetAtOnceWhatCameIntoForceWhileTheyWereCompiled) {
  refill_.Active(*rules_);
  Add("/tmp/a");
  LookUntilActivated();
  refill_.Active(*Compiled("Others"));
  EXPECT_THAT(*refill_.MembersInForce(), IsEmpty());
  LookUntilActivated();
  EXPECT_THAT(activated_, ElementsAre("Others"));
  EXPECT_THAT(members_, ElementsAre(Pair("seen", ElementsAre("/tmp/a"))));
}

TEST_F(SetRefillTest, OtherRulesThatHaveAllMembersAreNotCompiledAgain) {
  Add("/tmp/a");
  refill_.Active(*Compiled("Others", true, {{"seen", {"/tmp/a"}}}));
  EXPECT_EQ(LookForAWhile(), 0u);
  EXPECT_THAT(*refill_.MembersInForce(), ElementsAre(Pair("seen", ElementsAre("/tmp/a"))));
}

TEST_F(SetRefillTest, RulesThatFillNoSetAreNotCompiled) {
  refill_.Active(*Compiled("Plain", false));
  Add("/tmp/a");
  EXPECT_EQ(LookForAWhile(), 0u);
  refill_.Active(*rules_);
  LookUntilActivated();
  EXPECT_THAT(members_, ElementsAre(Pair("seen", ElementsAre("/tmp/a"))));
}

TEST_F(SetRefillTest, AFailureIsToldOnceAndTriedAgain) {
  const auto told = [this] { return Told(); };
  refill_.Active(*rules_);
  Add("/tmp/a");
  outcome_ = absl::ResourceExhaustedError("no memory for a map");
  LookUntil(told);
  EXPECT_THAT(*refill_.MembersInForce(), IsEmpty());
  Look();
  now_ns_ += SetRefill::kRetryNs - 1;
  EXPECT_EQ(LookForAWhile(), 0u);
  now_ns_ += 1;
  LookUntilActivated();  // fails again
  LookForAWhile();
  EXPECT_FALSE(Told());
  outcome_ = absl::OkStatus();
  activated_.clear();
  LookUntil([this] {
    now_ns_ += kSecond;
    return !activated_.empty();
  });
  LookForAWhile();
  EXPECT_FALSE(Told());
  Add("/tmp/b");
  now_ns_ += 60 * kSecond;
  outcome_ = absl::InternalError("another");
  LookUntil(told);
}

TEST_F(SetRefillTest, AMemberThatRulesDoNotCompileWithIsNotInForce) {
  refill_.Active(*CompiledOnce("Once"));
  Add("/tmp/a");
  LookUntil([this] { return Told(); });
  EXPECT_THAT(*refill_.MembersInForce(), IsEmpty());
  refill_.Active(*rules_);  // they do
  LookUntilActivated();
  EXPECT_EQ(*refill_.MembersInForce(), members_);
}

TEST_F(SetRefillTest, AFailureOfRulesThatAreNoLongerActiveDoesNotCount) {
  refill_.Active(*CompiledOnce("Once"));
  Add("/tmp/a");
  Look();
  EXPECT_EQ(refill_.begun(), 1u);
  refill_.Active(*rules_);
  LookUntilActivated();
  EXPECT_THAT(activated_, ElementsAre("Adds"));
  EXPECT_FALSE(Told());
}

TEST_F(SetRefillTest, WhatIsThrownAwayIsNoSuccessBetweenTwoFailures) {
  refill_.Active(*rules_);
  Add("/tmp/a");
  outcome_ = absl::ResourceExhaustedError("no memory for a map");
  LookUntil([this] { return Told(); });
  Look();
  now_ns_ += SetRefill::kRetryNs;
  Look();
  EXPECT_EQ(refill_.begun(), 2u);
  refill_.Active(*Compiled("Others"));
  LookUntilActivated();
  EXPECT_THAT(activated_, ElementsAre("Others"));
  LookForAWhile();
  EXPECT_FALSE(Told());
}

}  // namespace
}  // namespace sluice
