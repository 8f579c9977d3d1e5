#include "runtime/reload.h"

#include <gtest/gtest.h>

#include <chrono>

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
  Reloader reloader([] { return Compiled(kRule); },
                    [&](const source::Status& status, const Compilation*) { reports.Add(status); });
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
  Reloader reloader([] { return Compiled("rule broken {"); },
                    [&](const source::Status& status, const Compilation*) { reports.Add(status); });
  reloader.Request();
  ASSERT_EQ(reports.WaitFor(1).size(), 1u);
  EXPECT_FALSE(reports.WaitFor(1)[0].ok());
  EXPECT_FALSE(reloader.Take().has_value());
}

TEST(Reloader, FilesThatCannotBeReadAreReported) {
  Reports reports;
  Reloader reloader([] { return source::Result<std::unique_ptr<Compilation>>(absl::NotFoundError("gone")); },
                    [&](const source::Status& status, const Compilation* compilation) {
                      EXPECT_EQ(compilation, nullptr);
                      reports.Add(status);
                    });
  reloader.Request();
  ASSERT_EQ(reports.WaitFor(1).size(), 1u);
  EXPECT_EQ(reports.WaitFor(1)[0].code(), absl::StatusCode::kNotFound);
}

TEST(Reloader, EndsWhileARuleSetWaitsToBeTaken) {
  Reports reports;
  {
    Reloader reloader([] { return Compiled(kRule); },
                      [&](const source::Status& status, const Compilation*) { reports.Add(status); });
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

}  // namespace
}  // namespace sluice
