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
