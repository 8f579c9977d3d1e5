#include "runtime/eval/render.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <ctime>

#include "bpf/abi/filter_abi.h"

namespace sluice::eval {
namespace {

// f_flags as the kernel has them on x86-64; the C library hides or widens some.
constexpr uint64_t kSync = 04000000, kDsync = 010000, kLargeFile = 0100000, kTmpFile = 020000000,
                   kDirect = 040000;

struct NamedBit {
  std::string_view name;
  uint64_t bit;
};

// Falco's order; the access mode stands between. O_SYNC comes with O_DSYNC and O_TMPFILE with O_DIRECTORY, as
// in Falco.
constexpr NamedBit kOpenFlags[] = {
    {"O_LARGEFILE", kLargeFile}, {"O_DIRECTORY", O_DIRECTORY}, {"O_DIRECT", kDirect}, {"O_TRUNC", O_TRUNC},
    {"O_SYNC", kSync},           {"O_NONBLOCK", O_NONBLOCK},   {"O_EXCL", O_EXCL},    {"O_DSYNC", kDsync},
    {"O_APPEND", O_APPEND},      {"O_CREAT", O_CREAT},
};
constexpr NamedBit kLateOpenFlags[] = {{"O_TMPFILE", kTmpFile}, {"O_F_CREATED", SLUICE_FLAG_CREATED}};

constexpr NamedBit kImageFlags[] = {{"EXE_UPPER_LAYER", SLUICE_IMAGE_UPPER},
                                    {"EXE_FROM_MEMFD", SLUICE_IMAGE_MEMFD}};

// Collects names in a buffer of its own.
class NameList {
 public:
  explicit NameList(char separator) : separator_(separator) {}
  void Add(std::string_view name) {
    if (size_ + name.size() + 1 > sizeof(text_)) return;
    if (size_ > 0) text_[size_++] = separator_;
    std::memcpy(text_ + size_, name.data(), name.size());
    size_ += name.size();
  }
  void AddBits(uint64_t word, const NamedBit* bits, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (word & bits[i].bit) Add(bits[i].name);
    }
  }
  bool empty() const { return size_ == 0; }
  std::string_view Keep(Arena& arena) const { return arena.Keep({text_, size_}); }

 private:
  char text_[1024];
  size_t size_ = 0;
  const char separator_;
};

template <typename... Args>
std::string_view Formatted(Arena& arena, fmt::format_string<Args...> format, Args&&... args) {
  char text[128];
  const auto end = fmt::format_to_n(text, sizeof(text), format, std::forward<Args>(args)...);
  return arena.Keep({text, std::min(end.size, sizeof(text))});
}

}  // namespace

std::string_view RenderOpenFlags(uint64_t word, Arena& arena) {
  NameList names('|');
  names.AddBits(word, kOpenFlags, std::size(kOpenFlags));
  switch (word & O_ACCMODE) {
    case O_RDONLY:
      names.Add("O_RDONLY");
      break;
    case O_WRONLY:
      names.Add("O_WRONLY");
      break;
    case O_RDWR:
      names.Add("O_RDWR");
      break;
    default:
      break;
  }
  names.AddBits(word, kLateOpenFlags, std::size(kLateOpenFlags));
  return names.Keep(arena);
}

std::string_view RenderImageFlags(uint64_t image_flags, Arena& arena) {
  NameList names('|');
  names.AddBits(image_flags, kImageFlags, std::size(kImageFlags));
  return names.Keep(arena);
}

std::string_view RenderFlags(uint64_t word, const check::NameTable& flags, Arena& arena) {
  NameList names('|');
  for (const check::NamedNumber& flag : flags) {
    if (flag.number != 0 && (word & flag.number) == flag.number) names.Add(flag.name);
  }
  if (!names.empty()) return names.Keep(arena);
  for (const check::NamedNumber& flag : flags) {
    if (flag.number == 0) names.Add(flag.name);
  }
  return names.Keep(arena);
}

std::string_view RenderCapabilities(uint64_t set, Arena& arena) {
  NameList names(' ');
  for (const check::NamedNumber& capability : check::NamesOf(check::Names::kCapabilities)) {
    if (set & capability.number) names.Add(capability.name);
  }
  return names.Keep(arena);
}

std::string_view RenderTuple(const Endpoint& local, const Endpoint& remote, Arena& arena) {
  const auto address_of = [&](const Endpoint& end, char(&text)[INET6_ADDRSTRLEN]) {
    const bool v4 = end.address != nullptr ? end.address->address.v4 : remote.address->address.v4;
    const check::Net nothing;
    const uint8_t* bytes = (end.address != nullptr ? end.address : &nothing)->address.bytes.data();
    inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, text, sizeof text);
  };
  const auto port_of = [](const Endpoint& end) { return end.port == SLUICE_ABSENT_INT ? 0 : end.port; };
  char here[INET6_ADDRSTRLEN] = "", there[INET6_ADDRSTRLEN] = "";
  address_of(local, here);
  if (remote.address == nullptr) return Formatted(arena, "{}:{}", here, port_of(local));
  address_of(remote, there);
  return Formatted(arena, "{}:{}->{}:{}", here, port_of(local), there, port_of(remote));
}

std::string_view RenderNumber(int64_t number, Arena& arena) { return Formatted(arena, "{}", number); }
std::string_view RenderHex(uint64_t number, Arena& arena) { return Formatted(arena, "{:X}", number); }
std::string_view RenderOctal(uint64_t number, Arena& arena) { return Formatted(arena, "{:#o}", number); }

std::string_view RenderTime(int64_t unix_ns, std::optional<int32_t> utc_offset_s, TimeStyle style,
                            Arena& arena) {
  constexpr int64_t kNsPerSecond = 1'000'000'000;
  int64_t seconds_since = unix_ns / kNsPerSecond, fraction = unix_ns % kNsPerSecond;
  if (fraction < 0) {
    fraction += kNsPerSecond;
    --seconds_since;
  }
  const bool utc = style == TimeStyle::kIso8601;
  const time_t seconds = static_cast<time_t>(seconds_since + (utc ? 0 : utc_offset_s.value_or(0)));
  std::tm t{};
  if (utc || utc_offset_s) {
    gmtime_r(&seconds, &t);
  } else {
    localtime_r(&seconds, &t);
  }
  char date[40];
  const size_t length = std::strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &t);
  const std::string_view whole(date, length), time = whole.substr(whole.find(' ') + 1);
  switch (style) {
    case TimeStyle::kTime:
      return Formatted(arena, "{}.{:09}", time, fraction);
    case TimeStyle::kTimeSeconds:
      return arena.Keep(time);
    case TimeStyle::kIso8601:
      date[whole.find(' ')] = 'T';
      return Formatted(arena, "{}.{:09}+0000", whole, fraction);
    case TimeStyle::kDatetime:
      return Formatted(arena, "{}.{:09}", whole, fraction);
    case TimeStyle::kDatetimeSeconds:
      return arena.Keep(whole);
  }
  return {};
}

}  // namespace sluice::eval
