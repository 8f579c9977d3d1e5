#include "compiler/check/values.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace sluice::check {
namespace {

Value Parsed(Type type, std::string text, ast::Op op = ast::Op::kEq) {
  Value value;
  uint64_t regex_size = 0;
  const ValueFault fault = ParseValue(type, op, {std::move(text), {}, false}, value, regex_size);
  EXPECT_TRUE(fault.ok()) << fault.message;
  return value;
}

bool Refused(Type type, std::string text, ast::Op op = ast::Op::kEq) {
  Value value;
  uint64_t regex_size = 0;
  return !ParseValue(type, op, {std::move(text), {}, false}, value, regex_size).ok();
}

TEST(DigestFault, WholeDigestsInLowerCase) {
  const std::string digits(64, 'a');
  EXPECT_TRUE(DigestFault("sha256:" + digits).ok());
  EXPECT_TRUE(DigestFault("sha512:" + digits + digits).ok());
  for (const std::string& bad :
       {std::string(), std::string("sha256"), std::string("sha256:"), digits, "sha256:" + digits + "a",
        "sha512:" + digits, "sha256:" + std::string(64, 'A'), "md5:" + digits})
    EXPECT_FALSE(DigestFault(bad).ok()) << bad;
}

TEST(Values, Integers) {
  EXPECT_EQ(ParseInteger("0"), 0);
  EXPECT_EQ(ParseInteger("+5"), 5);
  EXPECT_EQ(ParseInteger("-5"), -5);
  EXPECT_EQ(ParseInteger("007"), 7);
  EXPECT_EQ(ParseInteger("0x1f"), 31);
  EXPECT_EQ(ParseInteger("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(ParseInteger("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  for (const char* text : {"", "-", "+", "0x", "1.0", "1e3", "9223372036854775808", "-9223372036854775809",
                           "1 ", " 1", "--1", "0xg", "18446744073709551616"}) {
    EXPECT_FALSE(ParseInteger(text)) << text;
  }
}

TEST(Values, TheTextOfANumberIsCanonical) {
  EXPECT_EQ(Parsed(Type::kInt, "+007"), Parsed(Type::kInt, "7"));
  EXPECT_EQ(Parsed(Type::kPort, "https"), Parsed(Type::kPort, "443"));
}

TEST(Values, Addresses) {
  const Net v4 = *ParseAddress("10.1.2.3");
  EXPECT_TRUE(v4.address.v4);
  EXPECT_EQ(v4.prefix, 32);
  EXPECT_EQ(v4.address.bytes[11], 0xff);
  EXPECT_EQ(v4.address.bytes[12], 10);
  EXPECT_EQ(v4.address.bytes[15], 3);
  EXPECT_EQ(*ParseAddress("::ffff:10.1.2.3"), v4) << "a mapped address is the IPv4 address";
  EXPECT_EQ(ParseAddress("fe80::1")->prefix, 128);
  EXPECT_FALSE(ParseAddress("fe80::1")->address.v4);
  for (const char* text : {"", "10.1.2", "10.1.2.256", "10.1.2.3/8", "localhost", ":::", "1::2::3",
                           "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
    EXPECT_FALSE(ParseAddress(text)) << text;
  }
}

TEST(Values, NetsLoseTheirHostBits) {
  EXPECT_EQ(ParseNet("10.1.2.3/8"), ParseNet("10.0.0.0/8"));
  EXPECT_NE(ParseNet("10.1.2.3/9"), ParseNet("10.128.0.0/9"));
  EXPECT_EQ(ParseNet("10.255.2.3/9"), ParseNet("10.128.0.0/9"));
  EXPECT_EQ(ParseNet("fe80:1234::1/10"), ParseNet("fe80::/10"));
  EXPECT_EQ(ParseNet("1.2.3.4/0"), ParseNet("0.0.0.0/0"));
  EXPECT_EQ(ParseNet("::/0")->prefix, 0);
  EXPECT_EQ(ParseNet("::ffff:10.1.0.0/104"), ParseNet("10.0.0.0/8"))
      << "a prefix behind the mapped head counts from it";
  EXPECT_FALSE(ParseNet("::ffff:10.0.0.0/90")->address.v4);
  EXPECT_EQ(ParseNet("10.0.0.1"), ParseAddress("10.0.0.1"));
  for (const char* text :
       {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "10.0.0.0/8/8", "/8"}) {
    EXPECT_FALSE(ParseNet(text)) << text;
  }
}

TEST(Values, Ports) {
  EXPECT_EQ(ParsePort("0"), 0);
  EXPECT_EQ(ParsePort("65535"), 65535);
  EXPECT_EQ(ParsePort("ssh"), 22);
  EXPECT_FALSE(ParsePort("65536"));
  EXPECT_FALSE(ParsePort("-1"));
  EXPECT_FALSE(ParsePort("nosuch"));
}

TEST(Values, OtherTypes) {
  EXPECT_EQ(Parsed(Type::kBool, "true").number, 1);
  EXPECT_TRUE(Refused(Type::kBool, "True"));
  EXPECT_TRUE(Refused(Type::kBool, "1"));
  EXPECT_DOUBLE_EQ(Parsed(Type::kDouble, "-1.5e2").real, -150);
  EXPECT_TRUE(Refused(Type::kDouble, "nan"));
  EXPECT_TRUE(Refused(Type::kDouble, "1x"));
  EXPECT_EQ(Parsed(Type::kBytes, "CAFE", ast::Op::kBContains).text, "\xca\xfe");
  EXPECT_TRUE(Refused(Type::kBytes, "caf", ast::Op::kBContains));
  EXPECT_TRUE(Refused(Type::kBytes, "", ast::Op::kBStartsWith));
  EXPECT_EQ(Parsed(Type::kBytes, "caf", ast::Op::kContains).text, "caf");
  EXPECT_TRUE(Refused(Type::kString, std::string("a\0b", 3)));
}

TEST(Values, PatternsAreCompiledToSeeThatTheyCan) {
  EXPECT_EQ(Parsed(Type::kString, "(ba|z)sh[0-9]*", ast::Op::kRegex).text, "(ba|z)sh[0-9]*");
  for (const char* text : {"a(b", "[", "\\d", "(?i)a", "a**"}) {
    const bool refused = Refused(Type::kString, text, ast::Op::kRegex);
    EXPECT_TRUE(refused || std::string_view(text) == "a**") << text;
  }
  EXPECT_EQ(Parsed(Type::kString, "a(b", ast::Op::kGlob).text, "a(b");
}

}  // namespace
}  // namespace sluice::check
