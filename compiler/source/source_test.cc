#include "compiler/source/source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "compiler/source/utf8.h"

namespace sluice::source {
namespace {

Position At(std::string text, uint32_t offset) {
  Files files;
  return files.PositionOf(files.Add("x", std::move(text)), offset);
}

TEST(Position, CountsLinesAndCodePoints) {
  struct Case {
    std::string text;
    uint32_t offset, line, column;
  };
  const Case cases[] = {
      {"", 0, 1, 1},
      {"ab", 1, 1, 2},
      {"ab", 2, 1, 3},
      {"ab", 99, 1, 3},
      {"a\nb", 1, 1, 2},
      {"a\nb", 2, 2, 1},
      {"a\n", 2, 2, 1},
      {"\n\n\nx", 3, 4, 1},
      {"\xc3\xa4z", 2, 1, 2},          // a letter of two bytes
      {"\xf0\x9f\x98\x80z", 4, 1, 2},  // of four
      {"\xff\xfez", 2, 1, 3},          // bytes that are no text count one each
      {"\xef\xbb\xbfz", 3, 1, 1},      // the byte order mark is not shown
      {"a\xcc\x81z", 3, 1, 3},         // a combining mark is a code point of its own
      {"\tx", 1, 1, 2},
  };
  for (const Case& c : cases) {
    const Position position = At(c.text, c.offset);
    EXPECT_EQ(position.line, c.line) << testing::PrintToString(c.text) << " at " << c.offset;
    EXPECT_EQ(position.column, c.column) << testing::PrintToString(c.text) << " at " << c.offset;
  }
}

TEST(Line, HasNoEndAndNoByteOrderMark) {
  Files files;
  const FileId id = files.Add("x",
                              "\xef\xbb\xbf"
                              "one\r\n\ntwo");
  EXPECT_EQ(files.Line(id, 1), "one");
  EXPECT_EQ(files.Line(id, 2), "");
  EXPECT_EQ(files.Line(id, 3), "two");
}

TEST(Text, IsClampedToTheFile) {
  Files files;
  const FileId id = files.Add("x", "hello");
  EXPECT_EQ(files.Text({id, 1, 3}), "el");
  EXPECT_EQ(files.Text({id, 3, 99}), "lo");
  EXPECT_EQ(files.Text({id, 99, 100}), "");
  EXPECT_EQ(files.Text({}), "");
}

TEST(Cover, NowhereIsNeutral) {
  EXPECT_EQ(Cover({}, Span{1, 2, 3}), (Span{1, 2, 3}));
  EXPECT_EQ(Cover(Span{1, 2, 3}, {}), (Span{1, 2, 3}));
  EXPECT_EQ(Cover(Span{1, 5, 6}, Span{1, 2, 3}), (Span{1, 2, 6}));
}

TEST(Read, TellsMissingFromFolder) {
  Files files;
  EXPECT_TRUE(absl::IsNotFound(files.Read("/nonexistent/x.rule").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(files.Read("/").status()));
  EXPECT_NE(std::string(files.Read("/nonexistent/x.rule").status().message()).find("/nonexistent/x.rule"),
            std::string::npos);
  EXPECT_EQ(files.size(), 0u);
}

TEST(Read, RefusesAFileThatIsTooLarge) {
  char path[] = "/tmp/sluice-source-XXXXXX";
  const int descriptor = mkstemp(path);
  ASSERT_GE(descriptor, 0);
  ASSERT_EQ(ftruncate(descriptor, static_cast<off_t>(kMaxFileBytes) + 1), 0);  // a hole: takes no room
  Files files;
  EXPECT_TRUE(absl::IsOutOfRange(files.Read(path).status()));
  ASSERT_EQ(ftruncate(descriptor, 0), 0);
  ASSERT_EQ(write(descriptor, "ab\n", 3), 3);
  const Result<FileId> id = files.Read(path);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(files.text(*id), "ab\n");
  EXPECT_EQ(files.name(*id), path);
  close(descriptor);
  unlink(path);
}

TEST(Utf8, RefusesWhatIsNotUtf8) {
  for (const std::string_view good : {"", "a", "\xc2\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(FindBadByte(good), std::string_view::npos) << testing::PrintToString(good);
  }
  for (const std::string_view bad :
       {"x\xc0\x80", "x\xed\xa0\x80", "x\xf4\x90\x80\x80", "x\xc3", "x\x80", "x\xe2\x82"}) {
    EXPECT_EQ(FindBadByte(bad), 1u) << testing::PrintToString(bad);
  }
  EXPECT_EQ(FindBadByte(std::string_view("ab\0c", 4)), 2u);
}

}  // namespace
}  // namespace sluice::source
