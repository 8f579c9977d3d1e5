// learn/paths.h - a few patterns for many values: paths, and the ends of connections.
//
// What changes from run to run is not learned: numbers that are a part of a path by themselves (process ids), hashes,
// UUIDs, dates, long numbers, and names made up in a folder for temporary files. Two names that differ only in their
// numbers become one pattern, and a folder of which very many files were seen stands for all that is below it.
//
// Threads: pure functions. Errors: none; every value given is matched by the patterns that come back.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sluice::learn {

// Values with how often each was seen.
using Counts = std::map<std::string, uint64_t>;

// Each text once, sorted.
struct Patterns {
  std::vector<std::string> exact;
  std::vector<std::string> folders;   // for `pmatch`
  std::vector<std::string> prefixes;  // for `startswith`
  std::vector<std::string> globs;     // for `glob`
  bool empty() const { return exact.empty() && folders.empty() && prefixes.empty() && globs.empty(); }
};

Patterns PatternsOf(const Counts& paths);

// "/proc/123/stat" -> "/proc/*/stat", as a glob; the path itself when nothing in it changes.
std::string Generalised(const std::string& path);

// Addresses as text -> nets as text: neighbours of a /24 (IPv6: /64) together; every address of many.
std::vector<std::string> NetsOf(const Counts& addresses);

}  // namespace sluice::learn
