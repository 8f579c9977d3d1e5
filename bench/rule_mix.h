// bench/rule_mix.h - rule sets of any size that look like the ones people write.
//
// The shapes and their shares follow Falco's published rules: macros for opens, execs and connections, name
// lists with exceptions, path prefixes, suffixes and globs, words of command lines, expressions, ports and
// nets, lineage, users, negations. Values come from pools that grow with the square root of the number of
// rules, and most words are common ones: rules share values, overlap, and many ask for what ordinary events
// hold.
//
// Threads: pure function. Errors: none. The same count gives the same text.
#pragma once

#include <cstddef>
#include <string>

namespace sluice::bench {

// A .rule file with `count` rules. A larger set starts with the rules of a smaller one, but for the pools.
std::string RuleMix(size_t count);

}  // namespace sluice::bench
