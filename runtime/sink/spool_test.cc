#include "runtime/sink/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace sluice::sink {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

constexpr uint64_t kMiB = 1u << 20;

class SpoolTest : public testing::Test {
 protected:
  void TearDown() override { fs::remove_all(folder_); }
  std::unique_ptr<Spool> Open(uint64_t max_bytes = kMiB) const {
    source::Result<std::unique_ptr<Spool>> spool = Spool::Open(folder_ / "spool", max_bytes);
    EXPECT_TRUE(spool.ok()) << spool.status().message();
    return spool.ok() ? std::move(*spool) : nullptr;
  }
  std::vector<fs::path> Segments() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_ / "spool")) {
      if (entry.path().extension() == ".segment") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  const fs::path folder_ = [] {
    char path[] = "/tmp/sluice-spool.XXXXXX";
    return fs::path(mkdtemp(path));
  }();
};

std::string RecordNumber(int number) { return "alert " + std::to_string(number) + std::string(100, '.'); }

std::vector<std::string> ReadAll(Spool& spool) {
  std::vector<std::string> all;
  for (std::vector<std::string> part; !(part = *spool.Read(7, kMiB)).empty();
       spool.Acknowledge(part.size())) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

TEST_F(SpoolTest, KeepsOrderAcrossSegmentsAndStarts) {
  constexpr int kRecords = 1000;
  std::vector<std::string> expected, read;
  {
    const auto spool = Open();
    for (int i = 0; i < kRecords; ++i) {
      expected.push_back(RecordNumber(i));
      ASSERT_TRUE(spool->Append(expected.back()).ok());
    }
  }
  while (read.size() < kRecords) {  // a new start after every third batch
    const auto spool = Open();
    EXPECT_EQ(spool->waiting(), kRecords - read.size());
    for (int i = 0; i < 3; ++i) {
      const std::vector<std::string> part = *spool->Read(20, kMiB);
      read.insert(read.end(), part.begin(), part.end());
      spool->Acknowledge(part.size());
    }
  }
  EXPECT_EQ(read, expected);
  EXPECT_LE(Segments().size(), 1u);
}

TEST_F(SpoolTest, WhatIsNotAcknowledgedComesAgain) {
  const auto spool = Open();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(spool->Append(std::to_string(i)).ok());
  EXPECT_THAT(*spool->Read(3, kMiB), ElementsAre("0", "1", "2"));
  spool->Acknowledge(1);
  EXPECT_THAT(*spool->Read(2, kMiB), ElementsAre("1", "2"));
  EXPECT_THAT(*spool->Read(9, 2), ElementsAre("1", "2"));
  spool->Acknowledge(0);
  EXPECT_THAT(*spool->Read(9, kMiB), ElementsAre("1", "2", "3"));
}

// Every point at which a write can end: the record is there whole or not at all, the ones before it always.
TEST_F(SpoolTest, ATornEndIsCutOffAtEveryByte) {
  {
    const auto spool = Open();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  }
  const fs::path segment = Segments().at(0);
  const uint64_t whole = fs::file_size(segment), record = whole / 3;
  const fs::path kept = folder_ / "kept";
  fs::copy_file(segment, kept);
  for (uint64_t size = whole; size-- > record;) {
    fs::copy_file(kept, segment, fs::copy_options::overwrite_existing);
    fs::resize_file(segment, size);
    fs::remove(folder_ / "spool/cursor");  // the process died before the Sync()
    const auto spool = Open();
    ASSERT_EQ(spool->waiting(), size / record);
    ASSERT_TRUE(spool->Append("next").ok());
    std::vector<std::string> expected = {RecordNumber(0)};
    if (size >= 2 * record) expected.push_back(RecordNumber(1));
    expected.emplace_back("next");
    ASSERT_EQ(*spool->Read(9, kMiB), expected) << size;
  }
}

TEST_F(SpoolTest, ADamagedRecordCostsNoOther) {
  {
    const auto spool = Open();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  }
  const fs::path segment = Segments().at(0);
  {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(segment) / 5 * 2 + 60));
    file.put('#');
  }
  const auto spool = Open();
  EXPECT_EQ(spool->waiting(), 5u);
  EXPECT_THAT(ReadAll(*spool),
              ElementsAre(RecordNumber(0), RecordNumber(1), RecordNumber(3), RecordNumber(4)));
  EXPECT_EQ(spool->damaged(), 1u);
  EXPECT_EQ(spool->waiting(), 0u);
}

// Whatever byte of whichever header the disk spoils, before the spool is opened or after: one record is lost, and counted.
TEST_F(SpoolTest, ADamagedHeaderCostsNoOtherRecord) {
  constexpr int kRecords = 5;
  constexpr std::streamoff kHeaderBytes = 24;
  {
    const auto spool = Open();
    for (int i = 0; i < kRecords; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  }
  const fs::path segment = Segments().at(0), kept = folder_ / "kept";
  fs::copy_file(segment, kept);
  const auto record_bytes = static_cast<std::streamoff>(fs::file_size(segment) / kRecords);
  for (int spoiled = 0; spoiled < kRecords; ++spoiled) {
    for (std::streamoff byte = 0; byte < kHeaderBytes; ++byte) {
      for (const bool late : {false, true}) {
        fs::remove_all(folder_ / "spool");
        fs::create_directories(folder_ / "spool");
        fs::copy_file(kept, segment);
        std::unique_ptr<Spool> spool = late ? Open() : nullptr;
        {
          std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
          const std::streamoff at = spoiled * record_bytes + byte;
          file.seekg(at);
          const auto was = static_cast<char>(file.get());
          file.seekp(at);
          file.put(static_cast<char>(was ^ 1));
        }
        if (!late) spool = Open();
        std::vector<std::string> expected;
        for (int i = 0; i < kRecords; ++i) {
          if (i != spoiled) expected.push_back(RecordNumber(i));
        }
        SCOPED_TRACE(testing::Message() << "record " << spoiled << " byte " << byte << " late " << late);
        ASSERT_EQ(ReadAll(*spool), expected);
        // A last record that seems to go on behind the end of the file looks like one that was never finished.
        const bool like_torn = !late && spoiled == kRecords - 1 && byte >= 4 && byte < 8;
        if (!like_torn) {
          ASSERT_EQ(spool->missing() + spool->damaged(), 1u);
        }
        ASSERT_EQ(spool->waiting(), 0u);
        ASSERT_TRUE(spool->Append("next").ok());
        ASSERT_THAT(*spool->Read(9, kMiB), ElementsAre("next"));
        spool.reset();
        ASSERT_THAT(*Open()->Read(9, kMiB), ElementsAre("next"));
      }
    }
  }
}

TEST_F(SpoolTest, AMissingSegmentIsCounted) {
  {
    const auto spool = Open();
    for (int i = 0; i < 3000; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  }
  ASSERT_GE(Segments().size(), 3u);
  fs::remove(Segments().at(1));
  const auto spool = Open();
  EXPECT_GT(spool->missing(), 0u);
  EXPECT_EQ(spool->missing() + spool->waiting(), 3000u);
  EXPECT_EQ(*Spool::Waiting(folder_ / "spool"), spool->waiting());
  EXPECT_EQ(ReadAll(*spool).size() + spool->missing(), 3000u);
}

TEST_F(SpoolTest, TheLastSegmentIsMissedTooAndOnceOnly) {
  {
    const auto spool = Open();
    for (int i = 0; i < 3000; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  }
  ASSERT_GE(Segments().size(), 3u);
  fs::remove(Segments().back());
  {
    const auto spool = Open();
    EXPECT_GT(spool->missing(), 0u);
    EXPECT_EQ(spool->missing() + spool->waiting(), 3000u);
    ASSERT_TRUE(spool->Append("new").ok());
    const std::vector<std::string> read = ReadAll(*spool);
    EXPECT_EQ(read.size() + spool->missing(), 3001u);
    EXPECT_EQ(read.back(), "new");
  }
  EXPECT_EQ(Open()->missing(), 0u);
}

TEST_F(SpoolTest, ASpoolWhoseSegmentsAreAllGoneIsMissedAndTakesNewOnes) {
  for (const bool delivered : {false, true}) {
    {
      const auto spool = Open();
      for (int i = 0; i < 10; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
      spool->Sync();
      ASSERT_EQ(spool->Read(4, kMiB)->size(), 4u);
      if (delivered) spool->Acknowledge(4);
    }
    for (const fs::path& segment : Segments()) fs::remove(segment);
    EXPECT_EQ(*Spool::Waiting(folder_ / "spool"), 0u);
    EXPECT_EQ(Open()->missing(), delivered ? 6u : 10u);
    const auto spool = Open();
    EXPECT_EQ(spool->missing(), 0u);
    ASSERT_TRUE(spool->Append("new").ok());
    EXPECT_THAT(ReadAll(*spool), ElementsAre("new"));
  }
}

// After a crash, what was appended since the last Sync() is not known to be missing.
TEST_F(SpoolTest, OfACrashedProcessTheLastSyncCounts) {
  const auto crashed = Open();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(crashed->Append(RecordNumber(i)).ok());
  crashed->Sync();
  for (int i = 10; i < 15; ++i) ASSERT_TRUE(crashed->Append(RecordNumber(i)).ok());
  const fs::path left = folder_ / "left";
  fs::copy(folder_ / "spool", left);
  EXPECT_EQ((*Spool::Open(left, kMiB))->waiting(), 15u);
  fs::remove_all(left);
  fs::copy(folder_ / "spool", left);
  fs::resize_file(left / Segments().at(0).filename(), 0);
  EXPECT_EQ((*Spool::Open(left, kMiB))->missing(), 10u);
}

// Its number is missing once, not once more where it was.
TEST_F(SpoolTest, ASpoiledEndOfASegmentThatIsNotTheLastCountsOnce) {
  constexpr std::streamoff kHeaderBytes = 24;
  {
    const auto spool = Open(64 << 10);
    for (int i = 100; i < 300; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  }
  const fs::path first = Segments().at(0);
  {
    std::fstream file(first, std::ios::in | std::ios::out | std::ios::binary);
    const auto record = static_cast<std::streamoff>(RecordNumber(100).size()) + kHeaderBytes;
    file.seekp(static_cast<std::streamoff>(fs::file_size(first)) - record);
    file.put('#');
  }
  const auto spool = Open(64 << 10);
  EXPECT_EQ(spool->missing(), 1u);
  EXPECT_EQ(ReadAll(*spool).size(), 199u);
  EXPECT_EQ(spool->damaged(), 0u);
}

TEST_F(SpoolTest, ASegmentThatIsRemovedWhileItIsWrittenTakesNoMore) {
  const auto spool = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  fs::remove(Segments().at(0));
  for (int i = 3; i < 6; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  EXPECT_THAT(ReadAll(*spool), ElementsAre(RecordNumber(3), RecordNumber(4), RecordNumber(5)));
  EXPECT_EQ(spool->damaged(), 3u);
  EXPECT_EQ(spool->waiting(), 0u);
  fs::remove(Segments().at(0));
  ASSERT_TRUE(spool->Append("next").ok());
  EXPECT_THAT(ReadAll(*spool), ElementsAre("next"));
  EXPECT_EQ(spool->damaged(), 3u);
}

TEST_F(SpoolTest, ASegmentThatCannotBeReadIsAFaultAndLosesNothing) {
  const auto spool = Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  const fs::path segment = Segments().at(0), kept = folder_ / "kept";
  fs::rename(segment, kept);
  fs::create_directory(segment);
  const auto read = spool->Read(9, kMiB);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr(segment.string()));
  EXPECT_EQ(Spool::Open(folder_ / "spool", kMiB).status().code(), absl::StatusCode::kFailedPrecondition);
  fs::remove(segment);
  fs::rename(kept, segment);
  EXPECT_THAT(*spool->Read(9, kMiB), ElementsAre(RecordNumber(0), RecordNumber(1), RecordNumber(2)));
}

TEST_F(SpoolTest, AnEmptiedSegmentHoldsNothingUp) {
  {
    const auto spool = Open(64 << 10);  // segments of 8 KiB
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(spool->Append(RecordNumber(i)).ok());
  }
  ASSERT_GE(Segments().size(), 3u);
  fs::resize_file(Segments()[0], 0);
  fs::resize_file(Segments()[1], 3);
  const auto spool = Open(64 << 10);
  const uint64_t waiting = spool->waiting();
  EXPECT_GT(spool->missing(), 0u);
  const std::vector<std::string> read = ReadAll(*spool);
  ASSERT_EQ(read.size(), waiting);
  EXPECT_EQ(read.back(), RecordNumber(199));
}

TEST_F(SpoolTest, ALostCursorDeliversAgainAndOneAheadLosesNothingNew) {
  {
    const auto spool = Open();
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(spool->Append(std::to_string(i)).ok());
    ASSERT_EQ(spool->Read(2, kMiB)->size(), 2u);
    spool->Acknowledge(2);
  }
  fs::resize_file(folder_ / "spool/cursor", 3);
  EXPECT_EQ(Open()->waiting(), 4u);
  {
    const auto spool = Open();
    ReadAll(*spool);
  }
  for (const fs::path& segment : Segments())
    fs::remove(segment);  // the power went before they reached the disk
  const auto spool = Open();
  ASSERT_TRUE(spool->Append("new").ok());
  EXPECT_THAT(ReadAll(*spool), ElementsAre("new"));
}

TEST_F(SpoolTest, TheBoundHoldsAndDeliveryFreesRoom) {
  const auto spool = Open(kMiB / 16);
  int stored = 0;
  while (spool->Append(RecordNumber(stored)).ok()) ++stored;
  EXPECT_GT(stored, 400);
  EXPECT_LE(spool->bytes(), kMiB / 16);
  EXPECT_EQ(spool->Append("x" + RecordNumber(0)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadAll(*spool).size(), static_cast<size_t>(stored));
  EXPECT_TRUE(spool->Append(RecordNumber(0)).ok());
}

TEST_F(SpoolTest, TwoProcessesCannotShareOne) {
  const auto spool = Open();
  EXPECT_EQ(Spool::Open(folder_ / "spool", kMiB).status().code(), absl::StatusCode::kFailedPrecondition);
}

// A file that may not grow stands for a full disk: both end a write in the middle.
TEST_F(SpoolTest, AFullDiskStoresNothingAndHarmsNothing) {
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto spool = Open();
    int stored = 0;
    while (spool->Append(RecordNumber(stored)).ok()) ++stored;
    const bool refused = spool->Append(RecordNumber(stored)).code() == absl::StatusCode::kUnavailable;
    const bool small = spool->Append("small").ok();  // what is left of the disk is used
    _exit(refused && small && stored > 2 && ReadAll(*spool).size() == static_cast<size_t>(stored) + 1 ? 0
                                                                                                      : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Open()->waiting(), 0u);
}

}  // namespace
}  // namespace sluice::sink
