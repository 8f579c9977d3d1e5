#include "compiler/split/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/split/lower.h"
#include "compiler/split/open_flags.h"

namespace sluice::split {
namespace {

using Kind = Shape::Kind;

check::Predicate Of(ast::Op op, std::vector<std::string> values,
                    ast::Quantifier quantifier = ast::Quantifier::kNone) {
  check::Predicate predicate;
  predicate.op = op;
  predicate.quantifier = quantifier;
  for (std::string& text : values) {
    check::Value value;
    value.text = std::move(text);
    predicate.values.push_back(std::move(value));
  }
  return predicate;
}

TEST(Text, PatternsThatArePlainTextsAreRecognised) {
  const struct {
    std::string pattern;
    Kind kind;
    std::string text;
  } cases[] = {
      {"/etc/shadow", Kind::kExact, "/etc/shadow"},
      {"/etc/*", Kind::kPrefix, "/etc/"},
      {"/etc/**", Kind::kPrefix, "/etc/"},
      {"*.so", Kind::kSuffix, ".so"},
      {"*", Kind::kEverything, ""},
      {"**", Kind::kEverything, ""},
      {"", Kind::kExact, ""},
      {"*a*", Kind::kOther, ""},
      {"/a*b", Kind::kOther, ""},
      {"ba?h", Kind::kOther, ""},
      {"[ab]", Kind::kOther, ""},
      {"a\\*", Kind::kOther, ""},
  };
  for (const auto& row : cases) {
    const Shape shape = GlobShape(row.pattern);
    EXPECT_EQ(shape.kind, row.kind) << row.pattern;
    EXPECT_EQ(shape.text, row.text) << row.pattern;
  }
}

TEST(Text, ARegexWithoutOperatorsIsAText) {
  EXPECT_EQ(RegexShape("bash").kind, Kind::kExact);
  for (const char* pattern : {"ba.h", "a|b", "a*", "^a", "a$", "a\\.b", "caf\xc3\xa9"}) {
    EXPECT_EQ(RegexShape(pattern).kind, Kind::kOther) << pattern;
  }
}

TEST(Text, PathsLoseTheirSpareSlashes) {
  EXPECT_EQ(PlainPath("//etc//ssh/"), "etc/ssh");
  EXPECT_EQ(PlainPath("/"), "");
  EXPECT_EQ(PlainPath(""), "");
  EXPECT_EQ(PlainPath("/etc/*.conf"), std::nullopt);
  EXPECT_EQ(PlainPath("/[ab]"), std::nullopt);
}

TEST(Text, ConstantsAreDecidedByAskingThem) {
  EXPECT_EQ(TruthOf(Of(ast::Op::kStartsWith, {"open"}), "openat2"), true);
  EXPECT_EQ(TruthOf(Of(ast::Op::kIn, {"open", "creat"}), "openat2"), false);
  EXPECT_EQ(TruthOf(Of(ast::Op::kNe, {"open", "openat2"}, ast::Quantifier::kAllOf), "openat2"), false);
  EXPECT_EQ(TruthOf(Of(ast::Op::kContains, {"o", "p"}, ast::Quantifier::kOneOf), "openat2"), false);
  EXPECT_EQ(TruthOf(Of(ast::Op::kEq, {}, ast::Quantifier::kAllOf), "openat2"), false);
  EXPECT_EQ(TruthOf(Of(ast::Op::kRegex, {"open.*"}), "openat2"), std::nullopt);
}

TEST(Text, QuantifiedEqualityIsMembershipWhereItSaysTheSame) {
  EXPECT_FALSE(MembershipOf(Of(ast::Op::kEq, {"a", "b"}, ast::Quantifier::kAnyOf))->complement);
  EXPECT_TRUE(MembershipOf(Of(ast::Op::kNe, {"a", "b"}, ast::Quantifier::kAllOf))->complement);
  EXPECT_TRUE(MembershipOf(Of(ast::Op::kNe, {}, ast::Quantifier::kAllOf))->never);
  EXPECT_TRUE(MembershipOf(Of(ast::Op::kIn, {}))->never);
  EXPECT_FALSE(MembershipOf(Of(ast::Op::kEq, {"a", "b"}, ast::Quantifier::kOneOf)));
  EXPECT_FALSE(MembershipOf(Of(ast::Op::kNe, {"a", "b"}, ast::Quantifier::kAnyOf)));
  EXPECT_TRUE(MembershipOf(Of(ast::Op::kNe, {"a"}, ast::Quantifier::kOneOf))->complement);
}

TEST(OpenFlags, ATextStandsForTheFlagsWhoseNamesShowIt) {
  EXPECT_EQ(FlagsThatShow(OpenFlags(), "O_TRUNC"), 01000u);
  EXPECT_EQ(FlagsThatShow(OpenFlags(), "O_DIRECT"), 0240000u);  // O_DIRECTORY shows it too
  EXPECT_EQ(FlagsThatShow(OpenFlags(), "CREAT"), 0100u | SLUICE_FLAG_CREATED);
  EXPECT_EQ(FlagsThatShow(OpenFlags(), "O_RDONLY"), std::nullopt);  // no bit of its own
  EXPECT_EQ(FlagsThatShow(OpenFlags(), "O_"), std::nullopt);
  EXPECT_EQ(FlagsThatShow(OpenFlags(), "O_CREAT|O_EXCL"), std::nullopt);
  EXPECT_EQ(FlagsThatShow(OpenFlags(), "nothing"), std::nullopt);
}

TEST(Ranges, AreJoinedWhereTheyMeet) {
  constexpr int64_t kMost = INT64_MAX, kLeast = INT64_MIN;
  EXPECT_EQ(JoinRanges({{5, 5}, {1, 2}, {3, 3}, {5, 9}}), (Ranges{{1, 3}, {5, 9}}));
  EXPECT_EQ(JoinRanges({{kLeast, kMost}, {0, 0}}), (Ranges{{kLeast, kMost}}));
  EXPECT_EQ(JoinRanges({{kMost, kMost}, {kLeast, kLeast}}), (Ranges{{kLeast, kLeast}, {kMost, kMost}}));
}

}  // namespace
}  // namespace sluice::split
