#include "harness/alert_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::harness {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Alerts of one rule, each with its output and its `user`; lines that ask for them, and the faults that are told.
class AlertCheckTest : public testing::Test {
 protected:
  void Alert(const std::string& output, const std::string& user) {
    alert::Alert& alert = alerts_.emplace_back();
    alert.rule = "R";
    alert.output = output;
    alert::OutputField& field = alert.fields.emplace_back();
    field.name = "user.name";
    field.kind = alert::OutputField::Kind::kString;
    field.text = user;
  }
  ast::Expectation& Line() {
    ast::Expectation& line = test_.expectations.emplace_back();
    line.rule.text = "R";
    return line;
  }
  void LineOfOutput(const std::string& output) { Line().output = ast::Word{output, {}, true}; }
  void LineOfUser(const std::string& user) {
    ast::TestValue& value = Line().fields.emplace_back();
    value.key.text = "user.name";
    value.words.push_back({user, {}, true});
  }
  std::vector<std::string> Faults() const {
    Case all;
    all.test = &test_;
    all.rules.assign(test_.expectations.size(), check::RuleId{0});
    std::vector<std::string> faults;
    AlertCheck(all, alerts_, "in the capture", true,
               [&](const ast::Expectation& line, std::optional<check::RuleId>, const alert::Alert*,
                   const std::string& message) {
                 faults.push_back(std::to_string(&line - test_.expectations.data()) + ": " + message);
               })
        .Check();
    return faults;
  }

  ast::Test test_;
  std::vector<alert::Alert> alerts_;
};

TEST_F(AlertCheckTest, ALineThatTakesAnyAlertLeavesItToOneThatTakesNoOther) {
  Alert("a", "root");
  Alert("b", "root");
  Line();
  LineOfOutput("a");
  EXPECT_THAT(Faults(), IsEmpty());
}

// The third line gets its alert only when both before it change theirs.
TEST_F(AlertCheckTest, LinesMakeRoomForEachOtherInARow) {
  Alert("a", "me");
  Alert("b", "me");
  Alert("c", "root");
  Line();
  LineOfUser("me");
  LineOfOutput("a");
  EXPECT_THAT(Faults(), IsEmpty());
  alerts_.pop_back();
  EXPECT_THAT(Faults(), ElementsAre("2: `R` fires fewer times in the capture than the test expects"));
}

TEST_F(AlertCheckTest, TwoLinesThatTakeOneAlertAreNotBothContent) {
  Alert("a", "me");
  Alert("b", "root");
  LineOfOutput("a");
  LineOfUser("me");
  EXPECT_THAT(Faults(), ElementsAre("1: `R` fires fewer times in the capture than the test expects"));
}

TEST_F(AlertCheckTest, ACountWantsSoManyOfItsOwn) {
  Alert("a", "me");
  Alert("b", "root");
  Line().times = 2;
  EXPECT_THAT(Faults(), IsEmpty());
  LineOfOutput("b");
  EXPECT_THAT(Faults(), ElementsAre("1: `R` fires fewer times in the capture than the test expects"));
}

}  // namespace
}  // namespace sluice::harness
