#include "compiler/falco/items.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "compiler/parse/values.h"

namespace sluice::falco {

void Text::Append(const Text& other) {
  if (bytes.empty()) {
    *this = other;
    return;
  }
  bytes += ' ';
  const auto shift = static_cast<uint32_t>(bytes.size());
  bytes += other.bytes;
  for (source::Files::Piece piece : other.pieces) {
    piece.begin += shift;
    pieces.push_back(piece);
  }
}

void Text::Trim() {
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  bytes.resize(bytes.find_last_not_of(kBlanks) + 1);  // npos + 1: nothing but blanks
  const size_t first = std::min(bytes.find_first_not_of(kBlanks), bytes.size());
  bytes.erase(0, first);
  for (source::Files::Piece& piece : pieces) {
    const uint32_t gone = std::min(piece.begin, static_cast<uint32_t>(first));
    const uint32_t cut = static_cast<uint32_t>(first) - gone;  // of the piece itself
    piece.begin -= gone;
    piece.origin.begin = std::min(piece.origin.begin + cut, piece.origin.end);
  }
  // Of the pieces that begin at 0 now only the last has a byte left.
  const auto later = std::find_if(pieces.begin(), pieces.end(),
                                  [](const source::Files::Piece& piece) { return piece.begin > 0; });
  if (later - pieces.begin() > 1) pieces.erase(pieces.begin(), later - 1);
}

Text TextOf(const Node& scalar) { return {scalar.text, scalar.pieces, scalar.span}; }

void QuoteCycles(std::vector<ListItem>& lists) {
  enum class Step : uint8_t { kNew, kOpen, kDone };
  std::unordered_map<std::string_view, size_t> at;
  for (size_t i = 0; i < lists.size(); ++i) at.emplace(lists[i].name.text, i);
  std::vector<Step> steps(lists.size(), Step::kNew);
  // From the last on: in a circle it is the earlier list to which the later one's name is a text, as in Falco.
  for (size_t root = lists.size(); root-- > 0;) {
    std::vector<std::pair<size_t, size_t>> path;  // a list, and its next item
    if (steps[root] == Step::kNew) path.emplace_back(root, 0);
    while (!path.empty()) {
      auto& [list, next] = path.back();
      steps[list] = Step::kOpen;
      if (next == lists[list].items.size()) {
        steps[list] = Step::kDone;
        path.pop_back();
        continue;
      }
      ast::Word& item = lists[list].items[next++];
      const auto found = item.quoted ? at.end() : at.find(item.text);
      if (found == at.end()) continue;
      if (steps[found->second] == Step::kOpen) item.quoted = true;
      if (steps[found->second] == Step::kNew) path.emplace_back(found->second, 0);
    }
  }
}

ast::Word WordOf(const Node& scalar) {
  ast::Word word{scalar.text, scalar.span, scalar.quoted};
  const std::string& text = scalar.text;
  const bool inner_quotes =
      text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
  if (inner_quotes) {
    word.text = parse::Unescape(text, [](size_t, size_t) {});
    word.quoted = true;
  } else if (scalar.quoted) {
    // 'shell_binaries' in YAML quotes is still a bare word to Falco: it may name a list.
    word.quoted = !parse::IsIdentifier(text);
  }
  return word;
}

}  // namespace sluice::falco
