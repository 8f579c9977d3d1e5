#include "runtime/sink/line_sink.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace sluice::sink {
namespace {

alert::Alert AlertNumber(int number) {
  alert::Alert alert;
  alert.rule = "rule " + std::to_string(number);
  alert.output = std::string(9000, 'x');
  return alert;
}

struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    if (ends[0] >= 0) close(ends[0]);
    close(ends[1]);
  }
  std::array<int, 2> ends{};
};

size_t CountLines(int fd) {
  size_t lines = 0;
  std::array<char, 65536> bytes{};
  for (ssize_t n; (n = read(fd, bytes.data(), bytes.size())) > 0;) {
    lines += static_cast<size_t>(std::count(bytes.begin(), bytes.begin() + n, '\n'));
  }
  return lines;
}

TEST(LineSink, CloseWritesEverythingThatWaits) {
  Pipe pipe;
  size_t lines = 0;
  std::thread reader([&] { lines = CountLines(pipe.ends[0]); });
  LineStats stats;
  {
    LineSink sink(pipe.ends[1], Format::kJson);
    for (int i = 0; i < 200; ++i) sink.Push(AlertNumber(i));
    stats = sink.Close();
  }
  close(pipe.ends[1]);
  reader.join();
  pipe.ends[1] = open("/dev/null", O_WRONLY);
  EXPECT_EQ(lines, 200u);
  EXPECT_EQ(stats.delivered, 200u);
  EXPECT_EQ(stats.lost, 0u);
}

TEST(LineSink, AFullQueueLosesAndCounts) {
  Pipe pipe;  // nobody reads
  LineSink sink(pipe.ends[1], Format::kText, 10);
  for (int i = 0; i < 200; ++i) sink.Push(AlertNumber(i));
  const LineStats stats = sink.Close(200);
  EXPECT_EQ(stats.raised, 200u);
  EXPECT_EQ(stats.delivered + stats.lost, 200u);
  EXPECT_GE(stats.lost, 180u);
}

TEST(LineSink, AReaderThatWentAwayIsNoEnd) {
  Pipe pipe;
  close(pipe.ends[0]);
  pipe.ends[0] = -1;
  LineSink sink(pipe.ends[1], Format::kText);
  sink.Push(AlertNumber(1));
  const LineStats stats = sink.Close();
  EXPECT_EQ(stats.lost, 1u);
}

}  // namespace
}  // namespace sluice::sink
