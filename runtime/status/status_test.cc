#include "runtime/status/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sluice::status {
namespace {

using testing::HasSubstr;

Status Sample() {
  Status status = OfThisProcess("1.2.3", 0);
  status.now_ns = 100'000'000'000;
  EngineSnapshot& engine = status.engine.emplace();
  engine.taken_ns = 99'000'000'000;
  engine.hooks = {{.hook = "file_open", .stats = {}}};
  engine.hooks[0].stats.seen = 10, engine.hooks[0].stats.dropped = 7, engine.hooks[0].stats.sent = 3;
  engine.rules["a \"b\"\n\\\xff"] = {.matches = 5, .suppressed = 2, .cost_ns = 1'500'000'000};
  for (const int64_t lag_ns : std::initializer_list<int64_t>{500'000, 3'000'000, 3'000'000, 7'000'000'000})
    engine.lag.Add(lag_ns);
  status.outputs = {{.name = "siem", .raised = 9, .delivered = 8, .waiting = 1, .failing = true}};
  return status;
}

TEST(MetricsText, CoversHooksRulesOutputsAndLag) {
  const std::string text = MetricsText(Sample());
  for (const char* line :
       {"sluice_hook_seen_total{hook=\"file_open\"} 10\n",
        "sluice_hook_dropped_total{hook=\"file_open\"} 7\n",
        "sluice_rule_matches_total{rule=\"a \\\"b\\\"\\n\\\\\\\\xff\"} 5\n",
        "# TYPE sluice_rule_suppressed_total counter\n",
        "sluice_rule_cost_seconds_total{rule=\"a \\\"b\\\"\\n\\\\\\\\xff\"} 1.5\n",
        "sluice_output_waiting{output=\"siem\"} 1\n", "sluice_output_failing{output=\"siem\"} 1\n",
        "sluice_alert_lag_seconds_bucket{le=\"0.001\"} 1\n",
        "sluice_alert_lag_seconds_bucket{le=\"0.005\"} 3\n", "sluice_alert_lag_seconds_bucket{le=\"5\"} 3\n",
        "sluice_alert_lag_seconds_bucket{le=\"+Inf\"} 4\n", "sluice_alert_lag_seconds_sum 7.0065\n",
        "sluice_alert_lag_seconds_count 4\n", "sluice_healthy 1\n", "sluice_uptime_seconds 100\n",
        "sluice_build_info{version=\"1.2.3\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(StatusJson, IsOneObject) {
  const nlohmann::json json = nlohmann::json::parse(StatusJson(Sample()));
  EXPECT_EQ(json["engine"]["hooks"]["file_open"]["seen"], 10);
  EXPECT_EQ(json["outputs"]["siem"]["waiting"], 1);
  EXPECT_EQ(json["health"], "");
  EXPECT_GT(json["resident_bytes"], 0);
}

TEST(Health, AnEngineThatIsSilentIsNotWell) {
  Status status = Sample();
  EXPECT_EQ(Health(status), "");
  status.now_ns += 20'000'000'000;
  EXPECT_THAT(Health(status), HasSubstr("silent for 21 s"));
  status.engine->taken_ns = 0;
  EXPECT_THAT(Health(status), HasSubstr("not active yet"));
  status.engine.reset();
  EXPECT_EQ(Health(status), "");
}

}  // namespace
}  // namespace sluice::status
