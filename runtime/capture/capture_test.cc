// What is written is read; what is cut off or damaged is read up to the fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "runtime/capture/reader.h"
#include "runtime/capture/writer.h"
#include "runtime/ring/build_record.h"

namespace sluice::capture {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Folder {
 public:
  Folder() { path_ = mkdtemp(name_); }
  ~Folder() { std::system(("rm -rf " + path_).c_str()); }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  char name_[32] = "/tmp/sluice-capture-XXXXXX";
  std::string path_;
};

class Log : public Visitor {
 public:
  void Host(const alert::Host& host, const eval::HostFacts& facts) override {
    lines.push_back("host " + host.hostname + " " + host.boot_id + " " +
                    std::to_string(host.boot_to_unix_ns) + " " + std::to_string(facts.mnt_ns) + " " +
                    std::to_string(facts.pid_ns) + " " + std::to_string(facts.utc_offset_s.value_or(-1)));
  }
  void Users(eval::Names names) override { lines.push_back("user " + std::string(names.User(7))); }
  void Processes(std::vector<lineage::ProcEntry> entries) override {
    for (const lineage::ProcEntry& entry : entries)
      lines.push_back("process " + std::to_string(entry.pid) + " of " + std::to_string(entry.parent_pid) +
                      " " + entry.image.name + " " + entry.image.cwd + " " +
                      std::to_string(entry.image.exec_time_ns));
  }
  void Container(container::Container container) override {
    lines.push_back("container " + container.id + " " + container.name + " " + container.image + " " +
                    (!container.privileged   ? "?"
                     : *container.privileged ? "privileged"
                                             : "confined") +
                    " " + (container.host_ipc ? "told" : "?") + " " + container.mounts.at(0).destination +
                    " " + container.labels.at("tier"));
  }
  void Hosts(hosts::Table hosts) override {
    for (const auto& [address, names] : hosts)
      lines.push_back("host name " + std::to_string(address[15]) + " " + names.at(0) + " " + names.back());
  }
  void Rules(ActiveRules rules) override {
    std::string line = "rules " + std::to_string(rules.generation) + " " + std::to_string(rules.fingerprint) +
                       " " + std::to_string(rules.every_event);
    for (const auto& [set, members] : rules.members) line += " " + set + "=" + members.at(0) + members.back();
    lines.push_back(line);
  }
  void Record(std::string_view bytes) override {
    sluice_record header;
    std::memcpy(&header, bytes.data(), sizeof header);
    lines.push_back("record " + std::to_string(header.pid) + " " + std::to_string(bytes.size()));
  }
  void OwnAlert(std::string_view json) override { lines.emplace_back(json.substr(0, 5)); }
  void Gap(uint64_t records) override { lines.push_back("gap " + std::to_string(records)); }

  std::vector<std::string> lines;
};

std::string RecordOf(uint32_t pid) {
  ring::RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  builder.header().pid = pid;
  return builder.Item(SLUICE_ITEM_PATH, "/etc/shadow").Bytes();
}

void WriteOne(const std::string& path) {
  auto writer = Writer::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  alert::Host host{.hostname = "web-1", .boot_id = "b", .boot_to_unix_ns = -5};
  eval::HostFacts facts;
  facts.mnt_ns = 11;
  facts.pid_ns = 12;
  facts.utc_offset_s = -3600;
  (*writer)->Host(host, facts);
  (*writer)->Users(eval::Names::Parse("seven:x:7:7::/home/seven:/bin/sh\n", "seven:x:7:\n"));
  lineage::ProcEntry entry;
  entry.pid = 4;
  entry.parent_pid = 1;
  entry.image.name = "sshd";
  entry.image.cwd = "/root";
  entry.image.exec_time_ns = 9;
  (*writer)->Processes({entry});
  (*writer)->Rules({.generation = 3, .fingerprint = 0xfeed, .members = {{"peers", {"a", "b"}}}});
  (*writer)->Container({.id = "c0",
                        .name = "web",
                        .image = "nginx",
                        .privileged = true,
                        .mounts = {{.source = "/a", .destination = "/b"}},
                        .labels = {{"tier", "front"}}});
  (*writer)->Hosts({{hosts::Address{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, {"a", "b"}}});
  (*writer)->Record(RecordOf(21));
  (*writer)->Record(RecordOf(22));
  (*writer)->OwnAlert(alert::Alert());
  (*writer)->Record(RecordOf(23));
  ASSERT_TRUE((*writer)->Close().ok());
  EXPECT_EQ((*writer)->records(), 3u);
  EXPECT_EQ((*writer)->left_out(), 0u);
}

source::Status ReadOne(const std::string& path, Log& log) {
  auto reader = Reader::Open(path);
  if (!reader.ok()) return reader.status();
  return (*reader)->ReadAll(log);
}

constexpr size_t kStep = 13;  // bytes between two faults

std::string Content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(Capture, IsReadAsItWasWritten) {
  const Folder folder;
  WriteOne(folder.File("a"));
  EXPECT_TRUE(IsCapture(folder.File("a")));
  Log log;
  const source::Status status = ReadOne(folder.File("a"), log);
  EXPECT_TRUE(status.ok()) << status;
  const std::string size = std::to_string(RecordOf(1).size());
  EXPECT_THAT(log.lines,
              ElementsAre("host web-1 b -5 11 12 -3600", "user seven", "process 4 of 1 sshd /root 9",
                          "rules 3 65261 0 peers=ab", "container c0 web nginx privileged ? /b front",
                          "host name 16 a b", "record 21 " + size, "record 22 " + size, "{\"tim",
                          "record 23 " + size));
}

TEST(Capture, IsReadUpToWhereItIsCutOff) {
  const Folder folder;
  WriteOne(folder.File("a"));
  const std::string whole = Content(folder.File("a"));
  size_t most = 0;
  for (size_t bytes = sizeof(FileHeader); bytes < whole.size(); bytes += kStep) {
    std::ofstream(folder.File("b"), std::ios::binary)
        .write(whole.data(), static_cast<std::streamsize>(bytes));
    Log log;
    const source::Status status = ReadOne(folder.File("b"), log);
    ASSERT_TRUE(absl::IsDataLoss(status)) << bytes << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("cut off"));
    EXPECT_GE(log.lines.size(), most);
    most = log.lines.size();
  }
  EXPECT_GE(most, 8u);
}

TEST(Capture, IsReadUpToADamagedByte) {
  const Folder folder;
  WriteOne(folder.File("a"));
  const std::string whole = Content(folder.File("a"));
  for (size_t at = sizeof(FileHeader); at < whole.size(); at += kStep) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x41);
    std::ofstream(folder.File("b"), std::ios::binary) << damaged;
    Log log;
    EXPECT_TRUE(absl::IsDataLoss(ReadOne(folder.File("b"), log))) << at;
  }
}

TEST(Capture, OtherFilesAreRefused) {
  const Folder folder;
  Log log;
  EXPECT_TRUE(absl::IsNotFound(ReadOne(folder.File("missing"), log)));
  EXPECT_FALSE(IsCapture(folder.File("missing")));
  ASSERT_EQ(mkfifo(folder.File("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(IsCapture(folder.File("pipe")));  // nothing is read of it
  std::ofstream(folder.File("text")) << "{\"evt.type\": \"open\"}\n";
  EXPECT_FALSE(IsCapture(folder.File("text")));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadOne(folder.File("text"), log)));
  WriteOne(folder.File("a"));
  std::string newer = Content(folder.File("a"));
  newer[sizeof kMagic] = 2;
  std::ofstream(folder.File("newer"), std::ios::binary) << newer;
  EXPECT_THAT(std::string(ReadOne(folder.File("newer"), log).message()), HasSubstr("a capture of version 2"));
}

// What was added at the end of a chunk since is missing there.
TEST(Capture, OlderOnesAreRead) {
  Log log;
  const source::Status status = ReadOne(SLUICE_SOURCE_DIR "/examples/web-host/captures/intrusion.cap", log);
  EXPECT_TRUE(status.ok()) << status;
  ASSERT_GE(log.lines.size(), 3u);
  EXPECT_THAT(log.lines.front(), testing::EndsWith(" -1"));
}

TEST(Capture, IsItsOwnersAlone) {
  const Folder folder;
  std::ofstream(folder.File("a")) << "a longer text than any header that was there before";
  chmod(folder.File("a").c_str(), 0644);
  { auto writer = Writer::Create(folder.File("a")); }
  struct stat file {};
  ASSERT_EQ(stat(folder.File("a").c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  Log log;
  EXPECT_TRUE(ReadOne(folder.File("a"), log).ok());
  ASSERT_EQ(symlink(folder.File("a").c_str(), folder.File("link").c_str()), 0);
  EXPECT_THAT(std::string(Writer::Create(folder.File("link")).status().message()),
              HasSubstr("symbolic link"));
}

TEST(Capture, AnEmptyFileIsOneThatIsCutOff) {
  const Folder folder;
  Log log;
  for (const char* text : {"", "SLU", "SLUICECP", "SLUICECP\1"}) {
    std::ofstream(folder.File("a")) << text;
    EXPECT_TRUE(IsCapture(folder.File("a"))) << text;
    EXPECT_THAT(std::string(ReadOne(folder.File("a"), log).message()), HasSubstr("cut off")) << text;
  }
  std::ofstream(folder.File("a.jsonl")) << "";
  EXPECT_FALSE(IsCapture(folder.File("a.jsonl")));
}

TEST(Capture, AFullDiskIsSaid) {
  EXPECT_THAT(std::string(Writer::Create("/dev/full").status().message()), HasSubstr("No space left"));
  EXPECT_TRUE(absl::IsNotFound(Writer::Create("/nonexistent/a").status()));
}

}  // namespace
}  // namespace sluice::capture
