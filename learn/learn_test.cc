// What is learned from a capture compiles without a warning, is silent on that capture, and fires on anything else.
#include "learn/learn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/compile.h"
#include "compiler/diag/render.h"
#include "runtime/eval/json_event.h"
#include "runtime/replay.h"

namespace sluice::learn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Generalised, TakesOutWhatChangesFromRunToRun) {
  const std::pair<const char*, const char*> kCases[] = {
      {"/etc/hosts", "/etc/hosts"},
      {"/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6"},
      {"/proc/4711/stat", "/proc/*/stat"},
      {"/proc/4711/task/4712/comm", "/proc/*/task/*/comm"},
      {"/dev/pts/3", "/dev/pts/*"},
      {"/var/cache/9f86d081884c7d65/a", "/var/cache/*/a"},
      {"/run/x/123e4567-e89b-12d3-a456-426614174000.lock", "/run/x/*.lock"},
      {"/var/log/web-2026-11-22.log", "/var/log/web-*.log"},
      {"/var/log/web.20261122", "/var/log/web.*"},
      {"/tmp/tmp.Xy12Zq", "/tmp/tmp.*"},
      {"/srv/tmp.Xy12Zq", "/srv/tmp.Xy12Zq"},
      {"/tmp/odd[1]*/1234567", "/tmp/odd[[]1][*]/*"},
      {"/usr/share/deadbeef", "/usr/share/deadbeef"},
      {"", ""},
  };
  for (const auto& [path, glob] : kCases) EXPECT_EQ(Generalised(path), glob) << path;
}

TEST(PatternsOf, JoinsVersionsAndCrowdedFolders) {
  Counts paths = {
      {"/usr/lib/libssl.so.1", 1}, {"/usr/lib/libssl.so.3", 1}, {"/etc/hosts", 2}, {"/tmp/x.123456", 1}};
  for (char c = 'a'; c < 'a' + 14; ++c) paths[std::string("/usr/share/doc/") + c] = 1;
  for (char c = 'a'; c < 'a' + 14; ++c) paths[std::string("/etc/") + c] = 1;  // too much to be one thing
  const Patterns patterns = PatternsOf(paths);
  EXPECT_EQ(patterns.exact.size(), 15u);
  EXPECT_THAT(patterns.folders, ElementsAre("/usr/share/doc"));
  EXPECT_THAT(patterns.prefixes, ElementsAre("/tmp/x.", "/usr/lib/libssl.so."));
  EXPECT_THAT(patterns.globs, IsEmpty());
}

TEST(NetsOf, JoinsNeighbours) {
  EXPECT_THAT(NetsOf({{"10.0.0.1", 1}, {"10.0.0.2", 1}, {"192.0.2.7", 1}, {"2001:db8::1", 1}}),
              ElementsAre("10.0.0.0/24", "192.0.2.7/32", "2001:db8::1/128"));
  Counts many;
  for (int i = 0; i < 20; ++i) many["198.51." + std::to_string(i) + ".1"] = 1;
  EXPECT_THAT(NetsOf(many), ElementsAre("0.0.0.0/0", "::/0"));
}

TEST(Quoted, IsReadBackByTheLanguage) { EXPECT_EQ(Quoted("a\"b\\c\n\xff"), "\"a\\\"b\\\\c\\x0a\\xff\""); }

class LearnTest : public testing::Test {
 protected:
  std::unique_ptr<Compilation> Compiled(const std::string& text) {
    std::unique_ptr<Compilation> compiled = CompileTexts({{"learned.rule", text}}, {});
    EXPECT_TRUE(compiled->ok());
    EXPECT_EQ(compiled->diagnostics.warnings(), 0u)
        << diag::RenderText(compiled->diagnostics, compiled->files, false);
    return compiled;
  }

  // The names of the rules that fire, one an alert.
  std::vector<std::string> Fired(const std::string& text, const Judge::Observer& observe = {}) {
    std::vector<std::string> fired;
    ReplayOptions options;
    options.plan = std::make_shared<const uplan::UserPlan>(std::move(Compiled(text)->user));
    options.observe = observe;
    options.raise = [&fired](const alert::Alert& alert, const std::string&) { fired.push_back(alert.rule); };
    const auto done = Replay(capture_, options);
    EXPECT_TRUE(done.ok() && done->read.ok());
    return fired;
  }

  const std::string capture_ = SLUICE_SOURCE_DIR "/examples/web-host/captures/intrusion.cap";
  const std::string any_ =
      "# allow: no-event-type\nrule \"any\" {\n desc: d\n condition: proc.pid exists\n output: o\n priority: "
      "debug\n}\n";
};

TEST_F(LearnTest, RulesAreSilentOnTheirCaptureAndFireOnAnythingElse) {
  Observer observer([](const std::string&) { return true; });
  Fired(any_, [&observer](eval::Evaluator&, const eval::RecordEvent& event) { observer.See(event); });
  ASSERT_GE(observer.observed().size(), 3u);
  const std::string text = RulesOf(observer.observed(), {}, "a test");
  EXPECT_THAT(Fired(text), IsEmpty());

  eval::Evaluator evaluator(std::make_shared<const uplan::UserPlan>(std::move(Compiled(text)->user)));
  const auto matches = [&evaluator](const std::string& json) {
    const auto event = eval::JsonEvent::Parse(json);
    EXPECT_TRUE(event.ok()) << event.status();
    evaluator.Begin(**event);
    std::vector<eval::Match> found;
    evaluator.MatchAll(found);
    return found.size();
  };
  const std::string open =
      R"({"evt.type":"openat","evt.is_open_write":false,"proc.exepath":"/usr/bin/cat","fd.name":)";
  EXPECT_EQ(matches(open + "\"/etc/shadow\"}"), 0u);  // it did that in the capture
  EXPECT_EQ(matches(open + "\"/etc/gshadow\"}"), 1u);
  EXPECT_EQ(
      matches(
          R"({"evt.type":"openat","evt.is_open_write":true,"proc.exepath":"/usr/bin/cat","fd.name":"/x"})"),
      1u);
  EXPECT_EQ(matches(R"({"evt.type":"execve","proc.exepath":"/tmp/x","proc.pexepath":"/usr/bin/cat"})"), 1u);
  EXPECT_EQ(
      matches(R"({"evt.type":"connect","proc.exepath":"/usr/bin/cat","fd.type":"ipv4","fd.rip":"192.0.2.1",)"
              R"("fd.rport":443,"fd.name":"x"})"),
      1u);
}

TEST_F(LearnTest, ANameCannotBreakOutOfItsPlace) {
  Observed observed;
  for (const char* exepath :
       {"/d/a", "/e/a", "/f/a_2", "/g/x\nrule \"injected\" {\n#", "/h/100%proc.pid\"\\"}) {
    observed[exepath].reads["/etc/hosts"] = 1;
    observed[exepath].peers[443]["192.0.2.1"] = 1;
  }
  const std::string text = RulesOf(
      observed, {"x\nrule \"injected\" {\n# reads a file that it did not read before"}, "one\ntwo.cap");
  const auto compiled = Compiled(text);
  EXPECT_EQ(compiled->ast.rules.size(), 4 * observed.size() - 1);
  EXPECT_EQ(compiled->ast.lists.size(), observed.size() - 1);
  for (const ast::Rule& rule : compiled->ast.rules)
    EXPECT_EQ(rule.name.text.find("injected\n"), std::string::npos);
  EXPECT_THAT(text, HasSubstr("# Learned by `sluice learn` from one\\ntwo.cap"));
  EXPECT_THAT(text, HasSubstr("100%%proc.pid"));
}

TEST(ExceptionsOf, TakesNamesThatTheRuleDoesNotHave) {
  const std::map<Subject, uint64_t> subjects = {{{"/usr/bin/cat", "fd.name", "/etc/hosts"}, 1},
                                                {{"/usr/bin/cat", "proc.pexepath", "/usr/bin/dash"}, 1}};
  const std::string items = ExceptionsOf(subjects, true, {"learned_1", "learned_3", "mine"});
  EXPECT_THAT(items,
              testing::AllOf(HasSubstr("name: learned_2,"), HasSubstr("name: learned_4,"),
                             testing::Not(HasSubstr("learned_1")), testing::Not(HasSubstr("learned_3"))));
}

TEST_F(LearnTest, ExceptionsSilenceARule) {
  const std::string rule =
      "rule \"Opens\" {\n desc: d\n condition: evt.type in (open, openat) and proc.name in (cat, curl)\n "
      "output: o\n"
      " priority: debug\n";
  std::map<Subject, uint64_t> subjects;
  const auto fired =
      Fired(rule + "}\n", [&subjects](eval::Evaluator& evaluator, const eval::RecordEvent& event) {
        std::vector<eval::Match> found;
        evaluator.MatchAll(found);
        if (!found.empty()) ++subjects[SubjectOf(event).value()];
      });
  EXPECT_GE(fired.size(), 3u);
  for (const bool exact : {false, true})
    EXPECT_THAT(Fired(rule + " exceptions: [\n" + ExceptionsOf(subjects, exact) + " ]\n}\n"), IsEmpty());
}

}  // namespace
}  // namespace sluice::learn
