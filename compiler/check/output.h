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

using OutputTerms = std::unordered_map<std::string, std::shared_ptr<const Term>>;  // by text

// `terms`: those that were met before; new ones are added.
bool ParseOutput(const ast::Word& output, diag::Diagnostics& diagnostics, OutputTerms& terms,
                 std::vector<OutputPiece>& pieces);

}  // namespace sluice::check
