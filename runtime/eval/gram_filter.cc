#include "runtime/eval/gram_filter.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "runtime/eval/glob.h"

namespace sluice::eval {

void GramFilter::Add(std::string_view text, uint32_t number) {
  texts_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(text.size()), number});
  for (const char c : text) bytes_ += static_cast<char>(LowerByte(static_cast<uint8_t>(c)));
}

uint32_t GramFilter::GramAt(const Text& text, uint32_t offset, uint32_t width) const {
  const char* bytes = bytes_.data() + text.begin + offset;
  if (width == 4) return GramAt<4>(bytes);
  return width == 2 ? GramAt<2>(bytes) : GramAt<1>(bytes);
}

// `at`: of the gram in `value`.
bool GramFilter::IsAt(const Place& place, std::string_view value, size_t at) const {
  const Text& text = texts_[place.text];
  if (at < place.offset || value.size() - (at - place.offset) < text.size) return false;
  const char* begin = value.data() + (at - place.offset);
  for (uint32_t i = 0; i < text.size; ++i) {
    if (LowerByte(static_cast<uint8_t>(begin[i])) != static_cast<uint8_t>(bytes_[text.begin + i]))
      return false;
  }
  return true;
}

void GramFilter::Build() {
  std::array<std::unordered_map<uint32_t, uint32_t>, 4> uses;  // of a gram, by class
  for (const Text& text : texts_) {
    const size_t c = ClassOf(text.size);
    classes_[c].least = std::min(classes_[c].least, text.size);
    for (uint32_t at = 0; at + kWidths[c] <= text.size; ++at) ++uses[c][GramAt(text, at, kWidths[c])];
  }
  classes_[3].stride = 4;
  classes_[2].stride = classes_[2].least > 4 ? 2 : 1;
  for (uint32_t index = 0; index < texts_.size(); ++index) {
    const Text& text = texts_[index];
    const size_t c = ClassOf(text.size);
    const uint32_t width = kWidths[c], run = classes_[c].stride;  // so many neighbours
    uint64_t least = ~uint64_t{0};
    uint32_t best = 0;
    for (uint32_t at = 0; at + run - 1 + width <= text.size; ++at) {
      uint64_t sum = 0;
      for (uint32_t i = 0; i < run; ++i) sum += uses[c][GramAt(text, at + i, width)];
      if (sum >= least) continue;
      least = sum;
      best = at;
    }
    for (uint32_t i = 0; i < run; ++i) {
      classes_[c].table.Add(GramAt(text, best + i, width), static_cast<uint32_t>(classes_[c].places.size()));
      classes_[c].places.push_back({index, best + i});
    }
  }
  for (size_t c = 0; c < classes_.size(); ++c) {
    Class& of = classes_[c];
    if (of.places.empty()) continue;
    // One bit in sixteen is set at most, and the bitmap stays below 256 KB.
    const auto log = std::clamp<uint32_t>(std::bit_width(of.places.size()) + 4, 10, 21);
    of.shift = 32 - log;
    of.bits.assign(size_t{1} << (log - 6), 0);
    for (const Place& place : of.places) {
      const uint32_t bit = HashOf(GramAt(texts_[place.text], place.offset, kWidths[c])) >> of.shift;
      of.bits[bit / 64] |= uint64_t{1} << bit % 64;
    }
    of.table.Build();
  }
}

}  // namespace sluice::eval
