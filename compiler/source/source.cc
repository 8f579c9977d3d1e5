#include "compiler/source/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "compiler/source/utf8.h"

namespace sluice::source {
namespace {

// Debian's absl::string_view is not std::string_view; a std::string converts to both.
Status HostError(int error, const std::string& path) {
  const std::string message = fmt::format("{}: {}", path, std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case EISDIR:
      return absl::InvalidArgumentError(fmt::format("{}: is a folder, not a file", path));
    default:
      return absl::UnknownError(message);
  }
}

Status TooLarge(const std::string& path) {
  return absl::OutOfRangeError(fmt::format("{}: larger than {} MB", path, kMaxFileBytes >> 20));
}

constexpr int kPipeWaitMs = 10'000;

// Something can be read, or the pipe has ended. False: its writer is silent.
bool WaitForPipe(int descriptor) {
  pollfd pipe{descriptor, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&pipe, 1, kPipeWaitMs);
  } while (ready < 0 && errno == EINTR);
  return ready != 0;
}

// Reads to the end, whatever kind of file it is; a pipe has no size to ask for first, and may have no writer: it was
// opened without waiting for one.
Result<std::string> ReadAll(int descriptor, const std::string& path) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) return HostError(errno, path);
  if (S_ISDIR(status.st_mode)) return HostError(EISDIR, path);
  if (S_ISREG(status.st_mode) && static_cast<uint64_t>(status.st_size) > kMaxFileBytes) return TooLarge(path);
  if (!S_ISFIFO(status.st_mode)) fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
  std::string text;
  if (S_ISREG(status.st_mode)) text.reserve(static_cast<size_t>(status.st_size) + 1);
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t got = read(descriptor, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      if (WaitForPipe(descriptor)) continue;
      return absl::UnavailableError(fmt::format("{}: is a pipe that nobody writes to", path));
    }
    if (got < 0) return HostError(errno, path);
    if (got == 0) return text;
    text.append(buffer, static_cast<size_t>(got));
    if (text.size() > kMaxFileBytes) return TooLarge(path);
  }
}

bool StartsWithMark(std::string_view text) { return text.substr(0, kByteOrderMark.size()) == kByteOrderMark; }

}  // namespace

Span Cover(Span a, Span b) {
  if (!a.valid()) return b;
  if (!b.valid()) return a;
  return {a.file, std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

FileId Files::Add(std::string name, std::string text) {
  File file{std::move(name), std::move(text), {0}, {}};
  for (size_t i = 0; i < file.text.size(); ++i) {
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<uint32_t>(i + 1));
  }
  files_.push_back(std::move(file));
  return static_cast<FileId>(files_.size() - 1);
}

FileId Files::AddDerived(std::string text, std::vector<Piece> pieces) {
  const FileId id = Add(pieces.empty() ? "" : std::string(name(pieces.front().origin.file)), std::move(text));
  files_[id].pieces = std::move(pieces);
  return id;
}

Span Files::Resolve(Span span) const {
  if (!span.valid() || files_[span.file].pieces.empty()) return span;
  const std::vector<Piece>& pieces = files_[span.file].pieces;
  const auto place = [&](uint32_t offset) -> Span {
    auto after = std::upper_bound(pieces.begin(), pieces.end(), offset,
                                  [](uint32_t at, const Piece& piece) { return at < piece.begin; });
    const Piece& piece = after == pieces.begin() ? *after : *std::prev(after);
    const uint32_t inside = offset < piece.begin ? 0 : offset - piece.begin;
    const uint32_t at = std::min(piece.origin.begin + inside, piece.origin.end);
    return {piece.origin.file, at, at};
  };
  const Span first = place(span.begin);
  if (span.end <= span.begin) return first;
  const Span last = place(span.end - 1);
  if (last.file != first.file || last.begin < first.begin) return {first.file, first.begin, first.begin + 1};
  return {first.file, first.begin, last.begin + 1};
}

Result<FileId> Files::Read(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return HostError(errno, path);
  Result<std::string> text = ReadAll(descriptor, path);
  close(descriptor);
  if (!text.ok()) return text.status();
  return Add(path, *std::move(text));
}

std::string_view Files::Text(Span span) const {
  if (!span.valid()) return {};
  const std::string_view text = files_[span.file].text;
  const size_t begin = std::min<size_t>(span.begin, text.size());
  const size_t end = std::clamp<size_t>(span.end, begin, text.size());
  return text.substr(begin, end - begin);
}

Position Files::PositionOf(FileId id, uint32_t offset) const {
  const File& file = files_[id];
  offset = std::min<uint32_t>(offset, static_cast<uint32_t>(file.text.size()));
  const auto after = std::upper_bound(file.line_starts.begin(), file.line_starts.end(), offset);
  const uint32_t line = static_cast<uint32_t>(after - file.line_starts.begin());
  size_t i = file.line_starts[line - 1];
  // An editor does not show the byte order mark.
  if (i == 0 && StartsWithMark(file.text)) i = kByteOrderMark.size();
  uint32_t column = 1;
  while (i < offset) {
    i += DecodeUtf8(file.text, i).bytes;
    if (i <= offset) ++column;
  }
  return {line, column};
}

std::string_view Files::Line(FileId id, uint32_t line) const {
  const File& file = files_[id];
  const std::string_view text = file.text;
  size_t begin = file.line_starts[line - 1];
  size_t end = line < file.line_starts.size() ? file.line_starts[line] - 1 : text.size();
  if (end > begin && text[end - 1] == '\r') --end;
  if (begin == 0 && StartsWithMark(text)) begin = kByteOrderMark.size();
  return text.substr(begin, end - begin);
}

}  // namespace sluice::source
