// check/output.h - output texts: "%proc.name on %20fd.name" -> pieces. Private to check/.
//
// As in Falco, `%` is followed by an optional width and the longest text that is a field or a transformer.
// `%%` is a percent sign, and a `%` before anything that cannot begin a field stands for itself.
//
// Threads: none shared. Errors: E201, E207 and E209 diagnostics; false means that one was added.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/check/checked.h"
#include "compiler/diag/diag.h"

namespace sluice::check {

// Those that were met before, by text; a literal's begins with a blank, a term's with its width.
using OutputPieces = std::unordered_map<std::string, std::shared_ptr<const OutputPiece>>;

// New pieces are added to `known`.
bool ParseOutput(const ast::Word& output, diag::Diagnostics& diagnostics, OutputPieces& known,
                 Output& pieces);

}  // namespace sluice::check
