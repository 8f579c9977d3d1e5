#include "compiler/falco/items.h"

#include <algorithm>
#include <string_view>

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

void Text::Replace(uint32_t at, uint32_t size, std::string_view with) {
  bytes.replace(at, size, with);
  const uint32_t end = at + size;
  std::vector<source::Files::Piece> before, after;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const source::Files::Piece& piece = pieces[i];
    const uint32_t next = i + 1 < pieces.size() ? pieces[i + 1].begin : ~0u;
    if (piece.begin <= at) before.push_back(piece);
    if (piece.begin <= at && at < next) {
      const uint32_t first = piece.origin.begin + (at - piece.begin);
      before.push_back({at, {piece.origin.file, first, first + size - 1}});
    }
    if (next <= end) continue;
    const uint32_t cut = std::max(piece.begin, end) - piece.begin;
    source::Span rest = piece.origin;
    rest.begin = std::min(rest.begin + cut, rest.end);
    after.push_back({piece.begin + cut - size + static_cast<uint32_t>(with.size()), rest});
  }
  before.insert(before.end(), after.begin(), after.end());
  pieces = std::move(before);
}

Text TextOf(const Node& scalar) { return {scalar.text, scalar.pieces, scalar.span}; }

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
