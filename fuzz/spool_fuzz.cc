// A spool whose files were spoiled anywhere: it opens, gives back nothing but whole records in their order, and takes
// and keeps new ones.
#include <fcntl.h>
#include <fuzzer/FuzzedDataProvider.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "runtime/sink/spool.h"

namespace {

using namespace sluice;
namespace fs = std::filesystem;

constexpr uint64_t kMaxBytes = 64 << 10;  // segments of 8 KiB
constexpr size_t kMostRecords = 40, kMostEdits = 24;

// A record says which it is: NUMBER:filler.
std::string RecordOf(size_t number, size_t filler) {
  return std::to_string(number) + ":" + std::string(filler, 'x');
}

size_t NumberOf(const std::string& record) {
  char* end = nullptr;
  const size_t number = std::strtoul(record.c_str(), &end, 10);
  if (*end != ':' ||
      record.find_first_not_of('x', static_cast<size_t>(end - record.c_str()) + 1) != std::string::npos)
    std::abort();  // not a record that was ever written
  return number;
}

std::unique_ptr<sink::Spool> Open(const std::string& folder) {
  auto spool = sink::Spool::Open(folder, kMaxBytes);
  if (!spool.ok()) std::abort();
  return std::move(*spool);
}

size_t Write(const std::string& folder, FuzzedDataProvider& input) {
  const std::unique_ptr<sink::Spool> spool = Open(folder);
  const size_t records = input.ConsumeIntegralInRange<size_t>(0, kMostRecords);
  for (size_t number = 1; number <= records; ++number) {
    if (!spool->Append(RecordOf(number, input.ConsumeIntegralInRange<size_t>(0, 1200))).ok()) std::abort();
  }
  const auto read = spool->Read(input.ConsumeIntegralInRange<size_t>(0, records), kMaxBytes);
  if (!read.ok()) std::abort();
  spool->Acknowledge(read->size());
  return records;
}

// Bytes turned over, an end cut off, or other bytes put in place of a file.
void Spoil(const std::string& folder, FuzzedDataProvider& input) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (size_t edits = 0; edits < kMostEdits && input.remaining_bytes() > 0; ++edits) {
    const std::string& file = files[input.ConsumeIntegralInRange<size_t>(0, files.size() - 1)];
    std::error_code error;
    const size_t size = fs::file_size(file, error);
    const size_t at = input.ConsumeIntegralInRange<size_t>(0, size);
    switch (input.ConsumeIntegralInRange<int>(0, 3)) {
      case 0:
        fs::resize_file(file, at, error);
        break;
      case 1:
        fs::remove(file, error);
        break;
      case 2:
        std::ofstream(file, std::ios::binary) << input.ConsumeRandomLengthString(4096);
        break;
      default: {
        std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
        stream.seekp(static_cast<std::streamoff>(at)).put(input.ConsumeIntegral<char>());
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string root = [] {
    char name[] = "/dev/shm/spool-fuzz-XXXXXX";
    if (mkdtemp(name) == nullptr) std::abort();
    return std::string(name);
  }();
  FuzzedDataProvider input(data, size);
  const std::string folder = root + "/spool";
  const size_t written = Write(folder, input);
  Spoil(folder, input);
  {
    const std::unique_ptr<sink::Spool> spool = Open(folder);
    const bool appended = spool->Append(RecordOf(written + 1, 7)).ok();
    size_t last = 0;
    while (spool->waiting() > 0) {
      const auto records = spool->Read(5, 4096);
      if (!records.ok()) std::abort();
      for (const std::string& record : *records) {
        const size_t number = NumberOf(record);
        if (number <= last || number > written + 1) std::abort();
        last = number;
      }
      spool->Acknowledge(records->size());
      if (records->empty() && spool->waiting() > 0) std::abort();  // it would never be delivered
    }
    if (appended && last != written + 1) std::abort();
  }
  if (Open(folder)->waiting() != 0) std::abort();
  fs::remove_all(folder);
  return 0;
}
