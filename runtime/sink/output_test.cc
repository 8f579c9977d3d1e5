#include "runtime/sink/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "runtime/sink/lines.h"
#include "runtime/sink/spool.h"

namespace sluice::sink {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

std::shared_ptr<const alert::Alert> AlertNumber(int number, std::string output = "o") {
  alert::Alert alert;
  alert.id = std::to_string(number);
  alert.rule = "rule " + std::to_string(number);
  alert.priority = ast::Priority::kWarning;
  alert.output = std::move(output);
  return std::make_shared<const alert::Alert>(std::move(alert));
}

// Shared with the test, since the output owns its destination.
struct Script {
  std::mutex mutex;
  std::vector<std::string> delivered;
  std::function<Outcome(const Batch&, const Cancel&)> answer = [](const Batch& batch, const Cancel&) {
    return Outcome::Delivered(batch.size());
  };
};

class Scripted final : public Destination {
 public:
  explicit Scripted(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  Outcome Deliver(const Batch& batch, const Cancel& cancel) override {
    const std::lock_guard lock(script_->mutex);
    Outcome outcome = script_->answer(batch, cancel);
    const size_t count = outcome.kind == Outcome::Kind::kDelivered ? batch.size() : outcome.delivered;
    script_->delivered.insert(script_->delivered.end(), batch.begin(),
                              batch.begin() + static_cast<std::ptrdiff_t>(count));
    return outcome;
  }

 private:
  const std::shared_ptr<Script> script_;
};

class OutputTest : public testing::Test {
 protected:
  OutputTest() {
    options_.name = "test";
    options_.batch_size = 10;
    options_.retry = {.initial_ns = 1'000'000, .max_ns = 4'000'000};
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<Output> Open() {
    auto output =
        Output::Open(options_, folder_ / "spool", std::make_unique<Scripted>(script_),
                     [this](Severity, const std::string& line) {
                       const std::lock_guard lock(log_mutex_);  // the writer's thread and the sender's
                       log_ += line + "\n";
                     });
    EXPECT_TRUE(output.ok());
    return std::move(*output);
  }
  static OutputStats Close(Output& output, std::chrono::milliseconds drain) {
    output.BeginClose(std::chrono::steady_clock::now() + drain);
    OutputStats stats = output.Finish();
    EXPECT_EQ(stats.raised + stats.recovered,
              stats.delivered + stats.waiting + stats.dead_lettered + stats.lost);
    return stats;
  }
  std::string DeadLetters() const {
    std::ifstream file(folder_ / "spool/dead-letter.jsonl");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const fs::path folder_ = [] {
    char path[] = "/tmp/sluice-output.XXXXXX";
    return fs::path(mkdtemp(path));
  }();
  config::Output options_;
  std::shared_ptr<Script> script_ = std::make_shared<Script>();
  std::mutex log_mutex_;
  std::string log_;
};

TEST_F(OutputTest, DeliversEverythingInOrder) {
  const auto output = Open();
  std::vector<std::string> expected;
  for (int i = 0; i < 500; ++i) {
    const auto alert = AlertNumber(i);
    expected.push_back(alert::ToJson(*alert));
    output->Push(alert);
  }
  EXPECT_EQ(Close(*output, 10s).delivered, 500u);
  EXPECT_EQ(script_->delivered, expected);
}

TEST_F(OutputTest, FailuresComeAgainAndAreToldOnce) {
  script_->answer = [failures = 20](const Batch& batch, const Cancel&) mutable {
    if (failures-- > 0) return Outcome::Failed("no luck", batch.size() / 2);
    return Outcome::Delivered(batch.size());
  };
  const auto output = Open();
  for (int i = 0; i < 100; ++i) output->Push(AlertNumber(i));
  const OutputStats stats = Close(*output, 10s);
  EXPECT_EQ(stats.delivered, 100u);
  EXPECT_EQ(stats.failures, 20u);
  EXPECT_EQ(script_->delivered.size(), 100u);
  EXPECT_THAT(log_, HasSubstr("output `test` cannot deliver: no luck"));
  EXPECT_THAT(log_, HasSubstr("delivers again, after 20 failures"));
  EXPECT_EQ(std::count(log_.begin(), log_.end(), '\n'), 2);
}

TEST_F(OutputTest, WhatIsNotDeliveredIsThereAfterAStart) {
  script_->answer = [](const Batch&, const Cancel&) { return Outcome::Failed("down"); };
  {
    const auto output = Open();
    for (int i = 0; i < 50; ++i) output->Push(AlertNumber(i));
    const OutputStats stats = Close(*output, 20ms);
    EXPECT_EQ(stats.waiting, 50u);
    EXPECT_EQ(stats.lost, 0u);
  }
  script_->answer = [](const Batch& batch, const Cancel&) { return Outcome::Delivered(batch.size()); };
  const auto output = Open();
  const OutputStats stats = Close(*output, 10s);
  EXPECT_EQ(stats.recovered, 50u);
  EXPECT_EQ(stats.delivered, 50u);
}

TEST_F(OutputTest, OneBadAlertCostsItsBatchNothing) {
  script_->answer = [](const Batch& batch, const Cancel&) {
    for (const std::string& alert : batch) {
      if (alert.find("\"rule 7\"") != std::string::npos) return Outcome::Refused("HTTP status 422");
    }
    return Outcome::Delivered(batch.size());
  };
  const auto output = Open();
  for (int i = 0; i < 30; ++i) output->Push(AlertNumber(i));
  const OutputStats stats = Close(*output, 10s);
  EXPECT_EQ(stats.delivered, 29u);
  EXPECT_EQ(stats.dead_lettered, 1u);
  EXPECT_THAT(DeadLetters(), HasSubstr("\"output\":\"test\",\"reason\":\"HTTP status 422\",\"alert\":{"));
}

TEST_F(OutputTest, TheSpoolsBoundFillsTheDeadLetterFileAndThenLoses) {
  script_->answer = [](const Batch&, const Cancel&) { return Outcome::Failed("down"); };
  options_.spool.max_bytes = 64 << 10;
  options_.spool.dead_letter_bytes = 64 << 10;
  const auto output = Open();
  for (int i = 0; i < 400; ++i) {
    while (!output->WaitForRoom(1s)) {
    }
    output->Push(AlertNumber(i, std::string(1000, 'x')));
  }
  const OutputStats stats = Close(*output, 20ms);
  EXPECT_GT(stats.waiting, 30u);
  EXPECT_GT(stats.dead_lettered, 30u);
  EXPECT_GT(stats.lost, 200u);
  EXPECT_THAT(DeadLetters(), HasSubstr("\"reason\":\"the spool is full\""));
}

TEST_F(OutputTest, ADestinationThatHangsNeverHoldsUpPushAndEndsWithTheDeadline) {
  script_->answer = [](const Batch&, const Cancel& cancel) {
    while (!cancel) std::this_thread::sleep_for(1ms);
    return Outcome::Failed("hung");
  };
  options_.queue = 10;
  options_.spool.enabled = false;
  const auto output = Open();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 10'000; ++i) output->Push(AlertNumber(i));
  const OutputStats stats = Close(*output, 50ms);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_EQ(stats.lost, 10'000u);  // no spool: nothing outlives the process
}

TEST_F(OutputTest, WithoutASpoolASlowReceiverIsWaitedForAsLongAsItTakesSomething) {
  script_->answer = [](const Batch& batch, const Cancel&) {
    std::this_thread::sleep_for(200ms);
    return Outcome::Delivered(batch.size());
  };
  options_.spool.enabled = false;
  const auto output = Open();
  for (int i = 0; i < 60; ++i) output->Push(AlertNumber(i));
  EXPECT_EQ(Close(*output, 1s).delivered, 60u);
}

// They wait in memory, and what still does at the end goes to the dead-letter file, which both write.
TEST_F(OutputTest, ASpoolThatAnotherHasKeepsNoAlertFromGoingOut) {
  const auto other = Spool::Open(folder_ / "spool", 1 << 20);
  ASSERT_TRUE(other.ok());
  script_->answer = [](const Batch& batch, const Cancel&) {
    return batch.front().find("\"rule 3\"") == std::string::npos ? Outcome::Delivered(batch.size())
                                                                 : Outcome::Failed("down");
  };
  options_.batch_size = 1;
  const auto output = Open();
  EXPECT_TRUE(output->stats().failing);
  for (int i = 0; i < 5; ++i) output->Push(AlertNumber(i));
  while (output->stats().delivered < 3) std::this_thread::sleep_for(1ms);
  const OutputStats stats = Close(*output, 20ms);
  EXPECT_EQ(stats.dead_lettered, 2u);
  EXPECT_THAT(log_, HasSubstr("output `test`: its spool cannot be used, and alerts wait in memory only"));
  EXPECT_THAT(log_, HasSubstr("another process uses this spool"));
  EXPECT_EQ((*other)->waiting(), 0u);
}

TEST_F(OutputTest, ASpoolThatAnotherLetGoTakesWhatStillWaitsAtTheEnd) {
  auto other = Spool::Open(folder_ / "spool", 1 << 20);
  ASSERT_TRUE(other.ok());
  script_->answer = [](const Batch&, const Cancel&) { return Outcome::Failed("down"); };
  const auto output = Open();
  for (int i = 0; i < 5; ++i) output->Push(AlertNumber(i));
  other->reset();
  const OutputStats stats = Close(*output, 20ms);
  EXPECT_EQ(stats.dead_lettered + stats.lost, 0u);
  EXPECT_EQ(stats.waiting, 5u);
  EXPECT_THAT(log_, HasSubstr("output `test`: its spool can be used now"));
}

TEST_F(OutputTest, FilterAndRateLimitStandInFront) {
  options_.filter = {.priority = ast::Priority::kWarning, .tags = {"a", "b"}, .rules = {"rule*"}};
  options_.rate_limit = config::Rate{.count = 2, .period_ns = 3600 * config::kSecondNs};
  const auto output = Open();
  alert::Alert alert = *AlertNumber(1);
  const auto push = [&] { output->Push(std::make_shared<const alert::Alert>(alert)); };
  push();  // no tag
  alert.tags = {"x", "b"};
  for (int i = 0; i < 4; ++i) push();  // two pass
  alert.priority = ast::Priority::kNotice;
  push();
  alert.priority = ast::Priority::kCritical;
  alert.rule = "another";
  push();
  const OutputStats stats = Close(*output, 10s);
  EXPECT_EQ(stats.raised, 2u);
  EXPECT_EQ(stats.filtered, 3u);
  EXPECT_EQ(stats.limited, 2u);
}

TEST(Backoff, DoublesWithJitterUpToTheMostAndHonoursRetryAfter) {
  Backoff backoff({.initial_ns = 1000, .max_ns = 6000}, 1);
  for (const int64_t most : {1000, 2000, 4000, 6000, 6000}) {
    const int64_t wait = backoff.Failed(0);
    EXPECT_GE(wait, most / 2);
    EXPECT_LE(wait, most);
  }
  EXPECT_EQ(backoff.Failed(1'000'000), 1'000'000);
  EXPECT_EQ(backoff.Failed(INT64_MAX), Backoff::kMaxRetryAfterNs);
  backoff.Worked();
  EXPECT_LE(backoff.Failed(0), 1000);
}

TEST(RateLimit, LetsABurstAndThenTheRateThrough) {
  RateLimit limit({.count = 3, .period_ns = 3000});
  int64_t now = 1'000'000;
  EXPECT_TRUE(limit.Allows(now) && limit.Allows(now) && limit.Allows(now));
  EXPECT_FALSE(limit.Allows(now));
  EXPECT_TRUE(limit.Allows(now + 1000));
  EXPECT_FALSE(limit.Allows(now + 1000));
  EXPECT_FALSE(limit.Allows(now - 999'000));  // a clock that goes back gives nothing
  EXPECT_TRUE(limit.Allows(now + 1'000'000));
}

TEST(StdoutLines, AReaderThatWentAwayRefuses) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  close(ends[0]);
  StdoutLines lines(ends[1], LineForm::kJson);
  const Cancel cancel = false;
  EXPECT_EQ(lines.Deliver({"{}"}, cancel).kind, Outcome::Kind::kRefused);
  close(ends[1]);
}

TEST(StdoutLines, AReaderThatTakesNothingIsWaitedForUntilTheEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  StdoutLines lines(ends[1], LineForm::kJson);
  Cancel cancel = false;
  std::thread end([&cancel] {
    std::this_thread::sleep_for(100ms);
    cancel = true;
  });
  const Outcome outcome = lines.Deliver({std::string(9000, 'x'), std::string(99000, 'x')}, cancel);
  end.join();
  EXPECT_EQ(outcome.kind, Outcome::Kind::kFailed);
  EXPECT_EQ(outcome.delivered, 1u);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(OutputTest, AFileIsOpenedAgainAndATornLineIsEnded) {
  const std::string path = folder_ / "alerts.jsonl";
  std::ofstream(path) << "{\"torn";
  FileLines lines(path, LineForm::kJson);
  const Cancel cancel = false;
  EXPECT_EQ(lines.Deliver({"1", "2"}, cancel).kind, Outcome::Kind::kDelivered);
  fs::rename(path, path + ".1");
  lines.Reopen();
  EXPECT_EQ(lines.Deliver({"3"}, cancel).kind, Outcome::Kind::kDelivered);
  const auto text = [](const std::string& name) {
    std::ifstream file(name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(text(path + ".1"), "{\"torn\n1\n2\n");
  EXPECT_EQ(text(path), "3\n");
}

}  // namespace
}  // namespace sluice::sink
