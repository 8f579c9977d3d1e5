// check/terms.h - fields and transformers: names resolved, arguments and types checked. Private to check/.
//
// Threads: none shared. Errors: E201, E207 and E209 diagnostics; false means that one was added.
#pragma once

#include "compiler/check/checked.h"
#include "compiler/diag/diag.h"

namespace sluice::check {

bool ResolveUse(const ast::Field& field, diag::Diagnostics& diagnostics, FieldUse& use);

// A field, or a transformer over fields and constants.
bool ResolveTerm(const ast::Operand& operand, diag::Diagnostics& diagnostics, Term& term);

std::string_view TransformName(TransformKind kind);
std::string TermText(const Term& term);  // as Falco writes it: "tolower(proc.name)"

// A path of the operation or of the executable, whose exact tests a mitigation may ask of every name of the file.
bool MayNameFile(const Term& term);

// Calls `visit(const FieldUse&)` for every field within the term.
template <typename Visit>
void ForEachField(const Term& term, const Visit& visit) {
  if (term.kind == Term::Kind::kField) visit(term.field);
  for (const Term& argument : term.arguments) ForEachField(argument, visit);
}

}  // namespace sluice::check
