#include "compiler/split/bits.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace sluice::split {
namespace {

// The order in which bits are given: first by the lookups asked, then by what is asked.
using Key = std::vector<std::pair<uint32_t, AnyOfId>>;

Key KeyOf(const Kernel& kernel, const Interner& interner) {
  Key key;
  for (const AnyOfId id : kernel) key.emplace_back(interner[id].lookup, id);
  std::sort(key.begin(), key.end());
  return key;
}

std::vector<uint32_t> LookupsOf(const Key& key) {
  std::vector<uint32_t> lookups;
  for (const auto& [lookup, id] : key) lookups.push_back(lookup);
  return lookups;
}

// Cuts `members` into `pieces` runs of nearly one length.
void Cut(const std::vector<uint32_t>& members, size_t pieces, std::vector<std::vector<uint32_t>>& runs) {
  for (size_t i = 0; i < pieces; ++i) {
    const auto begin = members.begin() + static_cast<ptrdiff_t>(members.size() * i / pieces);
    const auto end = members.begin() + static_cast<ptrdiff_t>(members.size() * (i + 1) / pieces);
    if (begin != end) runs.emplace_back(begin, end);
  }
}

// Splits the conditions from `pinned` on into at most `room` runs. Conditions with the same lookups stay
// together, unless there are more such groups than room.
std::vector<std::vector<uint32_t>> MakeRuns(const std::vector<Kernel>& conditions, size_t pinned, size_t room,
                                            const Interner& interner) {
  std::vector<std::pair<Key, uint32_t>> sorted;
  for (size_t i = pinned; i < conditions.size(); ++i) {
    sorted.emplace_back(KeyOf(conditions[i], interner), static_cast<uint32_t>(i));
  }
  std::sort(sorted.begin(), sorted.end());
  std::map<std::vector<uint32_t>, std::vector<uint32_t>> groups;
  for (const auto& [key, index] : sorted) groups[LookupsOf(key)].push_back(index);

  std::vector<std::vector<uint32_t>> runs;
  if (groups.size() > room) {
    std::vector<uint32_t> all;
    for (const auto& [lookups, members] : groups) all.insert(all.end(), members.begin(), members.end());
    Cut(all, room, runs);
    return runs;
  }
  const size_t spare = room - groups.size();
  const size_t wanted = sorted.size() - groups.size();
  for (const auto& [lookups, members] : groups) {
    Cut(members, wanted <= spare ? members.size() : 1 + spare * (members.size() - 1) / wanted, runs);
  }
  return runs;
}

}  // namespace

Bits AssignBits(const std::vector<Kernel>& conditions, size_t pinned, size_t limit, Interner& interner) {
  Bits bits;
  bits.bit_of.resize(conditions.size());
  bits.weakened.resize(conditions.size());
  const size_t room = limit - std::min(limit, pinned);
  if (pinned > limit || (room == 0 && conditions.size() > pinned)) {
    bits.fits = false;
    return bits;
  }
  std::map<Kernel, uint32_t> kernels;  // to an index that `order` gives a bit
  std::vector<Kernel> by_index;
  const auto place = [&](const Kernel& kernel, uint32_t condition) {
    const auto [it, added] = kernels.emplace(kernel, static_cast<uint32_t>(by_index.size()));
    if (added) by_index.push_back(kernel);
    bits.bit_of[condition] = it->second;
  };
  for (uint32_t i = 0; i < pinned; ++i) {
    bits.bit_of[i] = static_cast<uint32_t>(by_index.size());
    by_index.push_back(conditions[i]);
  }
  for (const std::vector<uint32_t>& run : MakeRuns(conditions, pinned, room, interner)) {
    std::vector<const Kernel*> members;
    for (const uint32_t index : run) members.push_back(&conditions[index]);
    const Kernel kernel = run.size() == 1 ? conditions[run[0]] : Weaken(members, interner);
    for (const uint32_t index : run) {
      bits.weakened[index] = kernel != conditions[index];
      place(kernel, index);
    }
  }
  std::vector<std::pair<std::vector<uint32_t>, uint32_t>> order;
  for (uint32_t i = 0; i < by_index.size(); ++i)
    order.emplace_back(LookupsOf(KeyOf(by_index[i], interner)), i);
  std::sort(order.begin(), order.end());
  std::vector<uint32_t> bit_of_index(order.size());
  for (uint32_t bit = 0; bit < order.size(); ++bit) {
    bit_of_index[order[bit].second] = bit;
    bits.kernels.push_back(std::move(by_index[order[bit].second]));
  }
  for (uint32_t& bit : bits.bit_of) bit = bit_of_index[bit];
  return bits;
}

}  // namespace sluice::split
