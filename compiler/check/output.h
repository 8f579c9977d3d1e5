// check/output.h - output texts: "%proc.name on %20fd.name" -> pieces. Private to check/.
//
// As in Falco, `%` is followed by an optional width and the longest text that is a field or a transformer.
// `%%` is a percent sign, and a `%` before anything that cannot begin a field stands for itself.
//
// Threads: none shared. Errors: E201, E207 and E209 diagnostics; false means that one was added.
#pragma once

#include <vector>

#include "compiler/check/checked.h"
#include "compiler/diag/diag.h"

namespace sluice::check {

bool ParseOutput(const ast::Word& output, diag::Diagnostics& diagnostics, std::vector<OutputPiece>& pieces);

}  // namespace sluice::check
