// The fuzzer's seeds (fuzz/corpus/ring_decode) are records as the kernel sends them: when the header changes they have to
// be made again, or the fuzzer never comes past it. SLUICE_UPDATE_GOLDEN=1 does.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>

#include "runtime/ring/build_record.h"
#include "runtime/ring/record.h"

namespace sluice::ring {
namespace {

RecordBuilder Begin(sluice_record_kind kind, uint16_t hook) {
  RecordBuilder builder(kind, hook);
  sluice_record& header = builder.header();
  header.time_ns = 5'000'000'000, header.sequence = 3, header.generation = 1;
  header.pid = header.tid = 42, header.start_ns = 4'000'000'000;
  header.parent_pid = header.session_pid = 7, header.parent_start_ns = 1'000'000'000;
  header.set[0] = 5;
  return builder;
}

std::map<std::string, std::string> Seeds() {
  std::map<std::string, std::string> seeds;
  seeds["fork"] = Begin(SLUICE_RECORD_FORK, SLUICE_HOOK_IMAGE).Bytes();
  seeds["exit"] = Begin(SLUICE_RECORD_EXIT, SLUICE_HOOK_IMAGE).Bytes();
  const uint64_t script[SLUICE_WORDS] = {1}, interpreter[SLUICE_WORDS] = {4};
  seeds["exec"] = Begin(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK)
                      .Item(SLUICE_ITEM_NAME, "x.sh")
                      .Item(SLUICE_ITEM_EXEPATH, "/bin/sh")
                      .Item(SLUICE_ITEM_FILENAME, "./x.sh")
                      .Item(SLUICE_ITEM_ARGS, std::string_view("/bin/sh\0./x.sh\0", 15))
                      .Item(SLUICE_ITEM_ENV, std::string_view("PATH=/bin\0", 10), SLUICE_ITEM_TRUNCATED)
                      .Item(SLUICE_ITEM_CWD, "/tmp")
                      .Item(SLUICE_ITEM_CGROUP, std::string_view("cron.service\0system.slice\0", 26))
                      .Round(script, "/tmp/x.sh")
                      .Round(interpreter, "/bin/sh")
                      .Bytes();
  seeds["open"] = Begin(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN)
                      .Item(SLUICE_ITEM_NAME, "cat")
                      .Item(SLUICE_ITEM_EXEPATH, "/usr/bin/cat")
                      .Item(SLUICE_ITEM_PATH, "/etc/shadow")
                      .Bytes();
  RecordBuilder unlink = Begin(SLUICE_RECORD_EVENT, SLUICE_HOOK_PATH_UNLINK);
  unlink.header().flags = SLUICE_EVENT_UNDECIDED;
  const uint64_t undecided[SLUICE_WORDS] = {4};
  seeds["unlink-unknown-path"] =
      unlink.Item(SLUICE_ITEM_PATH, "", SLUICE_ITEM_UNKNOWN)
          .Item(SLUICE_ITEM_UNDECIDED, {reinterpret_cast<const char*>(undecided), sizeof undecided})
          .Bytes();
  RecordBuilder connect = Begin(SLUICE_RECORD_EVENT, SLUICE_HOOK_SOCKET_CONNECT);
  connect.header().flags = SLUICE_EVENT_RESULT;
  connect.header().result = -115;
  const std::string address("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
  seeds["connect"] = connect.Item(SLUICE_ITEM_LOCAL, address).Item(SLUICE_ITEM_REMOTE, address).Bytes();
  RecordBuilder lowest = Begin(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  lowest.header().flags = SLUICE_EVENT_RESULT | SLUICE_EVENT_GIVEN;
  lowest.header().result = std::numeric_limits<int64_t>::min();
  seeds["result-lowest"] = lowest.Item(SLUICE_ITEM_PATH, "/tmp/../etc/passwd").Bytes();
  return seeds;
}

TEST(FuzzSeeds, AreRecords) {
  for (const auto& [name, bytes] : Seeds()) {
    const std::string path = SLUICE_SOURCE_DIR "/fuzz/corpus/ring_decode/" + name;
    if (std::getenv("SLUICE_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << bytes;
    std::ifstream file(path, std::ios::binary);
    const std::string seed{std::istreambuf_iterator<char>(file), {}};
    Record record;
    EXPECT_TRUE(Decode(seed, record).ok()) << path;
    EXPECT_EQ(seed, bytes) << path << ": SLUICE_UPDATE_GOLDEN=1 makes it again";
  }
}

}  // namespace
}  // namespace sluice::ring
