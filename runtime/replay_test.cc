// A capture gives the alerts of its recording, with what alerts added to sets on the way; other rules fill sets of their
// own.
#include "runtime/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/capture/writer.h"
#include "runtime/ring/build_record.h"
#include "runtime/sets.h"

namespace sluice {
namespace {

using testing::ElementsAre;

const std::string kRules = R"(rule "Bait" {
  desc:      "d"
  condition: evt.type = openat and fd.name startswith /bait/
  output:    "bait %fd.name %evt.time %evt.datetime"
  priority:  notice
  then:      add %fd.name to seen for 1h
}
rule "Again" {
  desc:      "d"
  condition: evt.type = openat and fd.name in (seen)
  output:    "again %fd.name"
  priority:  warning
}
)";

std::string Open(uint32_t generation, uint64_t time_ns, const std::string& path) {
  ring::RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  sluice_record& header = builder.header();
  header.generation = generation;
  header.time_ns = time_ns;
  header.type = check::FindEvent("openat");
  header.flags = SLUICE_EVENT_UNDECIDED;  // user space asks about the whole condition
  std::fill(std::begin(header.set), std::end(header.set), ~uint64_t{0});
  return builder.Item(SLUICE_ITEM_PATH, path).Bytes();
}

class ReplayTest : public testing::Test {
 protected:
  ~ReplayTest() override { std::filesystem::remove(path_); }

  static std::unique_ptr<Compilation> Compiled(const std::string& rules,
                                               const check::SetMembers& members = {}) {
    Options options;
    options.members = members;
    std::unique_ptr<Compilation> compilation = CompileTexts({{"test.rule", rules}}, options);
    EXPECT_TRUE(compilation->ok());
    return compilation;
  }

  // As the engine does: rules with other members are a generation of their own, and the capture tells it.
  std::vector<std::string> Recorded(const std::vector<std::string>& opens) {
    std::vector<std::string> alerts;
    auto writer = capture::Writer::Create(path_);
    EXPECT_TRUE(writer.ok());
    Judge judge([&alerts](const alert::Alert& alert) { alerts.push_back(alert::ToJson(alert)); });
    Sets sets;
    judge.AddTo([&sets](const check::CheckedRule& rule, const eval::Event& event, uint64_t time_ns) {
      sets.Add(rule, event, time_ns);
    });
    const alert::Host host{.hostname = "web-1", .boot_id = "b", .boot_to_unix_ns = 1'700'000'000'000'000'000};
    const eval::HostFacts facts{.hostname = "web-1", .utc_offset_s = 12 * 3600 + 2700};  // of few readers
    (*writer)->Host(host, facts);
    judge.SetHost(host, facts);
    const lineage::Tree tree{lineage::Limits{}};
    judge.SetTree(tree);
    uint32_t generation = 0;
    uint64_t now_ns = 0;
    sets.MarkChanged();
    for (const std::string& path : opens) {
      if (sets.changed()) {
        const std::unique_ptr<Compilation> rules = Compiled(kRules, sets.Take());
        (*writer)->Rules({.generation = ++generation,
                          .fingerprint = capture::FingerprintOf(*rules),
                          .members = rules->members});
        judge.Add(generation, std::make_shared<const uplan::UserPlan>(std::move(rules->user)));
      }
      const std::string bytes = Open(generation, now_ns += 1'000'000'000, path);
      (*writer)->Record(bytes);
      ring::Record record;
      EXPECT_TRUE(ring::Decode(bytes, record).ok());
      judge.Apply(record, nullptr);
    }
    EXPECT_TRUE((*writer)->Close().ok());
    return alerts;
  }

  // `by_rule`: the names of the rules in place of the whole alerts.
  Replayed Replay(const std::string& rules, std::vector<std::string>& alerts, bool by_rule) {
    const std::unique_ptr<Compilation> compilation = Compiled(rules);
    ReplayOptions options;
    options.fingerprint = capture::FingerprintOf(*compilation);
    options.grow = Recompiling(*compilation, {});
    options.plan = std::make_shared<const uplan::UserPlan>(std::move(compilation->user));
    options.raise = [&](const alert::Alert& alert, const std::string&) {
      alerts.push_back(by_rule ? alert.rule : alert::ToJson(alert));
    };
    const source::Result<Replayed> done = sluice::Replay(path_, options);
    EXPECT_TRUE(done.ok() && done->read.ok());
    return *done;
  }

  const std::string path_ = testing::TempDir() + "replay_test." + std::to_string(::getpid()) + ".cap";
};

TEST_F(ReplayTest, SetsHoldWhatTheyHeldAtTheRecording) {
  const std::vector<std::string> recorded =
      Recorded({"/bait/a", "/bait/a", "/bait/b", "/srv/x", "/bait/b", "/bait/a"});
  ASSERT_EQ(recorded.size(), 8u);  // five of Bait, three of Again
  EXPECT_THAT(recorded[0],
              testing::HasSubstr("bait /bait/a 10:58:21.000000000 2023-11-15 10:58:21.000000000"));
  std::vector<std::string> replayed;
  const Replayed done = Replay(kRules, replayed, false);
  EXPECT_EQ(replayed, recorded);
  EXPECT_FALSE(done.lacks_events);
  EXPECT_FALSE(done.sets_failed);
}

TEST_F(ReplayTest, OtherRulesFillSetsOfTheirOwn) {
  Recorded({"/bait/a", "/bait/a", "/srv/x", "/srv/x", "/bait/a"});
  std::string others = kRules;
  others.replace(others.find("/bait/"), 6, "/srv/");
  std::vector<std::string> rules;
  EXPECT_TRUE(Replay(others, rules, true).lacks_events);
  EXPECT_THAT(rules, ElementsAre("Bait", "Bait", "Again"));
  others.replace(others.find("1h"), 2, "1s");  // gone at the next record
  rules.clear();
  Replay(others, rules, true);
  EXPECT_THAT(rules, ElementsAre("Bait", "Bait"));
}

}  // namespace
}  // namespace sluice
