// Runs stable_test.rule beside this file over Falco's stable rules, which are not part of the repository:
// without them every test is skipped, by name.
//
// Usage: falco_stable_test TESTS.rule FALCO_RULES.yaml
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "compiler/diag/render.h"
#include "harness/explanation.h"
#include "harness/runner.h"
#include "harness/views.h"

namespace sluice::harness {
namespace {

class StableTest : public testing::Test {
 public:
  StableTest(const Suite* suite, size_t index) : suite_(suite), index_(index) {}

  void TestBody() override {
    if (suite_ == nullptr) GTEST_SKIP() << "no falco_rules.yaml beside the repository";
    diag::Diagnostics failures;
    for (const diag::Diagnostic& failure : Runner(*suite_, 0).Run(index_).failures)
      failures.Add(failure.code, failure.primary.span, failure.message) = failure;
    EXPECT_TRUE(failures.ok()) << diag::RenderText(failures, suite_->files(), false);
  }

 private:
  const Suite* suite_;
  size_t index_;
};

// Every rule fires at the last event of some test, and misses by one part of its condition at that of
// another.
class EveryRule : public testing::Test {
 public:
  explicit EveryRule(const Suite* suite) : suite_(suite) {}

  void TestBody() override {
    if (suite_ == nullptr) GTEST_SKIP() << "no falco_rules.yaml beside the repository";
    eval::Evaluator evaluator(suite_->written_plan);
    std::set<check::RuleId> fire, miss;
    for (const Case& test : suite_->cases) {
      const PlanEvent event(test.events.back(), false);
      evaluator.Begin(event);
      for (check::RuleId rule = 0; rule < suite_->rules.size(); ++rule) {
        const size_t lacking = Explanation(evaluator, suite_->rule(rule), suite_->files()).Lacking();
        if (lacking == 0) fire.insert(rule);
        if (lacking == 1) miss.insert(rule);
      }
    }
    EXPECT_EQ(suite_->rules.size(), 25);
    for (check::RuleId rule = 0; rule < suite_->rules.size(); ++rule) {
      EXPECT_TRUE(fire.count(rule) == 1) << "no test fires " << suite_->rule(rule).rule.name.text;
      EXPECT_TRUE(miss.count(rule) == 1) << "no test just misses " << suite_->rule(rule).rule.name.text;
    }
  }

 private:
  const Suite* suite_;
};

// Null when the rules are not at hand; then `names` are of the tests alone.
std::unique_ptr<Suite> Read(const std::string& tests, const std::string& rules,
                            std::vector<std::string>& names) {
  std::unique_ptr<Suite> suite;
  if (std::filesystem::exists(rules)) {
    source::Result<std::unique_ptr<Suite>> read = ReadSuite({rules, tests});
    if (!read.ok() || !(*read)->ok()) {
      std::printf("FAIL %s with %s cannot be read\n", tests.c_str(), rules.c_str());
      std::exit(1);
    }
    suite = std::move(*read);
    for (const Case& test : suite->cases) names.push_back(test.test->name.text);
    return suite;
  }
  const auto alone = CompileFiles({tests}, {});
  if (!alone.ok()) std::exit(1);
  for (const ast::Test& test : (*alone)->ast.tests) names.push_back(test.name.text);
  return nullptr;
}

// As GoogleTest wants names to be.
std::string Identifier(std::string name) {
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

}  // namespace
}  // namespace sluice::harness

int main(int argc, char** argv) {
  using namespace sluice::harness;
  testing::InitGoogleTest(&argc, argv);
  if (argc != 3) return 2;
  std::vector<std::string> names;
  const std::unique_ptr<Suite> suite = Read(argv[1], argv[2], names);
  for (size_t i = 0; i < names.size(); ++i) {
    testing::RegisterTest("FalcoStable", Identifier(names[i]).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [&suite, i]() -> testing::Test* { return new StableTest(suite.get(), i); });
  }
  testing::RegisterTest("FalcoStable", "EveryRuleFiresAndMisses", nullptr, nullptr, __FILE__, __LINE__,
                        [&suite]() -> testing::Test* { return new EveryRule(suite.get()); });
  return RUN_ALL_TESTS();
}
