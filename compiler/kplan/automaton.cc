#include "compiler/kplan/automaton.h"

namespace sluice::kplan {

std::vector<sluice_automaton_row> BuildAutomaton(const std::vector<std::vector<std::string>>& texts) {
  if (texts.empty()) return {};
  std::vector<sluice_automaton_row> rows(1);
  for (size_t atom = 0; atom < texts.size(); ++atom) {
    for (const std::string& text : texts[atom]) {
      uint16_t state = 0;
      for (const unsigned char byte : text) {
        if (rows[state].next[byte] == 0) {
          rows[state].next[byte] = static_cast<uint16_t>(rows.size());
          rows.emplace_back();
        }
        state = rows[state].next[byte];
      }
      rows[state].found |= 1ull << atom;
    }
  }
  // Breadth first: where a state has no successor, that of the longest proper suffix of it that is a state.
  std::vector<uint16_t> suffix(rows.size(), 0), open = {0};
  for (size_t at = 0; at < open.size(); ++at) {
    const uint16_t state = open[at];
    const sluice_automaton_row& shorter = rows[suffix[state]];
    for (size_t byte = 0; byte < 256; ++byte) {
      uint16_t& next = rows[state].next[byte];
      if (next == 0) {
        next = shorter.next[byte];
        continue;
      }
      suffix[next] = state == 0 ? 0 : shorter.next[byte];
      rows[next].found |= rows[suffix[next]].found;
      open.push_back(next);
    }
  }
  return rows;
}

}  // namespace sluice::kplan
