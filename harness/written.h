// harness/written.h - the events of a test, as its author wrote them, made whole by defaults.
//
// A test says what matters; the rest is what such an event has on an ordinary host: a root process below
// systemd, a file that is opened for reading, a call that succeeds. Each value that is given decides the
// defaults that hang on it (defaults.h). Processes of a test are remembered: an event that says nothing of
// its process is of the one before; a name or a pid that the test has had means that process, and as
// `proc.pname` or `proc.ppid` its child. docs/testing-rules.md is the reference for authors.
//
// Threads: pure functions. Memory: self-contained. Errors: E201, E208, E209, E210 and E109 at the words of
//          the test.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/ast/ast.h"
#include "compiler/check/event.h"
#include "compiler/diag/diag.h"

namespace sluice::harness {

// The value of one field. `<NA>` is absent and keeps a default away; `<unknown>` could not be had.
struct Written {
  enum class Kind : uint8_t { kValue, kAbsent, kUnknown } kind = Kind::kValue;
  std::vector<std::string> words;
  bool array = false;

  static Written Of(std::string text) { return {Kind::kValue, {std::move(text)}, false}; }
  static Written List(std::vector<std::string> words) { return {Kind::kValue, std::move(words), true}; }
};
using Fields =
    std::map<std::string, Written, std::less<>>;  // by field as written: "proc.aname", "evt.arg.flags"

struct WrittenEvent {
  check::HookId hook = check::kNoHook;  // kNoHook: no hook of this engine supplies the type
  check::EventType type = check::kNoType;
  source::Span span;
  std::string title;  // "execve", "nginx -> sh", ...
  Fields fields;      // no kAbsent among them
};

// An event that has faults is left out.
std::vector<WrittenEvent> WriteEvents(const ast::Test& test, diag::Diagnostics& diagnostics);

// "proc.name" of "/usr/bin/bash": at most 15 bytes of the last component.
std::string NameOfPath(std::string_view path);

}  // namespace sluice::harness
