// diag/diag.h - what is wrong with a rule, as data.
//
// A Diagnostic is a declared object: its code (codes.def) gives severity and title; the caller adds the
// sentence, the labels and a hint. Rendering (render.h) happens once, at the edge. Stages never print and
// never stop at the first fault; they add to a Diagnostics and go on.
//
// Threads: not synchronized; one Diagnostics belongs to one compilation.
// Memory:  at most kMaxDiagnostics are kept; the rest are counted.
// Errors:  none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"

namespace sluice::diag {

enum class Severity : uint8_t { kError, kWarning, kNote };
std::string_view SeverityWord(Severity severity);  // "error"

enum class Code : uint16_t {
#define DIAG(code, severity, slug, title) code,
#include "compiler/diag/codes.def"
#undef DIAG
};

struct CodeRow {
  Code code;
  Severity severity;
  std::string_view name;   // "E201"
  std::string_view slug;   // "unknown-field": how a warning is suppressed in the source
  std::string_view title;  // "Unknown field"
};
const CodeRow& RowOf(Code code);

struct Label {
  source::Span span;
  std::string text;  // may be empty on the primary label
};

// Replacing `span` by `text` mends the fault.
struct Patch {
  source::Span span;
  std::string text;
};

struct Diagnostic {
  Code code;
  std::string message;        // sentence case, no full stop, user words in backticks
  Label primary;              // an invalid span means: about the whole input
  std::vector<Label> others;  // "first declared here", "expanded from here"
  std::string note;           // why it is so; may be empty
  std::string help;           // what to do; may be empty
  std::vector<Patch> patches;
};

inline constexpr size_t kMaxDiagnostics = 100;

class Diagnostics {
 public:
  // Keeps the first kMaxDiagnostics; errors are preferred over warnings beyond that.
  Diagnostic& Add(Code code, source::Span where, std::string message);

  void Append(const Diagnostics& other);

  const std::vector<Diagnostic>& all() const { return all_; }
  size_t errors() const { return errors_; }
  size_t warnings() const { return warnings_; }
  size_t dropped() const { return dropped_; }
  bool ok() const { return errors_ == 0; }

 private:
  std::vector<Diagnostic> all_;
  Diagnostic overflow_{};
  size_t errors_ = 0, warnings_ = 0, dropped_ = 0;
};

// The diagnostic with every place where a reader finds it (source::Files::Resolve).
Diagnostic Resolved(Diagnostic diagnostic, const source::Files& files);

// The nearest of `known` to `word` by edit distance, or empty when nothing is near enough to suggest.
std::string NearestSpelling(std::string_view word, const std::vector<std::string_view>& known);
// Likewise; else the only one that begins with the word: `warn` is `warning`.
std::string Nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace sluice::diag
