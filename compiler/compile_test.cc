// The pipeline on whole rule files: what split/ and uplan/ promise, and explain's words.
#include "compiler/compile.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "compiler/diag/render.h"
#include "compiler/explain.h"

namespace sluice {
namespace {

using testing::HasSubstr;
using Where = split::Decision::Where;

std::string Rule(const std::string& name, const std::string& condition, const std::string& more = "") {
  return fmt::format(
      "rule \"{}\" {{\n  desc: \"d\"\n  condition: {}\n  output: \"o\"\n  priority: warning\n{}}}\n", name,
      condition, more.empty() ? "" : "  " + more + "\n");
}

std::unique_ptr<Compilation> Compiled(const std::string& text, const Options& options = {}) {
  return CompileTexts({{"a.rule", text}}, options);
}

std::string Complaints(const Compilation& compilation) {
  return diag::RenderText(compilation.diagnostics, compilation.files, false);
}

const split::HookPartition* HookOf(const Compilation& compilation, check::HookId id) {
  for (const split::HookPartition& hook : compilation.partition.hooks) {
    if (hook.hook == id) return &hook;
  }
  return nullptr;
}

const split::Decision* DecisionOn(const Compilation& compilation, const std::string& predicate) {
  for (const split::Decision& decision : compilation.partition.decisions) {
    if (check::Print(compilation.partition.normal.checked.predicates[decision.predicate]) == predicate)
      return &decision;
  }
  return nullptr;
}

// ---- split
// ------------------------------------------------------------------------------------------------------

TEST(Split, RulesThatDifferInTheirResidueShareABit) {
  std::string text;
  for (int i = 0; i < 50; ++i) {
    text += Rule(fmt::format("R{}", i), fmt::format("evt.type = execve and proc.cmdline contains x{}", i));
  }
  const auto compilation = Compiled(text);
  ASSERT_TRUE(compilation->ok()) << Complaints(*compilation);
  const split::HookPartition* exec = HookOf(*compilation, SLUICE_HOOK_BPRM_CHECK);
  ASSERT_NE(exec, nullptr);
  EXPECT_EQ(exec->bits.size(), 1u);
  EXPECT_EQ(exec->entries.size(), 50u);
}

TEST(Split, ADisjunctionWithABranchForUserSpaceStaysWhole) {
  const auto compilation =
      Compiled(Rule("R", "evt.type = execve and (proc.name = a or proc.cmdline contains b)"));
  const split::HookPartition* exec = HookOf(*compilation, SLUICE_HOOK_BPRM_CHECK);
  ASSERT_EQ(exec->entries.size(), 1u);
  EXPECT_EQ(exec->entries[0].residue.kind, norm::Condition::Kind::kOr);
  const split::Decision* name = DecisionOn(*compilation, "proc.name = a");
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(name->where, Where::kUser);
  EXPECT_EQ(name->code, diag::Code::N303);
}

TEST(Split, PastTheBudgetTheKernelKeepsWhatADisjunctionImplies) {
  std::string branches;
  for (int i = 0; i < 100; ++i) {
    branches += fmt::format("{}(proc.name = n{} and fd.name startswith /p{}/)", i == 0 ? "" : " or ", i, i);
  }
  const auto compilation = Compiled(Rule("R", "evt.type = open and (" + branches + ")"));
  ASSERT_TRUE(compilation->ok()) << Complaints(*compilation);
  const split::HookPartition* open = HookOf(*compilation, SLUICE_HOOK_FILE_OPEN);
  ASSERT_EQ(open->bits.size(), 1u);
  ASSERT_EQ(open->bits[0].size(), 3u) << "type, any of the names, any of the prefixes";
  EXPECT_EQ(open->bits[0][1].tests[0].strings.size(), 100u);
  EXPECT_EQ(open->entries[0].residue.kind, norm::Condition::Kind::kOr);
  const split::Decision* name = DecisionOn(*compilation, "proc.name = n7");
  EXPECT_EQ(name->code, diag::Code::N303);
  EXPECT_THAT(name->reason, HasSubstr("64 clauses"));
}

TEST(Split, PastTheBitsConditionsOfAlertsAreMergedAndSaidSo) {
  std::string text = Rule("Deny", "evt.type = open and fd.name = /keep", "action: deny");
  for (int i = 0; i < 40; ++i) {
    text += Rule(fmt::format("R{}", i), fmt::format("evt.type = open and fd.name = /p{}", i));
  }
  Options options;
  options.split.clauses_per_hook = 8;
  const auto compilation = Compiled(text, options);
  ASSERT_TRUE(compilation->ok()) << Complaints(*compilation);
  const split::HookPartition* open = HookOf(*compilation, SLUICE_HOOK_FILE_OPEN);
  EXPECT_EQ(open->bits.size(), 8u);
  EXPECT_EQ(open->entries.size(), 41u);
  for (const split::Entry& entry : open->entries) {
    EXPECT_EQ(entry.judge_whole, entry.rule != 0);
    EXPECT_FALSE(open->bits[entry.bit].empty());
  }
  EXPECT_EQ(DecisionOn(*compilation, "fd.name = /p5")->code, diag::Code::N305);
  EXPECT_EQ(DecisionOn(*compilation, "fd.name = /keep")->where, Where::kKernel);
}

TEST(Split, LineageBitsGoToMitigationsFirst) {
  std::string text = Rule("Alert", "evt.type = execve and proc.pname = a");
  text += Rule("Deny", "evt.type = execve and proc.pname = b", "action: deny");
  Options options;
  options.split.atoms = 1;
  const auto compilation = Compiled(text, options);
  ASSERT_TRUE(compilation->ok()) << Complaints(*compilation);
  EXPECT_EQ(compilation->partition.atoms.size(), 1u);
  EXPECT_EQ(DecisionOn(*compilation, "proc.pname = b")->where, Where::kKernel);
  EXPECT_EQ(DecisionOn(*compilation, "proc.pname = a")->code, diag::Code::N306);
}

TEST(Split, ValuesLongerThanTheKeysAreLeftToUserSpace) {
  const auto code = [](const std::string& test) {
    const auto compilation = Compiled(Rule("R", "evt.type = open and " + test));
    const auto& decisions = compilation->partition.decisions;
    return decisions.size() == 2 ? decisions[1].code : std::nullopt;
  };
  const std::string x255(254, 'x'), x256(255, 'x');
  EXPECT_EQ(code("fd.name = /" + x255), std::nullopt);
  EXPECT_EQ(code("fd.name = /" + x256), diag::Code::N304);
  EXPECT_EQ(code("fd.name startswith /" + std::string(251, 'x')), std::nullopt);
  EXPECT_EQ(code("fd.name startswith /" + std::string(252, 'x')), diag::Code::N304);
  EXPECT_EQ(code("fd.name pmatch (/" + std::string(250, 'x') + ")"), std::nullopt);
  EXPECT_EQ(code("fd.name pmatch (/" + std::string(251, 'x') + ")"), diag::Code::N304);
  EXPECT_EQ(code("fd.name endswith " + std::string(64, 'x')), std::nullopt);
  EXPECT_EQ(code("fd.name endswith " + std::string(65, 'x')), diag::Code::N304);
  EXPECT_EQ(code("proc.name = " + std::string(300, 'x')), std::nullopt)
      << "no name is as long: it equals none";
}

TEST(Split, TenThousandRulesTakeWellUnderASecond) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) {
    text += i % 2 == 0
                ? Rule(fmt::format("R{}", i),
                       fmt::format("evt.type in (open, openat) and fd.name startswith /d{}/ and "
                                   "not proc.name in (a{}, b)",
                                   i, i % 100))
                : Rule(fmt::format("R{}", i), fmt::format("evt.type = execve and proc.pname = p{} and "
                                                          "(proc.exepath endswith /x{} or user.uid = {})",
                                                          i % 60, i, i));
  }
  source::Files files;
  diag::Diagnostics diagnostics;
  ast::RuleSet rules;
  parse::Parse(files, files.Add("a.rule", text), {}, rules, diagnostics);
  norm::NormalRules normal = norm::Normalize(check::Check(rules, {}, diagnostics), diagnostics);
  const auto begin = std::chrono::steady_clock::now();
  const split::Partition partition = split::Split(std::move(normal), {}, diagnostics);
  const auto took = std::chrono::steady_clock::now() - begin;
  for (const split::HookPartition& hook : partition.hooks)
    EXPECT_LE(hook.bits.size(), size_t{SLUICE_CLAUSES});
  // Sanitizers and a busy machine are slow; a quadratic pass would take minutes.
  EXPECT_LT(std::chrono::duration_cast<std::chrono::seconds>(took).count(), 20);
}

// ---- mitigations
// ------------------------------------------------------------------------------------------------

TEST(Mitigation, IsRefusedForEveryPredicateThatTheKernelCannotDecide) {
  const auto compilation = Compiled(
      Rule("R", "evt.type = execve and proc.cmdline contains x and proc.name icontains y", "action: deny"));
  const std::string text = Complaints(*compilation);
  EXPECT_EQ(compilation->diagnostics.errors(), 2u) << text;
  EXPECT_THAT(text, HasSubstr("E301"));
  EXPECT_THAT(
      text, HasSubstr("`proc.cmdline contains x` cannot be decided in the kernel at `bprm_check_security`"));
  EXPECT_THAT(text, HasSubstr("`icontains` has no kernel table"));
}

TEST(Mitigation, IsCheckedOnceForEachPredicateAtAllItsHooks) {
  const auto compilation =
      Compiled(Rule("R", "evt.type in (open, unlink, mknod) and proc.cmdline contains x", "action: kill"));
  EXPECT_EQ(compilation->diagnostics.errors(), 1u) << Complaints(*compilation);
}

TEST(Mitigation, PastTheBudgetIsAnError) {
  std::string branches;
  for (int i = 0; i < 70; ++i) {
    branches += fmt::format("{}(proc.name = n{} and user.uid = {})", i == 0 ? "" : " or ", i, i);
  }
  const auto compilation = Compiled(Rule("R", "evt.type = execve and (" + branches + ")", "action: deny"));
  EXPECT_THAT(Complaints(*compilation), HasSubstr("E302"));
}

TEST(Mitigation, MoreConditionsThanBitsIsAnError) {
  std::string text;
  for (int i = 0; i < 5; ++i) {
    text += Rule(fmt::format("R{}", i), fmt::format("evt.type = execve and proc.exepath = /p{}", i),
                 "action: deny");
  }
  Options options;
  options.split.clauses_per_hook = 4;
  EXPECT_THAT(Complaints(*Compiled(text, options)), HasSubstr("E304"));
}

TEST(Mitigation, WarnsWhereAnEmptyFileMayRemain) {
  const auto warned = [](const std::string& condition) {
    const auto compilation = Compiled(Rule("R", condition, "action: deny"));
    return Complaints(*compilation).find("W209") != std::string::npos;
  };
  EXPECT_TRUE(warned("evt.type in (open, openat2) and evt.is_open_write = true and fd.name startswith /a/"));
  EXPECT_TRUE(warned("evt.type in (open, openat2) and fd.name startswith /a/"));
  EXPECT_FALSE(warned("evt.type in (open, openat2) and evt.is_open_read = true and fd.name startswith /a/"));
  EXPECT_FALSE(warned("evt.type in (open, openat) and evt.is_open_write = true and fd.name startswith /a/"));
}

// ---- uplan
// ------------------------------------------------------------------------------------------------------

TEST(UserPlan, SharesConditionsAndSlots) {
  const auto compilation = Compiled(Rule("A", "evt.type = execve and proc.cmdline contains x") +
                                    Rule("B", "evt.type = execve and proc.cmdline contains x") +
                                    Rule("C", "evt.type = execve and proc.cmdline contains y"));
  const uplan::HookPlan& exec = compilation->user.hooks[SLUICE_HOOK_BPRM_CHECK];
  ASSERT_EQ(exec.rules.size(), 3u);
  EXPECT_EQ(exec.rules[0].whole, exec.rules[1].whole);
  EXPECT_NE(exec.rules[0].whole, exec.rules[2].whole);
  EXPECT_EQ(compilation->user.slots.size(), 2u) << "evt.type and proc.cmdline";
}

TEST(UserPlan, LeavesThatAreTheSameAreOneNode) {
  std::string text;
  for (int i = 0; i < 40; ++i) {
    text += Rule(fmt::format("r{}", i),
                 fmt::format("evt.type in (open, openat) and fd.name in (/a{0}, /b{0}, /c{0}, /d{0})", i));
  }
  const auto compilation = Compiled(text);
  std::set<std::vector<std::pair<check::RuleId, uplan::ConditionId>>> seen;
  for (const uplan::Node& node : compilation->user.index.nodes) {
    const bool leads_on = node.groups.begin != node.groups.end || node.switches.begin != node.switches.end;
    std::vector<std::pair<check::RuleId, uplan::ConditionId>> leaves;
    for (uint32_t i = node.leaves.begin; i < node.leaves.end; ++i)
      leaves.emplace_back(compilation->user.index.leaves[i].rule,
                          compilation->user.index.leaves[i].condition);
    if (leads_on) continue;
    EXPECT_TRUE(seen.insert(leaves).second) << leaves.size();
  }
  EXPECT_GE(seen.size(), 40u);
}

TEST(UserPlan, ARuleThatTheKernelDecidesHasNothingLeft) {
  const auto compilation = Compiled(Rule("A", "evt.type = open and fd.name = /a"));
  const uplan::HookPlan& open = compilation->user.hooks[SLUICE_HOOK_FILE_OPEN];
  ASSERT_EQ(open.candidates.size(), 1u);
  EXPECT_EQ(open.candidates[0].residue, uplan::kAlways);
  EXPECT_NE(open.candidates[0].whole, uplan::kAlways);
}

TEST(UserPlan, WithoutAHookConditionsStandAsWritten) {
  const auto compilation = Compiled(Rule("A", "evt.type = execve and fd.name = /a"));
  EXPECT_TRUE(compilation->user.hooks[SLUICE_HOOK_BPRM_CHECK].rules.empty());
  EXPECT_EQ(compilation->user.hooks[check::kNoHook].rules.size(), 1u);
}

TEST(UserPlan, SaysWhatTheKernelMustBring) {
  EXPECT_FALSE(Compiled(Rule("A", "evt.type = execve and proc.name = a"))->user.needs_env);
  EXPECT_TRUE(Compiled(Rule("A", "evt.type = execve and proc.env[X] = a"))->user.needs_env);
  EXPECT_TRUE(Compiled(Rule("A", "evt.type = execve and tolower(proc.cwd) = a"))->user.needs_cwd);
}

// ---- files and words
// --------------------------------------------------------------------------------------------

TEST(Compile, AFileThatCannotBeReadIsAFaultOfTheHost) {
  const auto compilation = CompileFiles({"/nowhere/a.rule"}, {});
  EXPECT_FALSE(compilation.ok());
}

TEST(Compile, FaultsOfSeveralStagesAreToldInOneRun) {
  const auto compilation =
      Compiled("rule broken {\n" + Rule("A", "fd.nmae = x") +
               Rule("B", "evt.type = execve and proc.cmdline contains x", "action: deny"));
  const std::string text = Complaints(*compilation);
  EXPECT_THAT(text, HasSubstr("E1"));
  EXPECT_THAT(text, HasSubstr("E201"));
}

// explain keeps what `run` drops, and must say what runs.
TEST(Compile, WhatIsDroppedChangesNoPlan) {
  const std::string text =
      Rule("a", "evt.type in (openat, open) and fd.name in (/etc/b, /etc/a) and proc.aname in (z, y)") +
      Rule("b", "evt.type in (open, openat) and proc.aname in (y, z) and fd.name in (/etc/a, /etc/b)") +
      Rule("c", "evt.type = open and (fd.name = /etc/x or fd.name in (/etc/w)) and not proc.name in (q)") +
      Rule("d", "evt.type in (open) and fd.name in (/etc/d, /etc/c)", "action: deny") +
      Rule("e", "evt.type = open and fd.name in (/etc/c, /etc/d) and user.uid = 7", "action: deny");
  Options options;
  const auto kept = Compiled(text, options);
  options.keeps_stages = false;
  const auto dropped = Compiled(text, options);
  ASSERT_TRUE(kept->ok() && dropped->ok()) << Complaints(*kept) << Complaints(*dropped);
  EXPECT_EQ(kplan::Print(kept->kernel, kept->partition), kplan::Print(dropped->kernel, dropped->partition));

  // Of a mitigation the paths that it names are still to be had; of an alert only the plan is.
  const check::CheckedRules& checked = dropped->user.checked;
  EXPECT_EQ(checked.rules[0].condition.kind, check::Condition::Kind::kTrue);
  for (const check::RuleId rule : {3, 4}) {
    std::string paths;
    for (const check::Condition& child : checked.rules[rule].condition.children) {
      if (child.kind == check::Condition::Kind::kPredicate)
        paths += check::Print(checked.predicates[child.predicate]) + "; ";
    }
    EXPECT_THAT(paths, HasSubstr("fd.name in (/etc/c, /etc/d)")) << rule;
  }
}

TEST(Compile, PatternsThatAreTooLargeAreRefusedAtThePattern) {
  const auto faults = [](const std::string& test) {
    return Complaints(*Compiled(Rule("R", "evt.type = open and fd.name " + test)));
  };
  std::string globs, alternatives;
  for (int i = 0; i < 3000; ++i) globs += "*a";
  for (int i = 0; i < 200; ++i) alternatives += fmt::format("[^a-z{}]{{1,1000}}|", i);
  EXPECT_THAT(faults("glob \"" + globs + "\""), HasSubstr("A pattern of 6000 bytes is too long"));
  EXPECT_THAT(faults("regex \"((a{100}){100}){100}\""), HasSubstr("needs too much memory"));
  EXPECT_THAT(faults("regex \"" + alternatives + "x\""), HasSubstr("needs too much memory"));
}

TEST(Compile, ListsThatHoldListsAreBoundedTogether) {
  std::string text = "list l0 = [a, b, c, d]\n";
  for (int i = 1; i <= 100; ++i) text += fmt::format("list l{} = [l{}, x{}]\n", i, i - 1, i);
  Options options;
  options.check.max_total_list_items = 1000;
  EXPECT_THAT(Complaints(*Compiled(text, options)),
              HasSubstr("All lists together have more than 1000 items"));
}

TEST(Explain, SaysWhereEachPredicateRunsAndWhy) {
  const auto compilation =
      Compiled(Rule("R", "evt.type = open and fd.name startswith /etc/ and proc.cmdline contains x"));
  const std::string text = ExplainText(*compilation);
  EXPECT_THAT(text, HasSubstr("rule \"R\" (alert)"));
  EXPECT_THAT(text, HasSubstr("file_open: the kernel decides 2 of 3 predicates"));
  EXPECT_THAT(text, HasSubstr("prefix table of fd.name"));
  EXPECT_THAT(text, HasSubstr("`proc.cmdline` is known in user space only [N302]"));
  EXPECT_EQ(Summary(*compilation), "\"R\": the kernel decides 2 of 3 predicates at file_open\n");
}

TEST(Explain, SaysWhenEveryEventIsSent) {
  const auto compilation = Compiled(Rule("R", "proc.cmdline contains x"));
  EXPECT_THAT(ExplainText(*compilation), HasSubstr("every event of this hook is sent to user space"));
}

TEST(Explain, JsonHasTheSameFacts) {
  const std::string json =
      ExplainJson(*Compiled(Rule("R", "evt.type = open and fd.name = /a", "action: deny")));
  EXPECT_THAT(json, HasSubstr("\"exact\": true"));
  EXPECT_THAT(json, HasSubstr("\"how\": \"exact table of fd.name, asked of every name of the file\""));
}

TEST(StageJson, EveryStageHasIt) {
  const auto compilation =
      Compiled("macro opened = evt.type in (open, openat)\n" +
               Rule("R",
                    "opened and fd.name startswith /etc/ and user.uid < 5 and not proc.aname = sh "
                    "and not proc.cmdline contains x") +
               Rule("N", "evt.type = connect and fd.snet in (10.0.0.0/8, ::1/128)"));
  ASSERT_TRUE(compilation->ok()) << Complaints(*compilation);
  const std::map<std::string, std::string> expected = {
      {"parse", "\"field\": \"fd.name\""},    {"check", "\"predicate\": \"fd.name startswith /etc/\""},
      {"norm", "\"negated\": true"},          {"split", "\"lookup\": \"ancestors/any\""},
      {"kplan", "\"value\": \"10.0.0.0/8\""}, {"uplan", "\"true\": \"accept\""},
  };
  for (const auto& [stage, text] : expected) {
    const std::optional<std::string> json = StageJson(*compilation, stage);
    ASSERT_TRUE(json.has_value()) << stage;
    EXPECT_TRUE(nlohmann::json::accept(*json)) << stage;
    EXPECT_THAT(*json, HasSubstr(text)) << stage;
  }
  EXPECT_FALSE(StageJson(*compilation, "nonsense").has_value());
}

TEST(Explain, TheSummaryOfManyRulesIsShort) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += Rule(fmt::format("R{}", i), "evt.type = open and fd.name = /a");
  EXPECT_THAT(Summary(*Compiled(text), 5), HasSubstr("... and 25 more rules"));
}

}  // namespace
}  // namespace sluice
