#include "runtime/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <new>

namespace sluice {
namespace {

constexpr char kRule[] = R"(rule "R" {
  desc: "d"
  condition: evt.type = openat and fd.name = /etc/shadow
  output: "o"
  priority: warning
})";

std::unique_ptr<Compilation> Compiled(const std::string& text) {
  return CompileTexts({{"test.rule", text}}, {});
}

// What the reloader reported, in order.
class Reports {
 public:
  void Add(const source::Status& status) {
    const std::lock_guard lock(mutex_);
    all_.push_back(status);
    wake_.notify_all();
  }
  std::vector<source::Status> WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::seconds(20), [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<source::Status> all_;
};

Fresh TakeWhenReady(Reloader& reloader) {
  while (true) {
    if (std::optional<Fresh> fresh = reloader.Take()) return std::move(*fresh);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(Reloader, GoodRulesAreHandedOverAndReportedAfterTheSwap) {
  Reports reports;
  const auto opened =
      Reloader::Open([] { return Compiled(kRule); },
                     [&](const source::Status& status, const Compilation*) { reports.Add(status); });
  ASSERT_TRUE(opened.ok());
  Reloader& reloader = **opened;
  reloader.Request();
  const Fresh fresh = TakeWhenReady(reloader);
  EXPECT_EQ(fresh.compilation->user.checked.rules.size(), 1u);
  reloader.Finish(absl::OkStatus());
  const auto all = reports.WaitFor(1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].ok());
}

TEST(Reloader, BadRulesAreReportedAndNeverHandedOver) {
  Reports reports;
  const auto opened =
      Reloader::Open([] { return Compiled("rule broken {"); },
                     [&](const source::Status& status, const Compilation*) { reports.Add(status); });
  ASSERT_TRUE(opened.ok());
  Reloader& reloader = **opened;
  reloader.Request();
  ASSERT_EQ(reports.WaitFor(1).size(), 1u);
  EXPECT_FALSE(reports.WaitFor(1)[0].ok());
  EXPECT_FALSE(reloader.Take().has_value());
}

TEST(Reloader, ACompilationThatGetsNoMemoryIsReportedAndTheNextOneWorks) {
  Reports reports;
  bool starved = true;
  const auto opened = Reloader::Open(
      [&] {
        if (starved) throw std::bad_alloc();
        return Compiled(kRule);
      },
      [&](const source::Status& status, const Compilation*) { reports.Add(status); });
  ASSERT_TRUE(opened.ok());
  Reloader& reloader = **opened;
  reloader.Request();
  const auto failed = reports.WaitFor(1);
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(reloader.Take().has_value());
  starved = false;
  reloader.Request();
  TakeWhenReady(reloader);
  reloader.Finish(absl::OkStatus());
  const auto all = reports.WaitFor(2);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[1].ok());
}

TEST(Reloader, FilesThatCannotBeReadAreReported) {
  Reports reports;
  const auto opened =
      Reloader::Open([] { return source::Result<std::unique_ptr<Compilation>>(absl::NotFoundError("gone")); },
                     [&](const source::Status& status, const Compilation* compilation) {
                       EXPECT_EQ(compilation, nullptr);
                       reports.Add(status);
                     });
  ASSERT_TRUE(opened.ok());
  Reloader& reloader = **opened;
  reloader.Request();
  ASSERT_EQ(reports.WaitFor(1).size(), 1u);
  EXPECT_EQ(reports.WaitFor(1)[0].code(), absl::StatusCode::kNotFound);
}

TEST(Reloader, EndsWhileARuleSetWaitsToBeTaken) {
  Reports reports;
  {
    const auto opened =
        Reloader::Open([] { return Compiled(kRule); },
                       [&](const source::Status& status, const Compilation*) { reports.Add(status); });
    ASSERT_TRUE(opened.ok());
    Reloader& reloader = **opened;
    reloader.Request();
    TakeWhenReady(reloader);
  }
  EXPECT_TRUE(reports.WaitFor(0).empty());
}

TEST(Usable, NeedsARule) {
  EXPECT_TRUE(Usable(*Compiled(kRule)).ok());
  EXPECT_FALSE(Usable(*Compiled("# nothing")).ok());
  EXPECT_FALSE(Usable(*Compiled("rule broken {")).ok());
}

std::string MessageOf(const source::Status& status) { return std::string(status.message()); }

TEST(Usable, NamesTheFirstError) {
  EXPECT_THAT(MessageOf(Usable(*Compiled("\nrule broken {"))),
              ::testing::StartsWith("1 error in the rules: test.rule:2: "));
  const auto two =
      CompileTexts({{"good.rule", kRule}, {"a\nb.rule", "# x\nrule 1\n"}, {"c.rule", "rule 2"}}, {});
  EXPECT_THAT(MessageOf(Usable(*two)),
              ::testing::MatchesRegex("[0-9]+ errors in the rules, first a.nb.rule:2: .+"));
}

TEST(Usable, NamesTheFirstWarningWhenItIsAnError) {
  const auto compilation = Compiled(std::string(kRule) + "\nlist unused = [a]\n");
  ASSERT_TRUE(compilation->ok());
  ASSERT_GT(compilation->diagnostics.warnings(), 0u);
  EXPECT_TRUE(Usable(*compilation).ok());
  EXPECT_THAT(MessageOf(Usable(*compilation, true)),
              ::testing::HasSubstr("warning in the rules: test.rule:"));
}

TEST(ReloadFailed, SaysWhatIsWrongInItsTextAndItsFields) {
  const auto compilation = Compiled("\nrule \"R\" { condition: " + std::string(5000, 'x') + " = 1 }");
  const auto fault = FirstFault(*compilation);
  ASSERT_TRUE(fault.has_value());
  const alert::Alert alert =
      ReloadFailed({.status = Usable(*compilation), .fault = fault}, {.hostname = "h", .boot_id = "b"}, 1);
  EXPECT_EQ(alert.rule, "Sluice internal: reload failed");
  EXPECT_THAT(alert.output, ::testing::HasSubstr("in the rules"));
  EXPECT_THAT(alert.output, ::testing::HasSubstr("test.rule:2: "));
  EXPECT_LT(alert.output.size(), 500u);
  std::map<std::string, std::string> fields;
  for (const alert::OutputField& field : alert.fields)
    fields[field.name] = field.text.empty() ? std::to_string(field.number) : field.text;
  EXPECT_EQ(fields["reload.file"], "test.rule");
  EXPECT_EQ(fields["reload.line"], "2");
  EXPECT_EQ(fields["reload.error"], fault->message);
}

TEST(ReloadFailed, WithoutARuleAtFaultSaysWhatTheHostSays) {
  const alert::Alert alert =
      ReloadFailed({.status = absl::NotFoundError("x.rule: gone"), .fault = {}}, {}, 1);
  EXPECT_EQ(alert.output, "the rules from before stay active: x.rule: gone");
  ASSERT_EQ(alert.fields.size(), 2u);
  EXPECT_EQ(alert.fields[1].name, "reload.error");
  EXPECT_EQ(alert.fields[1].text, "x.rule: gone");
}

}  // namespace
}  // namespace sluice
