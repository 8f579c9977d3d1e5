// diag/render.h - diagnostics for people and for machines.
//
// Text is what a terminal shows: `file:line:column: error[E201]: message`, the line, carets, labels, help.
// JSON is one object with an array; SARIF is 2.1.0.
// Threads: pure functions. Errors: none; bytes that are not UTF-8 are shown as U+FFFD.
#pragma once

#include <string>

#include "compiler/diag/diag.h"

namespace sluice::diag {

std::string RenderText(const Diagnostics& diagnostics, const source::Files& files, bool colour);
std::string RenderJson(const Diagnostics& diagnostics, const source::Files& files);
std::string RenderSarif(const Diagnostics& diagnostics, const source::Files& files);

}  // namespace sluice::diag
