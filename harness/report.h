// harness/report.h - what became of the tests, for people and for CI.
//
// text: a line a test (`PASS name`, `FAIL name`), each failure with its place, carets and the whole
// condition. tap: TAP 14. junit: JUnit XML, a suite a file. github: workflow commands that annotate a pull
// request.
//
// Threads: pure functions. Errors: none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/runner.h"

namespace sluice::harness {

enum class Format : uint8_t { kText, kTap, kJunit, kGithub };

struct ReportOptions {
  Format format = Format::kText;
  bool colour = false;
  bool quiet = false;  // text: failures only
};

std::string Render(const Suite& suite, const std::vector<Result>& results, const ReportOptions& options);

// Errors of rules and tests, in place of results: annotations; `Bail out!`; a case with an error each. Text: nothing.
std::string RenderFaults(const diag::Diagnostics& diagnostics, const source::Files& files, Format format);

// "12 tests: 11 passed, 1 failed"; why verdicts were left out, one a line.
std::string Summary(const std::vector<Result>& results, const KernelCount& kernel, bool reasons);

}  // namespace sluice::harness
