// learn/learn.h - from what programs did to rules that say when they do something else.
//
// An Observer is shown the events of a capture; RulesOf() writes, for each program, an allow-list of the files that it
// reads and writes, of the programs that it starts and of what it connects to, each with a rule that fires on anything
// else. ExceptionsOf() writes exceptions for one rule that fires too often. The caller proves them by a replay.
//
// Threads: one thread. Memory: the distinct values seen. Errors: none; a value that could not be had is left out and
//          counted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "learn/paths.h"
#include "runtime/eval/event.h"

namespace sluice::learn {

struct Habits {
  Counts reads, writes, starts;
  std::map<int64_t, Counts> peers;  // addresses, by port
  uint64_t events = 0;
};
using Observed = std::map<std::string, Habits>;  // by proc.exepath

class Observer {
 public:
  // Programs whose path is not `wanted` are passed over.
  explicit Observer(std::function<bool(const std::string& exepath)> wanted) : wanted_(std::move(wanted)) {}

  void See(const eval::Event& event);
  const Observed& observed() const { return observed_; }
  uint64_t unknown() const { return unknown_; }

 private:
  std::optional<std::string> Text(const eval::Event& event, const char* field);
  Habits* Of(const std::string& exepath);

  const std::function<bool(const std::string&)> wanted_;
  Observed observed_;
  uint64_t unknown_ = 0;
};

// `without`: names of rules to leave out. `from`: what was observed, for the comment on top.
std::string RulesOf(const Observed& observed, const std::set<std::string>& without, const std::string& from);

// What an alert of the rule was about: the program, and a field with its value.
struct Subject {
  std::string exepath, field, value;
  auto operator<=>(const Subject&) const = default;
};
std::optional<Subject> SubjectOf(const eval::Event& event);

// The items of an `exceptions:` list, a line each. `exact`: without patterns, which a mitigation cannot have. `taken`:
// names of the exceptions that the rule has.
std::string ExceptionsOf(const std::map<Subject, uint64_t>& subjects, bool exact,
                         const std::set<std::string>& taken = {});

// In double quotes, as the language reads it.
std::string Quoted(const std::string& text);

}  // namespace sluice::learn
