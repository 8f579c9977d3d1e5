// check/type_truth.h - tests whose truth follows from the type of their field: W214. Private to check/.
//
// Threads: pure function. Errors: none. Cost: linear in the test's values.
#pragma once

#include <optional>
#include <string>

#include "compiler/check/checked.h"

namespace sluice::check {

struct ConstantTest {
  bool truth = false;  // whenever the field has a value at all
  std::string why;     // "`proc.pid` is never negative"
  std::string help;    // may be empty
};

std::optional<ConstantTest> FindConstant(const Predicate& predicate);

}  // namespace sluice::check
