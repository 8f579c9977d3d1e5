#include "runtime/load/libbpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <deque>
#include <mutex>

namespace sluice::load {
namespace {

constexpr size_t kKeptLines = 12;

std::mutex mutex;
std::deque<std::string> lines;

int Keep(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  va_list again;
  va_copy(again, arguments);
  const int bytes = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (bytes <= 0) return 0;
  std::string text(static_cast<size_t>(bytes) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  const std::lock_guard<std::mutex> lock(mutex);
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    if (end > at) lines.push_back(text.substr(at, end - at));
    if (lines.size() > kKeptLines) lines.pop_front();
    at = end + 1;
  }
  return 0;
}

}  // namespace

void CaptureLibbpfLog() { libbpf_set_print(Keep); }

std::string TakeLibbpfLog() {
  const std::lock_guard<std::mutex> lock(mutex);
  std::string text;
  for (const std::string& line : lines) text += "\n  " + line;
  lines.clear();
  return text;
}

}  // namespace sluice::load
