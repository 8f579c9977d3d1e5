// tests/differential/vocabulary.h - the words that rules and events share.
//
// Threads: not synchronized (they draw from a Random). Errors: none.
#pragma once

#include <string>

#include "tests/differential/generate.h"

namespace sluice::differential {

std::string SomeName(Random& random);     // at most 15 bytes, as proc.name
std::string SomePath(Random& random);     // absolute, normalised; now and then very long
std::string SomeCommand(Random& random);  // a command line
int64_t SomeNumber(Random& random);

// "fd.directory" and "fd.filename" of a path.
std::string DirectoryOf(const std::string& path);
std::string BaseNameOf(const std::string& path);

// The flags of an open as `evt.arg.flags` shows them.
std::string ShownFlags(uint64_t word);

// A beginning, an end or a middle part.
std::string PrefixOf(const std::string& text, Random& random);
std::string SuffixOf(const std::string& text, Random& random);
std::string PartOf(const std::string& text, Random& random);

}  // namespace sluice::differential
