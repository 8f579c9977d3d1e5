#include "runtime/eval/cost_sampler.h"

#include <gtest/gtest.h>

#include <map>

namespace sluice::eval {
namespace {

bool Spin(int64_t ns) {
  const int64_t end = CostSampler::Now() + ns;
  while (CostSampler::Now() < end) {
  }
  return true;
}

TEST(CostSampler, EstimatesWhatRulesCost) {
  constexpr int64_t kSpinNs = 20'000;
  constexpr int kEvents = 10'000;
  CostSampler sampler(3);
  uint64_t judged = 0;
  for (int event = 0; event < kEvents; ++event) {
    sampler.Begin();
    judged += sampler.Time(0, [] { return Spin(kSpinNs); });
    if (event % 2 == 0) judged += sampler.Time(2, [] { return Spin(kSpinNs / 2); });
  }
  EXPECT_EQ(judged, uint64_t{kEvents + kEvents / 2});
  std::map<check::RuleId, double> costs;
  sampler.Take([&](check::RuleId rule, uint64_t ns) { costs[rule] = static_cast<double>(ns); });
  ASSERT_EQ(costs.size(), 2u);
  constexpr double kTrueNs = double{kSpinNs} * kEvents;
  EXPECT_GT(costs[0], kTrueNs * 0.5);
  EXPECT_LT(costs[0], kTrueNs * 2);
  EXPECT_GT(costs[0] / costs[2], 2);  // a quarter: half as long, half as often
  EXPECT_LT(costs[0] / costs[2], 8);
  costs.clear();
  sampler.Take([&](check::RuleId rule, uint64_t ns) { costs[rule] = static_cast<double>(ns); });
  EXPECT_TRUE(costs.empty()) << "taken twice";
}

}  // namespace
}  // namespace sluice::eval
