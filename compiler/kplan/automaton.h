// kplan/automaton.h - one automaton that finds many texts in one pass over a string.
//
// Source:  A. V. Aho and M. J. Corasick, "Efficient string matching: an aid to bibliographic search", CACM 18(6), 1975,
//          with the failure function folded into the transitions, so that each byte costs one step.
// Threads: pure functions. Errors: none. Memory: 520 bytes a state; a state for each distinct prefix of the texts.
#pragma once

#include <string>
#include <vector>

#include "bpf/abi/filter_abi.h"

namespace sluice::kplan {

// Rows by state, the root first; `found` of a row has bit i when one of texts[i] ends there. Empty when `texts` is.
// REQUIRES: at most SLUICE_ATOMS sets, of non-empty texts, and less than 2^16 states.
std::vector<sluice_automaton_row> BuildAutomaton(const std::vector<std::vector<std::string>>& texts);

}  // namespace sluice::kplan
