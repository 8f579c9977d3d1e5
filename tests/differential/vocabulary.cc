#include "tests/differential/vocabulary.h"

#include <fcntl.h>

#include <utility>

#include "bpf/abi/filter_abi.h"

namespace sluice::differential {
namespace {

const std::vector<std::string> kNames = {
    "bash",    "sh",      "zsh",        "nginx", "httpd",           "cron",
    "a",       "b",       "python3.11", "Bash",  "fifteen-bytes-x", "runc:[2:INIT]",
    "my prog", "q\"uote", "caf\xc3\xa9"};
const std::vector<std::string> kComponents = {
    "etc", "root",     "tmp", "a",           "b",   "bin", "shadow", "x.so",  "ssh",        "passwd",
    "a b", "..hidden", "ETC", "caf\xc3\xa9", "opt", "di",  "dir",    "di[r]", "back\\slash"};
const std::vector<std::string> kAnonymous = {"anon_inode:[eventfd]", "memfd:x", "socket:[4711]"};
// Lengths around the exact key, the prefix key and the suffix key.
const std::vector<size_t> kLengths = {59, 60, 63, 64, 65, 249, 250, 251, 252, 253, 254, 255, 256, 300};

}  // namespace

std::string SomeName(Random& random) { return random.Pick(kNames); }

std::string SomePath(Random& random) {
  if (random.Chance(3)) return random.Pick(kAnonymous);
  if (random.Chance(1)) return "/";
  std::string path;
  for (size_t i = 0, n = 1 + random.Below(3); i < n; ++i) path += "/" + random.Pick(kComponents);
  if (random.Chance(6)) {
    path += "/";
    const size_t length = random.Pick(kLengths);
    while (path.size() < length) path += 'x';
  }
  return path;
}

std::string SomeCommand(Random& random) {
  std::string command = SomeName(random);
  for (size_t i = 0, n = random.Below(3); i < n; ++i) {
    command += " " + (random.Chance(50) ? SomePath(random) : SomeName(random));
  }
  return command;
}

int64_t SomeNumber(Random& random) {
  static const std::vector<int64_t> kNumbers = {0, 1, 2, 33, 999, 1000, 1001, 65534};
  return random.Pick(kNumbers);
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string BaseNameOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string ShownFlags(uint64_t word) {
  static const std::vector<std::pair<uint64_t, const char*>> kBits = {
      {0100000, "O_LARGEFILE"}, {0200000, "O_DIRECTORY"}, {040000, "O_DIRECT"},
      {O_TRUNC, "O_TRUNC"},     {04000000, "O_SYNC"},     {O_NONBLOCK, "O_NONBLOCK"},
      {O_EXCL, "O_EXCL"},       {010000, "O_DSYNC"},      {O_APPEND, "O_APPEND"},
      {O_CREAT, "O_CREAT"},     {020000000, "O_TMPFILE"}, {SLUICE_FLAG_CREATED, "O_F_CREATED"}};
  static const std::vector<const char*> kAccess = {"O_RDONLY", "O_WRONLY", "O_RDWR"};
  std::string shown;
  const auto add = [&](const char* name) { shown += (shown.empty() ? "" : "|") + std::string(name); };
  for (const auto& [bit, name] : kBits) {
    if ((word & bit) != 0) add(name);
  }
  if ((word & 3) != 3) add(kAccess[word & 3]);
  return shown;
}

namespace {

// A cut inside a code point would not be text any more.
size_t SomeCut(const std::string& text, Random& random) {
  size_t cut = random.Below(text.size() + 1);
  while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return cut;
}

}  // namespace

std::string PrefixOf(const std::string& text, Random& random) {
  return text.substr(0, SomeCut(text, random));
}

std::string SuffixOf(const std::string& text, Random& random) { return text.substr(SomeCut(text, random)); }

std::string PartOf(const std::string& text, Random& random) {
  return PrefixOf(SuffixOf(text, random), random);
}

}  // namespace sluice::differential
