// What tests of rules mean: defaults, processes, expectations, and that the ways to judge are compared.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "compiler/diag/render.h"
#include "harness/mutate.h"
#include "harness/report.h"
#include "harness/views.h"
#include "runtime/capture/writer.h"
#include "runtime/ring/build_record.h"

namespace sluice::harness {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class HarnessTest : public testing::Test {
 protected:
  ~HarnessTest() override { std::filesystem::remove(path_); }

  std::unique_ptr<Suite> Read(const std::string& text) {
    std::ofstream(path_) << text;
    source::Result<std::unique_ptr<Suite>> suite = ReadSuite({path_});
    EXPECT_TRUE(suite.ok());
    return std::move(*suite);
  }

  // The fields of the events of one test over no particular rule.
  std::vector<WrittenEvent> Events(const std::string& events) {
    std::unique_ptr<Suite> suite = Read(kRule + "test \"t\" {\n" + events + "\nexpect: nothing\n}\n");
    EXPECT_TRUE(suite->ok());
    return suite->cases.at(0).events;
  }

  static std::string Field(const WrittenEvent& event, const std::string& name) {
    const auto found = event.fields.find(name);
    if (found == event.fields.end()) return "<NA>";
    std::string text;
    for (const std::string& word : found->second.words) text += (text.empty() ? "" : ",") + word;
    return text;
  }

  const std::string path_ = testing::TempDir() + "harness_test." + std::to_string(::getpid()) + ".rule";
  const std::string kRule =
      "rule \"R\" {\n desc: d\n condition: evt.type = openat and fd.name = /etc/shadow\n output: o\n"
      " priority: debug\n}\n";
};

TEST_F(HarnessTest, AnOpenHasASensibleProcessAndFile) {
  const WrittenEvent event = Events("event: openat { fd.name: /etc/shadow }").at(0);
  EXPECT_EQ(Field(event, "evt.type"), "openat");
  EXPECT_EQ(Field(event, "evt.hook"), "file_open");
  EXPECT_EQ(Field(event, "fd.directory"), "/etc");
  EXPECT_EQ(Field(event, "fd.filename"), "shadow");
  EXPECT_EQ(Field(event, "fs.path.name"), "/etc/shadow");
  EXPECT_EQ(Field(event, "evt.is_open_read"), "true");
  EXPECT_EQ(Field(event, "evt.is_open_write"), "false");
  EXPECT_EQ(Field(event, "evt.arg.flags"), "O_RDONLY");
  EXPECT_EQ(Field(event, "fd.num"), "3");
  EXPECT_EQ(Field(event, "user.name"), "root");
  EXPECT_EQ(Field(event, "container.id"), "host");
  EXPECT_EQ(Field(event, "proc.pname"), "systemd");
}

TEST_F(HarnessTest, WhatIsGivenDecidesTheRest) {
  const WrittenEvent event =
      Events("event: execve { proc.cmdline: \"sh -c id\", proc.pname: cron, user.name: www-data }").at(0);
  EXPECT_EQ(Field(event, "proc.name"), "sh");
  EXPECT_EQ(Field(event, "proc.exepath"), "/usr/bin/sh");
  EXPECT_EQ(Field(event, "proc.args"), "-c,id");
  EXPECT_EQ(Field(event, "proc.aname"), "cron,systemd");
  EXPECT_EQ(Field(event, "proc.pexepath"), "/usr/bin/cron");
  EXPECT_EQ(Field(event, "user.uid"), "33");
  const WrittenEvent write = Events("event: openat { evt.arg.flags: O_TRUNC|O_RDWR }").at(0);
  EXPECT_EQ(Field(write, "evt.is_open_read"), "true");
  EXPECT_EQ(Field(write, "evt.is_open_write"), "true");
  const WrittenEvent failed = Events("event: openat { evt.res: ENOENT }").at(0);
  EXPECT_EQ(Field(failed, "fd.num"), "-1");
  EXPECT_EQ(Field(failed, "evt.failed"), "true");
}

TEST_F(HarnessTest, AConnectionHasBothItsEndsInEveryForm) {
  const WrittenEvent event = Events("event: connect { fd.sip: 10.1.2.3 }").at(0);
  for (const char* type : {"connect", "sendto", "sendmmsg", "recvmmsg", "write"}) {
    const WrittenEvent remote = Events(std::string("event: ") + type + " { fd.rip: 10.1.2.3 }").at(0);
    for (const char* field : {"fd.sip", "fd.rip", "fd.snet", "fd.rnet"})
      EXPECT_EQ(Field(remote, field), "10.1.2.3") << type << " " << field;
  }
  for (const char* field : {"fd.cip", "fd.lip", "fd.cnet", "fd.lnet"})
    EXPECT_EQ(Field(event, field), "192.0.2.20") << field;
  EXPECT_EQ(Field(event, "fd.sockfamily"), "ip");
  EXPECT_EQ(Field(event, "fd.type"), "ipv4");
}

TEST_F(HarnessTest, AChainIsARowOfExecsBelowARunningProcess) {
  const std::vector<WrittenEvent> events = Events("event: nginx -> \"sh -c id\" -> /tmp/x { user.uid: 33 }");
  ASSERT_EQ(events.size(), 2);
  EXPECT_EQ(Field(events[0], "proc.cmdline"), "sh -c id");
  EXPECT_EQ(Field(events[0], "proc.aname"), "nginx,systemd");
  EXPECT_EQ(Field(events[1], "proc.exepath"), "/tmp/x");
  EXPECT_EQ(Field(events[1], "proc.aname"), "sh,nginx,systemd");
  EXPECT_EQ(Field(events[1], "proc.pcmdline"), "sh -c id");
  EXPECT_EQ(Field(events[1], "user.name"), "www-data");
}

TEST_F(HarnessTest, ProcessesAreRemembered) {
  const std::vector<WrittenEvent> events = Events(
      "event: nginx -> sh -> curl\n event: openat { fd.name: /etc/passwd }\n"
      "event: openat { proc.name: sh, fd.name: /etc/group }\n event: execve { proc.name: id, proc.pname: "
      "curl }\n"
      "event: execve { proc.name: ls }");
  ASSERT_EQ(events.size(), 6);
  EXPECT_EQ(Field(events[2], "proc.name"), "curl");
  EXPECT_EQ(Field(events[3], "proc.aname"), "nginx,systemd");
  EXPECT_EQ(Field(events[3], "proc.pid"), Field(events[0], "proc.pid"));
  EXPECT_EQ(Field(events[4], "proc.aname"), "curl,sh,nginx,systemd");
  EXPECT_EQ(Field(events[5], "proc.aname"), "systemd");
}

TEST_F(HarnessTest, AnAbsentValueKeepsItsDefaultAway) {
  const WrittenEvent event =
      Events("event: execve { proc.name: sh, proc.pname: <NA>, user.name: <NA> }").at(0);
  EXPECT_EQ(Field(event, "proc.pname"), "<NA>");
  EXPECT_EQ(Field(event, "proc.aname"), "");
  EXPECT_EQ(Field(event, "user.name"), "<NA>");
}

TEST_F(HarnessTest, AFailureHasACodeAndAPlace) {
  const std::unique_ptr<Suite> suite = Read(kRule +
                                            "test \"t\" {\n event: openat { fd.name: /etc/passwd }\n"
                                            " expect: alert \"R\"\n}\n");
  const Result result = Runner(*suite, 0).Run(0);
  ASSERT_EQ(result.failures.size(), 1);
  EXPECT_EQ(diag::RowOf(result.failures[0].code).name, "E501");
  EXPECT_FALSE(result.differs());
  EXPECT_THAT(result.failures[0].note, HasSubstr("fd.name = /etc/shadow  false    fd.name = /etc/passwd"));
}

TEST_F(HarnessTest, AnUnknownRuleIsToldWithTheNearest) {
  const std::unique_ptr<Suite> suite =
      Read(kRule + "test \"t\" {\n event: openat\n expect: alert \"RR\"\n}\n");
  ASSERT_EQ(suite->diagnostics.all().size(), 1);
  EXPECT_EQ(diag::RowOf(suite->diagnostics.all()[0].code).name, "E503");
}

// A plan that was made from other rules stands for a compiler with a fault.
TEST_F(HarnessTest, ADifferenceIsAFailureOfItsOwn) {
  const std::string test = "test \"t\" {\n event: openat { fd.name: /etc/shadow }\n expect: alert \"R\"\n}\n";
  std::string other_rule = kRule;
  other_rule.replace(other_rule.find("/etc/shadow"), 11, "/etc/passwd");
  const std::unique_ptr<Suite> other = Read(other_rule + test);
  const std::unique_ptr<Suite> suite = Read(kRule + test);
  suite->live_plan = other->live_plan;
  suite->live = CompileTexts({{"other", other_rule}}, {});
  Result result = Runner(*suite, 0).Run(0);
  ASSERT_EQ(result.failures.size(), 1);
  EXPECT_TRUE(result.differs());
  EXPECT_EQ(diag::RowOf(result.failures[0].code).name, "E502");
  EXPECT_EQ(result.failures[0].message, "`R` is true as the rule is written, and false by the kernel plan");

  suite->written_plan = other->written_plan;
  result = Runner(*suite, 0).Run(0);
  EXPECT_TRUE(result.differs());
  EXPECT_EQ(result.failures[0].message, "`R` is true as the rule is written, and false by the user plan");
}

TEST_F(HarnessTest, VerdictsThatNoHookCanGiveAreLeftOutAndCounted) {
  const std::unique_ptr<Suite> suite = Read(
      "rule \"R\" {\n desc: d\n condition: evt.type = execve and container.healthcheck = x\n output: o\n"
      " priority: debug\n}\ntest \"t\" {\n event: execve { container.healthcheck: x }\n expect: alert "
      "\"R\"\n}\n");
  Runner runner(*suite, 0);
  EXPECT_THAT(runner.Run(0).failures, IsEmpty());
  EXPECT_EQ(runner.kernel().left_out, 1);
}

// ---- mutants

TEST_F(HarnessTest, MutantsThatNoTestCatchesAreListed) {
  const std::string rule =
      "macro opened = evt.type in (open, openat)\n"
      "rule \"R\" {\n desc: d\n condition: opened and fd.name startswith /etc/ and not proc.name = vi\n "
      "output: o\n"
      " priority: debug\n}\n";
  const auto survivors = [this](const std::string& text) {
    std::unique_ptr<Suite> suite = Read(text);
    EXPECT_TRUE(suite->ok()) << diag::RenderText(suite->diagnostics, suite->files(), false);
    std::vector<size_t> order(suite->cases.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (const Result& result : [&] {
           KernelCount kernel;
           return RunAll(*suite, order, 1, 0, kernel, nullptr);
         }())
      EXPECT_TRUE(result.passed());
    return MutantsText(*suite, TryMutants(*suite, order, 2), false);
  };
  // Fires alone: whatever only widens the condition goes unnoticed.
  const std::string fires = "test \"fires\" { event: openat { fd.name: /etc/passwd } expect: alert \"R\" }\n";
  const std::string weak = survivors(rule + fires);
  EXPECT_THAT(weak, HasSubstr("warning[W501]: No test catches a change of rule \"R\""));
  EXPECT_THAT(weak, HasSubstr("without this part"));
  EXPECT_THAT(weak, HasSubstr("`contains` for `startswith`"));
  EXPECT_THAT(weak, HasSubstr("mutants: 4 of 9 caught (44.4 %)"));
  const std::string strong = survivors(
      rule + fires +
      "test \"editor\" { event: openat { fd.name: /etc/passwd, proc.name: vi } expect: nothing }\n" +
      "test \"elsewhere\" { event: openat { fd.name: /tmp/etc/passwd } expect: no \"R\" }\n" +
      "test \"other call\" { event: unlink { fs.path.name: /etc/passwd, fd.name: /etc/passwd } expect: "
      "nothing }\n");
  EXPECT_THAT(strong, HasSubstr("mutants: 9 of 9 caught (100.0 %)"));
  EXPECT_THAT(survivors(rule + kRule.substr(0, 6) + "Untested" + kRule.substr(7) + fires),
              HasSubstr("in rules without a test"));
}

TEST_F(HarnessTest, MutantsAreJudgedWithWhatAlertsAdd) {
  const std::string rules =
      "rule \"Adds\" {\n desc: d\n condition: evt.type = openat and fd.name = /bait\n output: o\n priority: "
      "debug\n"
      " then: add %proc.exepath to seen for 1h\n}\n"
      "rule \"Asks\" {\n desc: d\n condition: evt.type = openat and fd.name = /kept and proc.exepath in "
      "(seen)\n"
      " output: o\n priority: debug\n"
      " exceptions: [ { name: users, fields: [user.name], values: [[root], [daemon]] } ]\n}\n"
      "test \"t\" {\n event: openat { fd.name: /bait, user.name: me }\n event: openat { fd.name: /kept, "
      "user.name: me }\n"
      " expect: alert \"Adds\"\n expect: alert \"Asks\"\n}\n";
  const std::unique_ptr<Suite> suite = Read(rules);
  ASSERT_TRUE(suite->ok()) << diag::RenderText(suite->diagnostics, suite->files(), false);
  size_t caught = 0;
  std::vector<std::string> survivors;
  for (const Mutant& mutant : TryMutants(*suite, {0}, 1).mutants) {
    EXPECT_TRUE(mutant.tested) << mutant.change;
    caught += mutant.caught;
    if (!mutant.caught) survivors.push_back(mutant.change);
  }
  EXPECT_EQ(caught, 4u);  // predicates turned round; that of the file that adds fires on the other event
  EXPECT_EQ(survivors.size(), 11u);
  EXPECT_THAT(survivors, testing::Contains("without the exception `users`"));
  EXPECT_THAT(survivors, testing::Contains("without row 2 of the exception `users`"));
}

TEST_F(HarnessTest, ManyTestsWithOneMemberCompileTheRulesOnce) {
  std::string text =
      "rule \"Adds\" {\n desc: d\n condition: evt.type = openat and fd.name = /bait\n output: o\n priority: "
      "debug\n"
      " then: add %proc.exepath to seen for 1h\n}\n"
      "rule \"Asks\" {\n desc: d\n condition: evt.type = openat and fd.name = /kept and proc.exepath in "
      "(seen)\n"
      " output: o\n priority: debug\n}\n";
  for (int i = 0; i < 300; ++i) {
    text += "test \"" + std::to_string(i) +
            "\" {\n event: openat { fd.name: /bait }\n event: openat { fd.name: /kept }\n"
            " expect: alert \"Asks\"\n}\n";
  }
  const std::unique_ptr<Suite> suite = Read(text);
  ASSERT_TRUE(suite->ok());
  Runner runner(*suite, 0);
  std::vector<uint64_t> times_ns;
  for (size_t i = 0; i < suite->cases.size(); ++i) {
    const Result result = runner.Run(i);
    EXPECT_THAT(result.failures, IsEmpty());
    times_ns.push_back(result.time_ns);
  }
  const auto middle = times_ns.begin() + 150;
  std::nth_element(times_ns.begin() + 1, middle, times_ns.end());
  EXPECT_LT(*middle, times_ns.front());
}

// Opens of /etc/shadow and of another file, without rules.
std::string CaptureOf(const std::string& path) {
  auto writer = capture::Writer::Create(path);
  EXPECT_TRUE(writer.ok()) << writer.status();
  (*writer)->Host({.hostname = "h", .boot_id = "b"}, {});
  (*writer)->Rules({.generation = 1, .every_event = true});
  for (const char* file : {"/etc/shadow", "/etc/passwd", "/etc/shadow"}) {
    ring::RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
    builder.header().generation = 1;
    builder.header().pid = builder.header().tid = 7;
    builder.header().type = check::FindEvent("openat");
    (*writer)->Record(builder.Item(SLUICE_ITEM_PATH, file).Bytes());
  }
  EXPECT_TRUE((*writer)->Close().ok());
  return path;
}

// A file with a fault stands for a member that the rules cannot be compiled with.
TEST_F(HarnessTest, ATestFailsWhenItsRulesDoNotCompileWithWhatAlertsAdd) {
  const std::string file = CaptureOf(path_ + ".cap");
  const std::string events[] = {
      "event: openat { fd.name: /etc/shadow }\n event: openat { fd.name: /kept }",
      "event: openat { fd.name: /etc/shadow }",
      "capture: \"" + std::filesystem::path(file).filename().string() + "\"",
  };
  for (const std::string& event : events) {
    const std::unique_ptr<Suite> suite = Read(
        "rule \"Adds\" {\n desc: d\n condition: evt.type = openat and fd.name = /etc/shadow\n output: o\n"
        " priority: debug\n then: add %fd.name to seen for 1h\n}\n"
        "rule \"Asks\" {\n desc: d\n condition: evt.type = openat and fd.name in (seen)\n output: o\n"
        " priority: debug\n}\n"
        "test \"t\" {\n " +
        event + "\n expect: nothing\n}\n");
    ASSERT_TRUE(suite->ok()) << diag::RenderText(suite->diagnostics, suite->files(), false);
    suite->live->sources.push_back(suite->live->files.Add("fault.rule", "list x = (\n"));
    const Result result = Runner(*suite, 0).Run(0);
    ASSERT_EQ(result.failures.size(), 1u) << event;
    EXPECT_EQ(result.failures[0].code, diag::Code::E501) << event;
    EXPECT_THAT(result.failures[0].message,
                HasSubstr("The rules do not compile with what alerts have added to sets: 1 error in the "
                          "rules: fault.rule:1: "))
        << event;
  }
  std::filesystem::remove(file);
}

TEST_F(HarnessTest, EachLineOfACapturesTestWantsAnAlertOfItsOwn) {
  const std::string file = CaptureOf(path_ + ".cap");
  const auto failures = [&](const std::string& rules, const std::string& expect) {
    const std::unique_ptr<Suite> suite =
        Read(rules + "test \"t\" {\n capture: \"" + std::filesystem::path(file).filename().string() +
             "\"\n " + expect + "\n}\n");
    EXPECT_TRUE(suite->ok()) << diag::RenderText(suite->diagnostics, suite->files(), false);
    Runner runner(*suite, 1);
    std::string text;
    for (const diag::Diagnostic& failure : runner.Run(0).failures)
      text += failure.message + "\n" + failure.note;
    return text;
  };
  const std::string alert = "expect: alert R\n ";
  EXPECT_EQ(failures(kRule, alert + alert), "");
  EXPECT_THAT(failures(kRule, alert + alert + alert), HasSubstr("`R` fires fewer times in the capture"));
  EXPECT_THAT(failures(kRule, "expect: dropped"),
              HasSubstr("The kernel does not drop `openat` by ?[7] of /etc/shadow"));
  std::string other = kRule;
  other.replace(other.find("/etc/shadow"), 11, "/etc/gshadow");
  EXPECT_EQ(failures(other, "expect: dropped"), "");
  // Sets hold what alerts on the way have added.
  const std::string sets =
      "rule \"Adds\" {\n desc: d\n condition: evt.type = openat and fd.name = /etc/shadow\n output: o\n"
      " priority: debug\n then: add %fd.name to seen for 1h\n}\n"
      "rule \"Asks\" {\n desc: d\n condition: evt.type = openat and fd.name in (seen)\n output: o\n"
      " priority: debug\n}\n";
  EXPECT_EQ(failures(sets, "expect: alert Adds times 2\n expect: alert Asks times 1\n expect: nothing else"),
            "");
  EXPECT_THAT(failures(sets, "expect: alert Asks times 2"), HasSubstr("fires once"));
  EXPECT_THAT(failures(sets, "expect: deny Asks"),
              testing::AllOf(HasSubstr("fd.name in (seen)"), testing::Not(HasSubstr("(empty)"))));
  std::filesystem::remove(file);
}

// The plan as written, with the members that the sets have at the record.
TEST_F(HarnessTest, CoverageOfACaptureSeesSetsAsTheyAre) {
  const std::string file = CaptureOf(path_ + ".cap");
  const std::unique_ptr<Suite> suite = Read(
      "rule \"Adds\" {\n desc: d\n condition: evt.type = openat and fd.name = /etc/shadow\n output: o\n"
      " priority: debug\n then: add %fd.name to seen for 1h\n}\n"
      "rule \"Asks\" {\n desc: d\n condition: evt.type = openat and fd.name in (seen)\n output: o\n"
      " priority: debug\n}\n"
      "test \"t\" {\n capture: \"" +
      std::filesystem::path(file).filename().string() + "\"\n expect: alert Asks times 1\n}\n");
  ASSERT_TRUE(suite->ok()) << diag::RenderText(suite->diagnostics, suite->files(), false);
  Coverage coverage(*suite);
  EXPECT_THAT(Runner(*suite, 1, &coverage).Run(0).failures, IsEmpty());
  std::vector<std::string> seen;
  for (const Seen& one : coverage.predicates())
    seen.push_back(fmt::format("{} {} {}", one.text, one.is_true, one.is_false));
  EXPECT_THAT(seen,
              testing::ElementsAre("evt.type = openat 3 0", "fd.name = /etc/shadow 2 1",
                                   "evt.type = openat 3 0", testing::MatchesRegex("fd.name in .* 1 2")));
  EXPECT_THAT(coverage.fired(), testing::ElementsAre(2, 1));
  std::filesystem::remove(file);
}

TEST_F(HarnessTest, ACaptureIsATestWithoutRules) {
  const std::string file = CaptureOf(path_ + ".cap");
  const std::unique_ptr<Suite> suite =
      Read("test \"t\" {\n capture: \"" + std::filesystem::path(file).filename().string() +
           "\"\n expect: nothing\n}\n");
  ASSERT_TRUE(suite->ok());
  Runner runner(*suite, 1);
  EXPECT_THAT(runner.Run(0).failures, IsEmpty());
  std::filesystem::remove(file);
}

TEST_F(HarnessTest, ACaptureIsATestsEvents) {
  const std::string file = CaptureOf(path_ + ".cap");
  const std::string name = std::filesystem::path(file).filename();  // beside the rules
  const auto failures = [&](const std::string& expect) {
    const std::unique_ptr<Suite> suite =
        Read(kRule + "test \"t\" {\n capture: \"" + name + "\"\n " + expect + "\n}\n");
    EXPECT_TRUE(suite->ok()) << diag::RenderText(suite->diagnostics, suite->files(), false);
    Coverage coverage(*suite);
    Runner runner(*suite, 1, &coverage);
    const Result result = runner.Run(0);
    EXPECT_GT(runner.kernel().judged, 0u);
    EXPECT_EQ(coverage.Percent(), 75);  // every event is an openat
    std::string text;
    for (const diag::Diagnostic& failure : result.failures) text += failure.message + "\n" + failure.note;
    return text;
  };
  EXPECT_EQ(failures("expect: alert R times 2 expect: nothing else"), "");
  EXPECT_EQ(failures("expect: alert R output o"), "");
  EXPECT_THAT(failures("expect: alert R times 3"), HasSubstr("`R` fires 2 times in the capture, not 3"));
  EXPECT_THAT(failures("expect: alert R output x"), HasSubstr("but the output is \"o\""));
  EXPECT_THAT(failures("expect: deny R"), HasSubstr("the decision is `alert`"));
  const std::string nothing = failures("expect: nothing");
  EXPECT_THAT(nothing, HasSubstr("`R` fires in the capture"));
  EXPECT_THAT(nothing, HasSubstr("fd.name = /etc/shadow  true"));

  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);
  const std::unique_ptr<Suite> cut =
      Read(kRule + "test t {\n capture: \"" + name + "\"\n expect: nothing\n}\n");
  const Result result = Runner(*cut, 1).Run(0);
  ASSERT_EQ(result.failures.size(), 2u);
  EXPECT_EQ(result.failures[0].code, diag::Code::E505);
  EXPECT_THAT(result.failures[0].message, HasSubstr("cut off"));
  EXPECT_EQ(result.failures[1].code, diag::Code::E501);  // what stands before the cut is judged

  const std::unique_ptr<Suite> missing = Read(kRule + "test t {\n capture: none.cap\n expect: nothing\n}\n");
  EXPECT_EQ(missing->diagnostics.all().at(0).code, diag::Code::E505);
  std::filesystem::remove(file);
}

TEST_F(HarnessTest, ACountIsExact) {
  const auto failures = [&](const std::string& expect) {
    const std::unique_ptr<Suite> suite =
        Read(kRule +
             "test t {\n event: openat { fd.name: /etc/shadow }\n event: openat { fd.name: /etc/shadow }\n " +
             expect + "\n}\n");
    EXPECT_TRUE(suite->ok());
    std::string text;
    for (const diag::Diagnostic& failure : Runner(*suite, 1).Run(0).failures) text += failure.message;
    return text;
  };
  EXPECT_EQ(failures("expect: alert R times 2"), "");
  EXPECT_EQ(failures("expect: alert R"), "");
  EXPECT_EQ(failures("expect: alert R times 1"), "`R` fires 2 times, not 1");
  EXPECT_THAT(failures("expect: alert R times 3"), HasSubstr("fewer times"));
}

}  // namespace
}  // namespace sluice::harness
