#include "runtime/ring/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "runtime/ring/build_record.h"

namespace sluice::ring {
namespace {

using testing::HasSubstr;

TEST(Record, HeaderAndStringsAreRead) {
  RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  builder.header().pid = 42;
  builder.header().set[0] = 8;
  builder.Item(SLUICE_ITEM_NAME, "cat")
      .Item(SLUICE_ITEM_EXEPATH, "/usr/bin/cat")
      .Item(SLUICE_ITEM_PATH, "/etc/shadow");
  const std::string bytes = builder.Bytes();
  Record record;
  ASSERT_TRUE(Decode(bytes, record).ok());
  EXPECT_EQ(record.header.pid, 42u);
  EXPECT_EQ(record.header.set[0], 8u);
  EXPECT_EQ(record.name.bytes, "cat");
  EXPECT_EQ(record.exepath.bytes, "/usr/bin/cat");
  EXPECT_EQ(record.path.bytes, "/etc/shadow");
  EXPECT_EQ(record.path.state, Text::State::kPresent);
  EXPECT_EQ(record.cwd.state, Text::State::kAbsent);
}

TEST(Record, AbsentUnknownEmptyAndTruncatedAreFourThings) {
  RecordBuilder builder(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
  builder.Item(SLUICE_ITEM_PATH, "", SLUICE_ITEM_UNKNOWN).Item(SLUICE_ITEM_CWD, "");
  builder.Item(SLUICE_ITEM_ARGS, std::string_view("a\0b", 3), SLUICE_ITEM_TRUNCATED);
  const std::string bytes = builder.Bytes();
  Record record;
  ASSERT_TRUE(Decode(bytes, record).ok());
  EXPECT_EQ(record.env.state, Text::State::kAbsent);
  EXPECT_EQ(record.path.state, Text::State::kUnknown);
  EXPECT_EQ(record.cwd.state, Text::State::kPresent);
  EXPECT_EQ(record.cwd.bytes, "");
  EXPECT_TRUE(record.args.truncated);
  EXPECT_EQ(record.args.bytes, std::string_view("a\0b", 3));
}

TEST(Record, RoundsOfAnExecKeepTheirSets) {
  uint64_t script[SLUICE_WORDS] = {1}, interpreter[SLUICE_WORDS] = {2, 7};
  RecordBuilder builder(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
  builder.Round(script, "/tmp/x.sh").Item(SLUICE_ITEM_ROUND_TEXT, "sha256:00").Round(interpreter, "/bin/sh");
  const std::string bytes = builder.Bytes();
  Record record;
  ASSERT_TRUE(Decode(bytes, record).ok());
  ASSERT_EQ(record.rounds.size(), 2u);
  EXPECT_EQ(record.rounds[0].set[0], 1u);
  EXPECT_EQ(record.rounds[0].path.bytes, "/tmp/x.sh");
  EXPECT_EQ(record.rounds[0].text.bytes, "sha256:00");
  EXPECT_EQ(record.rounds[1].set[1], 7u);
  EXPECT_EQ(record.rounds[1].text.state, Text::State::kAbsent);
  EXPECT_EQ(record.rounds[1].path.bytes, "/bin/sh");
}

TEST(Record, AReusedRecordForgetsThePreviousOne) {
  uint64_t set[SLUICE_WORDS] = {1};
  RecordBuilder full(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
  full.Item(SLUICE_ITEM_NAME, "sh").Round(set, "/bin/sh");
  const std::string first = full.Bytes(), second = RecordBuilder(SLUICE_RECORD_EXIT).Bytes();
  Record record;
  ASSERT_TRUE(Decode(first, record).ok());
  ASSERT_TRUE(Decode(second, record).ok());
  EXPECT_EQ(record.name.state, Text::State::kAbsent);
  EXPECT_TRUE(record.rounds.empty());
}

TEST(Record, UnknownTagsAreSkippedAndTheLastPaddingMayBeMissing) {
  RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  builder.Item(999, "new").Item(SLUICE_ITEM_PATH, "/a");
  std::string bytes = builder.Bytes();
  bytes.resize(bytes.size() - 6);
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  bytes.replace(0, sizeof(size), reinterpret_cast<const char*>(&size), sizeof(size));
  Record record;
  ASSERT_TRUE(Decode(bytes, record).ok());
  EXPECT_EQ(record.path.bytes, "/a");
}

struct Malformed {
  const char* what;
  void (*spoil)(std::string& bytes);
  const char* message;
};

template <typename T>
void Put(std::string& bytes, size_t offset, T value) {
  bytes.replace(offset, sizeof(value), reinterpret_cast<const char*>(&value), sizeof(value));
}

TEST(Record, MalformedBytesAreErrorsThatSayWhere) {
  constexpr size_t kItems = sizeof(sluice_record);
  const Malformed cases[] = {
      {"empty", [](std::string& b) { b.clear(); }, "byte 0: shorter than the header"},
      {"header cut", [](std::string& b) { b.resize(kItems - 1); }, "byte 335: shorter"},
      {"size below header", [](std::string& b) { Put<uint32_t>(b, 0, 8); }, "smaller than the header"},
      {"size above bytes", [](std::string& b) { Put<uint32_t>(b, 0, 1u << 30); }, "exceeds"},
      {"kind", [](std::string& b) { Put<uint16_t>(b, 4, 77); }, "unknown kind"},
      {"hook", [](std::string& b) { Put<uint16_t>(b, 6, SLUICE_HOOKS); }, "unknown hook"},
      {"type", [](std::string& b) { Put<uint16_t>(b, offsetof(sluice_record, type), 60000); }, "event type"},
      {"item length", [](std::string& b) { Put<uint32_t>(b, kItems + 4, 0xffffffff); },
       "byte 336: an item is longer"},
      {"item head cut",
       [](std::string& b) {
         b.resize(kItems + 20);
         Put<uint32_t>(b, 0, kItems + 20);
       },
       "byte 352: an item's head"},
      {"path without set", [](std::string& b) { Put<uint16_t>(b, kItems, SLUICE_ITEM_ROUND_PATH); },
       "without its set"},
      {"text without set", [](std::string& b) { Put<uint16_t>(b, kItems, SLUICE_ITEM_ROUND_TEXT); },
       "without its set"},
      {"short set", [](std::string& b) { Put<uint16_t>(b, kItems, SLUICE_ITEM_ROUND_SET); }, "wrong length"},
  };
  RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  builder.Item(SLUICE_ITEM_NAME, "cat").Item(SLUICE_ITEM_PATH, "/etc/shadow");
  for (const Malformed& c : cases) {
    std::string bytes = builder.Bytes();
    c.spoil(bytes);
    Record record;
    const source::Status status = Decode(bytes, record);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.what;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message)) << c.what;
  }
}

TEST(Record, TooManyRoundsAndADanglingSetAreErrors) {
  uint64_t set[SLUICE_WORDS] = {1};
  RecordBuilder many(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
  for (int i = 0; i <= SLUICE_ROUNDS; ++i) many.Round(set, "/bin/sh");
  RecordBuilder dangling(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
  dangling.Item(SLUICE_ITEM_ROUND_SET, std::string_view(reinterpret_cast<char*>(set), sizeof(set)));
  Record record;
  const std::string a = many.Bytes(), b = dangling.Bytes();
  EXPECT_THAT(std::string(Decode(a, record).message()), HasSubstr("too many rounds"));
  EXPECT_THAT(std::string(Decode(b, record).message()), HasSubstr("without its path"));
}

// Every prefix and 20,000 random corruptions: an answer, never a crash, and views stay inside the bytes.
TEST(Record, AnyBytesAreSafe) {
  uint64_t set[SLUICE_WORDS] = {1};
  RecordBuilder builder(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
  builder.Item(SLUICE_ITEM_NAME, "sh").Round(set, "/bin/sh").Item(SLUICE_ITEM_ARGS, std::string(100, 'x'));
  const std::string whole = builder.Bytes();
  Record record;
  for (size_t n = 0; n < whole.size(); ++n) {
    const std::string cut = whole.substr(0, n);
    EXPECT_FALSE(Decode(cut, record).ok());
  }
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = whole;
    for (int k = 0; k < 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    for (int k = 0; k < 2; ++k)
      bytes[sizeof(sluice_record) + random() % 16] = static_cast<char>(random() % 16);
    if (!Decode(bytes, record).ok()) continue;
    for (const Text* text : {&record.name, &record.args, &record.path}) {
      if (text->bytes.empty()) continue;
      EXPECT_GE(text->bytes.data(), bytes.data());
      EXPECT_LE(text->bytes.data() + text->bytes.size(), bytes.data() + bytes.size());
    }
  }
}

}  // namespace
}  // namespace sluice::ring
