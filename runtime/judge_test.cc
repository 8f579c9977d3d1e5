#include "runtime/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "compiler/compile.h"
#include "runtime/ring/build_record.h"

namespace sluice {
namespace {

using alert::Decision;
using testing::ElementsAre;
using testing::IsEmpty;

using Set = std::array<uint64_t, SLUICE_WORDS>;

std::string RuleText(const std::string& name, const std::string& condition, const std::string& more = "") {
  return "rule " + name + " {\n  desc: \"d\"\n  condition: " + condition +
         "\n  output: \"%proc.name %proc.exepath\"\n  priority: warning\n" + more + "}\n";
}

std::shared_ptr<const uplan::UserPlan> PlanOf(const std::string& rules) {
  const std::unique_ptr<Compilation> compilation = CompileTexts({{"test.rule", rules}}, {});
  EXPECT_TRUE(compilation->ok());
  return std::make_shared<const uplan::UserPlan>(std::move(compilation->user));
}

// The clause behind which a rule stands at a hook, as a set.
Set SetOf(const uplan::UserPlan& plan, uint16_t hook, const std::string& rule) {
  const uplan::HookPlan& rows = plan.hooks[hook];
  Set set{};
  for (size_t bit = 0; bit < rows.bits.size(); ++bit) {
    for (uint32_t i = rows.bits[bit].begin; i < rows.bits[bit].end; ++i) {
      if (plan.checked.rules[rows.candidates[i].rule].rule.name.text == rule)
        set[bit / 64] |= 1ull << bit % 64;
    }
  }
  return set;
}

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    judge_.SetHost(host_, eval::HostFacts::Read());
    judge_.SetNames(std::make_shared<const eval::Names>());
  }

  void Send(const std::string& bytes) {
    ASSERT_TRUE(ring::Decode(bytes, record_).ok());
    judge_.Apply(record_, nullptr);
  }

  std::vector<std::string> Rules() const {
    std::vector<std::string> rules;
    for (const alert::Alert& alert : alerts_) rules.push_back(alert.rule);
    return rules;
  }

  static ring::RecordBuilder Record(sluice_record_kind kind, uint16_t hook, uint32_t flags,
                                    uint64_t time_ns) {
    ring::RecordBuilder builder(kind, hook);
    builder.header().generation = 1;
    builder.header().tid = builder.header().pid = 100;
    builder.header().flags = flags;
    builder.header().time_ns = time_ns;
    builder.header().set[0] = 1;
    builder.Item(SLUICE_ITEM_NAME, "evil");
    return builder;
  }

  static std::string Open(uint32_t flags = 0, uint64_t time_ns = 1000) {
    ring::RecordBuilder builder = Record(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN, flags, time_ns);
    return builder.Item(SLUICE_ITEM_PATH, "/etc/shadow").Bytes();
  }

  static std::string Exec(uint64_t time_ns = 1000) {
    const Set clauses{1};
    ring::RecordBuilder builder = Record(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK, 0, time_ns);
    return builder.Round(clauses.data(), "/tmp/script").Round(clauses.data(), "/usr/bin/dash").Bytes();
  }

  alert::Host host_{.hostname = "h", .boot_id = "b"};
  std::vector<alert::Alert> alerts_;
  Judge judge_{[this](const alert::Alert& alert) { alerts_.push_back(alert); }};
  ring::Record record_;
};

TEST_F(JudgeTest, ASurvivingClauseBecomesAnAlert) {
  judge_.Add(1, PlanOf(RuleText("R", "evt.type = openat and fd.name = /etc/shadow")));
  Send(Open());
  ASSERT_THAT(Rules(), ElementsAre("R"));
  EXPECT_EQ(alerts_[0].hook, "file_open");
  EXPECT_EQ(alerts_[0].decision, Decision::kAlert);
  EXPECT_EQ(alerts_[0].time_unix_ns, 1000u);
  EXPECT_EQ(alerts_[0].id.size(), 32u);
}

// The next agent of a boot counts its records from zero again.
TEST_F(JudgeTest, AnIdIsOfTheRecordAndItsTime) {
  judge_.Add(1, PlanOf(RuleText("R", "evt.type = openat and fd.name = /etc/shadow")));
  Send(Open(0, 1000));
  Send(Open(0, 1000));
  Send(Open(0, 5'000'000'000));
  ASSERT_EQ(alerts_.size(), 3u);
  EXPECT_EQ(alerts_[0].id, alerts_[1].id);
  EXPECT_NE(alerts_[0].id, alerts_[2].id);
}

TEST_F(JudgeTest, AThrottleHoldsBackAndTellsAcrossAReload) {
  const std::string rule =
      RuleText("R", "evt.type = openat and fd.name = /etc/shadow", "  throttle: 1 per 1s by proc.name\n");
  judge_.Add(1, PlanOf(rule));
  for (uint64_t i = 0; i < 5; ++i) Send(Open(0, 1000 + i));
  EXPECT_EQ(alerts_.size(), 1u);
  judge_.Add(2, PlanOf(rule));
  Send(Open(0, 2000));
  ASSERT_EQ(alerts_.size(), 1u);
  Send(Open(0, 1'000'001'000));
  ASSERT_EQ(alerts_.size(), 2u);
  EXPECT_EQ(alerts_[1].suppressed, 5u);
  EXPECT_EQ(judge_.throttle().suppressed(), 5u);
}

TEST_F(JudgeTest, AnExecWithTwoRoundsGivesARuleOneAlertWithTheFirstRound) {
  judge_.Add(1, PlanOf(RuleText("R", "evt.type = execve and proc.name = evil")));
  Send(Exec());
  ASSERT_THAT(Rules(), ElementsAre("R"));
  EXPECT_EQ(alerts_[0].output, "evil /tmp/script");
}

TEST_F(JudgeTest, AScriptWhoseInterpreterIsRefusedGivesTheAlertsOfBothRounds) {
  const auto plan =
      PlanOf(RuleText("Script", "evt.type = execve and proc.exepath = /tmp/script") +
             RuleText("Interpreter", "evt.type in (execve, execveat) and proc.exepath = /usr/bin/dash",
                      "  action: deny\n"));
  judge_.Add(1, plan);
  const Set script = SetOf(*plan, SLUICE_HOOK_BPRM_CHECK, "Script");
  const Set interpreter = SetOf(*plan, SLUICE_HOOK_BPRM_CHECK, "Interpreter");
  ring::RecordBuilder builder =
      Record(SLUICE_RECORD_EVENT, SLUICE_HOOK_BPRM_CHECK, SLUICE_EVENT_DENIED, 1000);
  builder.header().set[0] = interpreter[0];
  builder.Item(SLUICE_ITEM_EXEPATH, "/usr/bin/dash").Round(script.data(), "/tmp/script");
  Send(builder.Bytes());
  ASSERT_EQ(alerts_.size(), 2u);
  EXPECT_NE(alerts_[0].rule, alerts_[1].rule);
  for (const alert::Alert& alert : alerts_) {
    const bool refused = alert.rule == "Interpreter";
    EXPECT_EQ(alert.decision, refused ? Decision::kDenied : Decision::kAlert);
    EXPECT_EQ(alert.output, refused ? "evil /usr/bin/dash" : "evil /tmp/script");
  }
}

TEST_F(JudgeTest, OpensInsideAnExecBelongToTheExec) {
  judge_.Add(1, PlanOf("# allow: no-event-type\n" + RuleText("R", "proc.name = evil")));
  Send(Open(SLUICE_EVENT_NO_TYPE, 1000));  // the program
  Send(Open(SLUICE_EVENT_NO_TYPE, 2000));  // its interpreter
  Send(Exec(3000));
  EXPECT_THAT(Rules(), ElementsAre("R"));
  Send(Exec(4000));
  EXPECT_THAT(Rules(), ElementsAre("R", "R"));
}

TEST_F(JudgeTest, TwoOpensAreTwoOperations) {
  judge_.Add(1, PlanOf(RuleText("R", "evt.type = openat and fd.name = /etc/shadow")));
  Send(Open(0, 1000));
  Send(Open(0, 2000));
  EXPECT_THAT(Rules(), ElementsAre("R", "R"));
}

TEST_F(JudgeTest, ARecordIsJudgedByTheSetThatSentIt) {
  judge_.Add(1, PlanOf(RuleText("Old", "evt.type = openat and fd.name = /etc/shadow")));
  judge_.Add(2, PlanOf(RuleText("New", "evt.type = openat and fd.name = /etc/passwd")));
  Send(Open());
  EXPECT_THAT(Rules(), ElementsAre("Old"));
}

// As of an accept that waited while sets were filled. Whatever clauses it passed once, all of today's are asked.
TEST_F(JudgeTest, ARecordOfASetThatIsGoneIsJudgedByTheRulesOfToday) {
  judge_.Add(1, PlanOf(RuleText("Before", "evt.type = openat and fd.name = /etc/shadow")));
  const auto today =
      PlanOf(RuleText("Other", "evt.type = openat and fd.name = /etc/passwd") +
             RuleText("R", "evt.type = openat and fd.name = /etc/shadow") +
             RuleText("Denies", "evt.type = openat and fd.name startswith /etc/", "  action: deny\n") +
             RuleText("Unsure", "evt.type = openat and proc.env[LD_PRELOAD] = x"));
  for (uint32_t generation = 2; generation <= 5; ++generation) judge_.Add(generation, today);
  ring::RecordBuilder builder = Record(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN, 0, 1000);
  builder.header().type = check::FindEvent("openat");
  Send(builder.Item(SLUICE_ITEM_PATH, "/etc/shadow").Bytes());
  std::map<std::string, Decision> decisions;
  for (const alert::Alert& alert : alerts_) decisions[alert.rule] = alert.decision;
  EXPECT_THAT(decisions, testing::UnorderedElementsAre(testing::Pair("R", Decision::kAlert),
                                                       testing::Pair("Denies", Decision::kUndecided),
                                                       testing::Pair("Unsure", Decision::kUndecided)));
}

TEST_F(JudgeTest, AnExecOfASetThatIsGoneIsJudgedByItsRounds) {
  for (uint32_t generation = 2; generation <= 5; ++generation)
    judge_.Add(generation, PlanOf(RuleText("Other", "evt.type = execve and proc.exepath = /bin/true") +
                                  RuleText("R", "evt.type = execve and proc.exepath = /usr/bin/dash")));
  const Set clauses{1};
  ring::RecordBuilder builder = Record(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK, 0, 1000);
  builder.header().type = check::FindEvent("execve");
  Send(builder.Round(clauses.data(), "/tmp/script").Round(clauses.data(), "/usr/bin/dash").Bytes());
  ASSERT_THAT(Rules(), ElementsAre("R"));
  EXPECT_EQ(alerts_[0].output, "evil /usr/bin/dash");
}

TEST_F(JudgeTest, TreeRecordsRaiseNothing) {
  judge_.Add(1, PlanOf(RuleText("R", "evt.type = openat and fd.name = /etc/shadow")));
  Send(ring::RecordBuilder(SLUICE_RECORD_FORK).Bytes());
  EXPECT_THAT(Rules(), IsEmpty());
}

ast::Rule RuleWith(ast::Action action, ast::OnUnknown on_unknown = ast::OnUnknown::kAllow) {
  ast::Rule rule;
  rule.action = action;
  rule.on_unknown = on_unknown;
  return rule;
}

TEST(Decide, AnAlertRuleAlertsWhateverOthersDid) {
  EXPECT_EQ(Decide(RuleWith(ast::Action::kAlert), SLUICE_EVENT_DENIED | SLUICE_EVENT_KILLED, false),
            Decision::kAlert);
  EXPECT_EQ(Decide(RuleWith(ast::Action::kAlert), 0, true), Decision::kUndecided);
}

TEST(Decide, AMitigationSaysWhatTheKernelDid) {
  EXPECT_EQ(Decide(RuleWith(ast::Action::kDeny), SLUICE_EVENT_DENIED, false), Decision::kDenied);
  EXPECT_EQ(Decide(RuleWith(ast::Action::kKill), SLUICE_EVENT_DENIED | SLUICE_EVENT_KILLED, false),
            Decision::kKilled);
  EXPECT_EQ(Decide(RuleWith(ast::Action::kDeny), SLUICE_EVENT_DENIED | SLUICE_EVENT_KILLED, false),
            Decision::kDenied);
  EXPECT_EQ(Decide(RuleWith(ast::Action::kDeny), SLUICE_EVENT_AUDITED, false), Decision::kAudited);
}

// The mode is the kernel's word: a rule may be switched, out of scope or disarmed by its fuse.
TEST_F(JudgeTest, AnAuditedRuleIsAuditedThoughAnotherDenies) {
  const std::string condition = "evt.type = openat and fd.name = /etc/shadow";
  const auto plan = PlanOf(RuleText("Audited", condition, "  action: deny\n") +
                           RuleText("Denied", condition, "  action: deny\n  mode: audit\n"));
  judge_.Add(1, plan);
  const Set audited = SetOf(*plan, SLUICE_HOOK_FILE_OPEN, "Audited"),
            denied = SetOf(*plan, SLUICE_HOOK_FILE_OPEN, "Denied");
  ASSERT_EQ(audited[0] & denied[0], 0u) << "each has a bit of its own";
  ring::RecordBuilder builder =
      Record(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN, SLUICE_EVENT_DENIED | SLUICE_EVENT_AUDITED, 1000);
  builder.header().set[0] = audited[0] | denied[0];
  builder.Item(SLUICE_ITEM_AUDITED, {reinterpret_cast<const char*>(audited.data()), sizeof audited});
  Send(builder.Item(SLUICE_ITEM_PATH, "/etc/shadow").Bytes());
  ASSERT_THAT(Rules(), ElementsAre("Denied", "Audited"));
  EXPECT_EQ(alerts_[0].decision, Decision::kDenied);
  EXPECT_EQ(alerts_[1].decision, Decision::kAudited);
}

TEST(Decide, AnUnknownValueDeniesOnlyWhereTheRuleSaysSo) {
  const uint32_t flags = SLUICE_EVENT_DENIED | SLUICE_EVENT_UNDECIDED;
  EXPECT_EQ(Decide(RuleWith(ast::Action::kDeny), flags, true), Decision::kUndecided);
  EXPECT_EQ(Decide(RuleWith(ast::Action::kDeny, ast::OnUnknown::kDeny), flags, true), Decision::kDenied);
  EXPECT_EQ(Decide(RuleWith(ast::Action::kDeny, ast::OnUnknown::kDeny), SLUICE_EVENT_UNDECIDED, true),
            Decision::kUndecided);
}

}  // namespace
}  // namespace sluice
