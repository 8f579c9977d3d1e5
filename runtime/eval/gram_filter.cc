#include "runtime/eval/gram_filter.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace sluice::eval {

void GramFilter::Add(std::string_view text, uint32_t number) {
  texts_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(text.size()), number, 0});
  for (const char c : text) bytes_ += static_cast<char>(LowerByte(static_cast<uint8_t>(c)));
}

uint32_t GramFilter::GramAt(const Text& text, uint32_t at, uint32_t width) const {
  uint32_t gram = 0;
  for (uint32_t i = 0; i < width; ++i) gram = gram << 8 | static_cast<uint8_t>(bytes_[text.begin + at + i]);
  return gram;
}

// `gram`: where the chosen bytes stand in `value`.
bool GramFilter::IsAt(const Text& text, std::string_view value, size_t gram) const {
  if (gram < text.gram_at || value.size() - (gram - text.gram_at) < text.size) return false;
  const char* at = value.data() + (gram - text.gram_at);
  for (uint32_t i = 0; i < text.size; ++i) {
    if (LowerByte(static_cast<uint8_t>(at[i])) != static_cast<uint8_t>(bytes_[text.begin + i])) return false;
  }
  return true;
}

void GramFilter::Build() {
  std::array<std::unordered_map<uint32_t, uint32_t>, 3> uses;  // of a gram, by width
  const auto each_gram = [&](const Text& text, auto take) {
    const uint32_t width = kWidths[WidthOf(text.size)];
    for (uint32_t at = 0; at + width <= text.size; ++at) take(at, GramAt(text, at, width));
  };
  for (const Text& text : texts_)
    each_gram(text, [&](uint32_t, uint32_t gram) { ++uses[WidthOf(text.size)][gram]; });
  for (uint32_t index = 0; index < texts_.size(); ++index) {
    Text& text = texts_[index];
    Width& width = widths_[WidthOf(text.size)];
    uint32_t least = ~0u, best = 0;
    each_gram(text, [&](uint32_t at, uint32_t gram) {
      const uint32_t count = uses[WidthOf(text.size)][gram];
      if (count >= least) return;
      least = count;
      best = gram;
      text.gram_at = at;
    });
    width.table.Add(best, index);
  }
  for (size_t w = 0; w < widths_.size(); ++w) {
    Width& width = widths_[w];
    if (uses[w].empty()) continue;
    // One bit in sixteen is set at most, and the bitmap stays below 256 KB.
    const auto log = std::clamp<uint32_t>(std::bit_width(texts_.size()) + 4, 10, 21);
    width.shift = 32 - log;
    width.bits.assign(size_t{1} << (log - 6), 0);
  }
  for (const Text& text : texts_) {
    const size_t w = WidthOf(text.size);
    const uint32_t bit = HashOf(GramAt(text, text.gram_at, kWidths[w])) >> widths_[w].shift;
    widths_[w].bits[bit / 64] |= uint64_t{1} << bit % 64;
  }
  for (Width& width : widths_) width.table.Build();
}

}  // namespace sluice::eval
