#include "runtime/sink/spool.h"

#define XXH_INLINE_ALL
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <numeric>

namespace sluice::sink {
namespace {

constexpr uint32_t kMagic = 0x314c5053;  // "SPL1"
constexpr std::string_view kSuffix = ".segment";
constexpr uint64_t kLargestSegment = 8u << 20;

source::Status Unavailable(const std::string& what) {
  return absl::UnavailableError(fmt::format("{}: {}", what, std::strerror(errno)));
}

// How many bytes there are, or nothing: errno says why.
std::optional<size_t> ReadUpTo(int fd, void* into, size_t bytes, uint64_t at) {
  auto* to = static_cast<char*>(into);
  size_t read = 0;
  while (read < bytes) {
    const ssize_t got = pread(fd, to + read, bytes - read, static_cast<off_t>(at + read));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    read += static_cast<size_t>(got);
  }
  return read;
}

// False: errno says why; kFileEnds when there are not so many.
constexpr int kFileEnds = 0;
bool ReadAll(int fd, void* into, size_t bytes, uint64_t at) {
  const std::optional<size_t> read = ReadUpTo(fd, into, bytes, at);
  if (read && *read < bytes) errno = kFileEnds;
  return read == bytes;
}

bool WriteAll(int fd, std::string_view bytes, uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put)), at += static_cast<uint64_t>(put);
  }
  return true;
}

source::Status MakeFolders(const std::string& folder) {
  for (size_t slash = folder.find('/', 1);; slash = folder.find('/', slash + 1)) {
    const std::string part = folder.substr(0, slash);
    if (mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return Unavailable(part);
    if (slash == std::string::npos) return absl::OkStatus();
  }
}

void Close(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace

struct Spool::Header {
  uint32_t magic = kMagic;
  uint32_t bytes = 0;   // of the record that follows
  uint64_t number = 0;  // a record of an older life of the disk's block has another
  uint64_t checksum = 0;

  uint64_t ChecksumOf(std::string_view record) const {
    return XXH3_64bits_withSeed(record.data(), record.size(), number ^ uint64_t{bytes} << 32);
  }
};

Spool::Spool(std::string folder, uint64_t max_bytes)
    : folder_(std::move(folder)),
      max_bytes_(max_bytes),
      segment_bytes_(std::clamp<uint64_t>(max_bytes / 8, 4096, kLargestSegment)) {}

Spool::~Spool() {
  Sync();
  for (int* fd : {&writer_, &reader_, &cursor_file_, &lock_}) Close(*fd);
}

std::string Spool::PathOf(uint64_t first) const {
  return fmt::format("{}/{:016x}{}", folder_, first, kSuffix);
}

source::Result<std::unique_ptr<Spool>> Spool::Open(const std::string& folder, uint64_t max_bytes) {
  std::unique_ptr<Spool> spool(new Spool(folder, max_bytes));
  if (source::Status status = MakeFolders(folder); !status.ok()) return status;
  spool->lock_ = open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (spool->lock_ < 0) return Unavailable(folder + "/lock");
  if (flock(spool->lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(folder + ": another process uses this spool");
  }
  spool->cursor_file_ = open((folder + "/cursor").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (spool->cursor_file_ < 0) return Unavailable(folder + "/cursor");
  if (source::Status status = spool->Recover(Use::kOwn); !status.ok()) return status;
  return spool;
}

source::Result<uint64_t> Spool::Waiting(const std::string& folder) {
  Spool spool(folder, 0);
  spool.cursor_file_ = open((folder + "/cursor").c_str(), O_RDONLY | O_CLOEXEC);
  if (spool.cursor_file_ < 0 && errno != ENOENT) return Unavailable(folder + "/cursor");
  if (source::Status status = spool.Recover(Use::kLook); !status.ok()) return status;
  return spool.waiting();
}

source::Status Spool::Recover(Use use) {
  DIR* dir = opendir(folder_.c_str());
  if (dir == nullptr) return Unavailable(folder_);
  std::vector<uint64_t> firsts;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (!name.ends_with(kSuffix)) continue;
    uint64_t first = 0;
    const char* end = name.data() + name.size() - kSuffix.size();
    if (std::from_chars(name.data(), end, first, 16).ptr == end) firsts.push_back(first);
  }
  closedir(dir);
  std::sort(firsts.begin(), firsts.end());
  const std::optional<uint64_t> delivered = Load(delivered_), appended = Load(appended_);
  cursor_ = delivered.value_or(0);
  for (const uint64_t first : firsts) {
    if (!Scan(first, first == firsts.back(), use)) return Unavailable(PathOf(first));
  }
  for (const Segment& segment : segments_) bytes_ += segment.bytes - segment.begin;
  if (!delivered) cursor_ = segments_.empty() ? appended.value_or(0) : segments_.front().first;
  next_ = cursor_;
  for (const Segment& segment : segments_) {
    if (segment.first > next_) missing_ += segment.first - next_;
    next_ = std::max(next_, segment.end());
  }
  const uint64_t end = std::max(next_ + (spoiled_end_ ? 1 : 0), appended.value_or(0));
  missing_ += end - next_;
  next_ = end;
  for (const Segment& segment : segments_) {
    if (segment.end() > cursor_) waiting_ += segment.end() - std::max(segment.first, cursor_);
  }
  if (waiting_ == 0) cursor_ = next_;
  if (use == Use::kOwn) {
    if (cursor_ != delivered) Store(delivered_, cursor_);
    DropDelivered();
  }
  return absl::OkStatus();
}

// Counts the records; their checksums are looked at when they are read. What follows the last whole one is the
// torn end of an append: cut off, or, in a segment that is not written any more, left alone.
bool Spool::Scan(uint64_t file, bool last, Use use) {
  int fd = open(PathOf(file).c_str(), (use == Use::kOwn ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat found {};
  bool fine = fstat(fd, &found) == 0;
  const auto size = static_cast<uint64_t>(found.st_size);
  for (Segment segment{.file = file, .first = file}; fine;) {
    fine = ScanFrom(fd, size, segment);
    segments_.push_back(segment);
    if (!fine || segment.bytes == size) break;
    const source::Result<std::optional<Place>> next = FindNext(fd, segment.bytes, size, segment.end());
    fine = next.ok();
    if (!fine) break;
    if (!*next) {
      if (!last) break;  // what is missing shows in the number of the next segment's first record
      spoiled_end_ = segment.end() >= cursor_ && IsSpoiled(fd, segment, size);
      if (use == Use::kOwn) fine = ftruncate(fd, static_cast<off_t>(segment.bytes)) == 0;
      break;
    }
    segment = {.file = file, .begin = (*next)->at, .first = (*next)->number, .bytes = (*next)->at};
  }
  const int error = errno;
  Close(fd);
  errno = error;
  return fine;
}

// Whether a record was where none can be read: neither the beginning of one nor a part of the disk that was never written.
bool Spool::IsSpoiled(int fd, const Segment& segment, uint64_t size) {
  Header header;
  if (size - segment.bytes < sizeof header || !ReadAll(fd, &header, sizeof header, segment.bytes))
    return false;
  const bool torn = header.magic == kMagic && header.number == segment.end() &&
                    segment.bytes + sizeof header + header.bytes > size;
  return !torn && (header.magic != 0 || header.number != 0 || header.checksum != 0);
}

// From header to header, up to one that is none. False: the disk cannot be read.
bool Spool::ScanFrom(int fd, uint64_t size, Segment& segment) {
  uint64_t before = segment.bytes;  // where the last record begins
  Header header, last;
  while (segment.bytes + sizeof header <= size) {
    if (!ReadAll(fd, &header, sizeof header, segment.bytes)) return false;
    const uint64_t end = segment.bytes + sizeof header + header.bytes;
    if (header.magic != kMagic || header.number != segment.end() || end > size) break;
    last = header, before = segment.bytes;
    segment.bytes = end;
    ++segment.records;
  }
  if (segment.bytes == size || segment.records == 0) return true;
  // What does not go on here may have a spoiled length.
  std::string record(last.bytes, '\0');
  if (!ReadAll(fd, record.data(), record.size(), before + sizeof last)) return false;
  if (last.checksum != last.ChecksumOf(record)) {
    segment.bytes = before;
    --segment.records;
  }
  return true;
}

// The first whole record from `from` on that can be of number `number` or a later one.
source::Result<std::optional<Spool::Place>> Spool::FindNext(int fd, uint64_t from, uint64_t size,
                                                            uint64_t number) {
  std::string rest(size - from, '\0');
  const std::optional<size_t> read = ReadUpTo(fd, rest.data(), rest.size(), from);
  if (!read) return Unavailable("a segment");
  rest.resize(*read);
  const std::string_view magic(reinterpret_cast<const char*>(&kMagic), sizeof kMagic);
  for (size_t at = rest.find(magic); at != std::string::npos; at = rest.find(magic, at + 1)) {
    Header header;
    if (rest.size() - at < sizeof header) break;
    std::memcpy(&header, rest.data() + at, sizeof header);
    const std::string_view record = std::string_view(rest).substr(at + sizeof header);
    const bool may_be = header.number >= number && header.number - number <= at / sizeof header;
    if (may_be && header.bytes <= record.size() &&
        header.checksum == header.ChecksumOf(record.substr(0, header.bytes)))
      return std::optional(Place{.at = from + at, .number = header.number});
  }
  return std::optional<Place>();
}

std::optional<uint64_t> Spool::Load(Mark& mark) const {
  std::optional<uint64_t> number;
  for (uint64_t slot = 0; slot < 2; ++slot) {
    std::array<uint64_t, 2> stored{};
    if (!ReadAll(cursor_file_, stored.data(), sizeof stored, mark.at + slot * sizeof stored)) continue;
    const bool whole = stored[1] == XXH3_64bits(&stored[0], sizeof stored[0]);
    if (!whole || stored[0] < number.value_or(0)) continue;
    number = stored[0], mark.slot = slot;
  }
  return number;
}

// Not stored: delivered twice after a crash, which is allowed, or fewer known to be missing.
void Spool::Store(Mark& mark, uint64_t number) {
  mark.slot ^= 1;
  const std::array<uint64_t, 2> stored{number, XXH3_64bits(&number, sizeof number)};
  WriteAll(cursor_file_, {reinterpret_cast<const char*>(stored.data()), sizeof stored},
           mark.at + mark.slot * sizeof stored);
}

bool Spool::IsWriterLinked() const {
  struct stat file {
  }, named{};
  return !segments_.empty() && fstat(writer_, &file) == 0 &&
         stat(PathOf(segments_.back().file).c_str(), &named) == 0 && file.st_dev == named.st_dev &&
         file.st_ino == named.st_ino;
}

// A file that somebody removed or moved away takes no more: nobody could read it after a crash.
bool Spool::OpenWriter() {
  const bool removed = writer_ >= 0 && !IsWriterLinked();
  const bool fits = !segments_.empty() && segments_.back().bytes < segment_bytes_ &&
                    segments_.back().end() == next_ && !removed;
  if (fits && writer_ >= 0) return true;
  if (writer_ >= 0) fdatasync(writer_);
  Close(writer_);
  if (fits) {
    writer_ = open(PathOf(segments_.back().file).c_str(), O_WRONLY | O_CLOEXEC);
    if (writer_ >= 0 || errno != ENOENT) return writer_ >= 0;
  }
  writer_ = open(PathOf(next_).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (writer_ < 0) return false;
  if (segments_.empty() || segments_.back().first != next_)
    segments_.push_back({.file = next_, .first = next_});
  return true;
}

source::Status Spool::Append(std::string_view record) {
  Header header{.bytes = static_cast<uint32_t>(record.size()), .number = next_};
  if (record.size() > kMaxRecordBytes)
    return absl::ResourceExhaustedError("the alert is too large to be spooled");
  if (bytes_ + sizeof header + record.size() > max_bytes_)
    return absl::ResourceExhaustedError("the spool is full");
  if (!OpenWriter()) return Unavailable(folder_);
  header.checksum = header.ChecksumOf(record);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += record;
  Segment& segment = segments_.back();
  if (!WriteAll(writer_, bytes, segment.bytes)) {
    source::Status status = Unavailable(PathOf(segment.file));
    // What was written of it would be overwritten by the next record; a shorter one must not leave its tail.
    if (ftruncate(writer_, static_cast<off_t>(segment.bytes)) != 0) Close(writer_);
    return status;
  }
  segment.bytes += bytes.size(), ++segment.records;
  bytes_ += bytes.size(), ++next_, ++waiting_;
  dirty_ = true;
  return absl::OkStatus();
}

// Opens the segment of the cursor, or of the first record after it; null when there is none.
source::Result<const Spool::Segment*> Spool::SeekReader() {
  while (true) {
    // One that lost all its records holds nothing up.
    const auto at = std::find_if(segments_.begin(), segments_.end(), [this](const Segment& segment) {
      return segment.records > 0 && segment.end() > cursor_;
    });
    if (at == segments_.end()) return nullptr;
    cursor_ = std::max(cursor_, at->first);
    if (reader_ >= 0 && reader_first_ == at->first) return &*at;
    Close(reader_);
    reader_ = open(PathOf(at->file).c_str(), O_RDONLY | O_CLOEXEC);
    if (reader_ < 0 && errno != ENOENT) return Unavailable(PathOf(at->file));
    reader_first_ = at->first, reader_at_ = at->begin;
    Header header;
    bool whole = reader_ >= 0;
    for (uint64_t number = at->first; whole && number < cursor_; ++number) {  // after a start in the middle
      const bool read = ReadAll(reader_, &header, sizeof header, reader_at_);
      whole = read && header.magic == kMagic && header.number == number &&
              reader_at_ + sizeof header + header.bytes <= at->bytes;
      if (!read && errno != kFileEnds) {
        source::Status status = Unavailable(PathOf(at->file));
        Close(reader_);
        return status;
      }
      reader_at_ += sizeof header + header.bytes;
    }
    if (whole) return &*at;
    SkipRest(*at);
  }
}

source::Result<std::vector<std::string>> Spool::Read(size_t most, size_t most_bytes) {
  std::vector<std::string> records;
  handed_out_.clear();
  uint64_t at = 0, total = 0;
  for (const Segment* segment = nullptr; records.size() < most;) {
    if (segment == nullptr) {
      const source::Result<const Segment*> found = SeekReader();
      if (!found.ok()) return found.status();
      if (segment = *found; segment == nullptr) break;
      at = reader_at_;
    }
    if (cursor_ + records.size() == segment->end()) break;
    Header header;
    bool read = ReadAll(reader_, &header, sizeof header, at);
    bool whole = read && header.magic == kMagic && header.number == cursor_ + records.size() &&
                 at + sizeof header + header.bytes <= segment->bytes;
    if (whole && !records.empty() && total + header.bytes > most_bytes) break;
    std::string record(whole ? header.bytes : 0, '\0');
    if (whole) {
      read = ReadAll(reader_, record.data(), record.size(), at + sizeof header);
      whole = read && header.checksum == header.ChecksumOf(record);
    }
    if (whole) {
      at += sizeof header + header.bytes, total += header.bytes;
      handed_out_.push_back(sizeof header + header.bytes);
      records.push_back(std::move(record));
      continue;
    }
    if (!records.empty()) break;  // its turn comes with the next call
    source::Status fault =
        !read && errno != kFileEnds ? Unavailable(PathOf(segment->file)) : SkipSpoiled(at, *segment);
    if (!fault.ok()) {
      Close(reader_);  // opened anew, once it can be
      return fault;
    }
    segment = nullptr;
  }
  return records;
}

// To the next record that is whole: the length of the one at hand may be spoiled, too.
source::Status Spool::SkipSpoiled(uint64_t at, const Segment& segment) {
  const source::Result<std::optional<Place>> next = FindNext(reader_, at, segment.bytes, cursor_ + 1);
  if (!next.ok()) return Unavailable(PathOf(segment.file));
  const Place place = next->value_or(Place{.at = segment.bytes, .number = segment.end()});
  damaged_ += place.number - cursor_;
  Advance(place.number - cursor_, place.at - at);
  return absl::OkStatus();
}

// Its file is gone, or ends before the cursor.
void Spool::SkipRest(const Segment& segment) {
  const uint64_t records = segment.end() - cursor_;
  reader_at_ = segment.bytes;
  damaged_ += records;
  Advance(records, 0);
}

void Spool::Acknowledge(size_t count) {
  if (count == 0) return;
  const auto end = handed_out_.begin() + static_cast<std::ptrdiff_t>(count);
  Advance(count, std::accumulate(handed_out_.begin(), end, uint64_t{0}));
  handed_out_.erase(handed_out_.begin(), end);
}

void Spool::Advance(uint64_t records, uint64_t bytes) {
  cursor_ += records, reader_at_ += bytes;
  waiting_ -= records;
  if (waiting_ == 0) cursor_ = next_;  // what is missing behind them is not told again
  Store(delivered_, cursor_);
  DropDelivered();
}

// The segment that is written stays, so that its file is not made anew for every alert.
void Spool::DropDelivered() {
  while (!segments_.empty() && segments_.front().end() <= cursor_) {
    const bool written = segments_.size() == 1;
    if (written && segments_.front().bytes < segment_bytes_ && segments_.front().end() == next_) return;
    if (written) Close(writer_);
    if (reader_first_ == segments_.front().first) Close(reader_);
    const bool shared = segments_.size() > 1 && segments_[1].file == segments_.front().file;
    if (!shared) {
      fdatasync(cursor_file_);  // or a power cut makes what was delivered look lost
      unlink(PathOf(segments_.front().file).c_str());
    }
    bytes_ -= segments_.front().bytes - segments_.front().begin;
    segments_.pop_front();
  }
}

void Spool::Sync() {
  if (!dirty_ || writer_ < 0) return;
  fdatasync(writer_);
  Store(appended_, next_);
  fdatasync(cursor_file_);
  dirty_ = false;
}

}  // namespace sluice::sink
