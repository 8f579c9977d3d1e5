// harness/capture_run.h - a test whose events are a capture.
//
// The capture is replayed as `sluice replay` does with rules that it was not recorded with. On the way each record is judged by the naive evaluator and by the
// model of the kernel plan as well, for the rules that fire, those that the test names, and a few others by chance;
// E502 where they differ. What cannot be compared is counted.
//
// Threads: one thread; borrows everything. Errors: in the result: E501, E502, and E505 of a capture that cannot be
//          read, or not to its end.
#pragma once

#include <functional>
#include <memory>
#include <random>

#include "compiler/kplan/model.h"
#include "compiler/naive/naive.h"
#include "harness/coverage.h"
#include "harness/runner.h"

namespace sluice::harness {

// What a Runner has for all its tests.
struct Judges {
  const Suite& suite;
  eval::Evaluator& written;
  naive::Evaluator& naive;
  const kplan::Model& model;
  const std::vector<bool>& active;  // by hook: some rule asks there
  std::mt19937_64& random;
  KernelCount& count;
  Coverage* coverage;  // may be null
  // The same with what alerts have added to sets; an error when the rules do not compile with it.
  std::function<source::Result<std::shared_ptr<const Judges>>(const check::SetMembers&)> grow;
};

void RunCapture(const Judges& judges, const Case& test, Result& result);

}  // namespace sluice::harness
