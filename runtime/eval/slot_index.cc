#include "runtime/eval/slot_index.h"

#include <algorithm>
#include <cstring>

#include "runtime/eval/net_set.h"

namespace sluice::eval {

using Kind = uplan::Mark::Kind;

uint64_t SlotIndex::KeyOf(const check::Address& address, Length length) {
  const NetSet::Key key = NetSet::Masked(address, length.prefix);
  return (key.high + length.prefix + (length.v4 ? 256 : 0)) * 0x9e3779b97f4a7c15u ^ key.low;
}

// One slash at the front and none doubled.
bool SlotIndex::IsNormalPath(std::string_view text) {
  if (text.empty() || text[0] != '/') return false;
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '/' && text[at - 1] == '/') return false;
  }
  return true;
}

// The beginning of a path, with one slash at the front and none doubled.
std::string_view SlotIndex::Normalised(std::string_view path, char* bytes) {
  size_t size = 0;
  bytes[size++] = '/';
  for (size_t at = 0; at < path.size() && size < kMaxPath; ++at) {
    if (path[at] != '/' || bytes[size - 1] != '/') bytes[size++] = path[at];
  }
  return {bytes, size};
}

void SlotIndex::Add(Kind kind, std::string_view bytes, uplan::MarkId mark) {
  switch (kind) {
    case Kind::kText:
      return texts_.Add(bytes, mark);
    case Kind::kNumber: {
      uint64_t number = 0;
      std::memcpy(&number, bytes.data(), sizeof(number));
      return numbers_.Add(number, mark);
    }
    case Kind::kNet: {
      uplan::MarkedNet net;
      std::memcpy(&net, bytes.data(), sizeof(net));
      const Length length{net.v4 != 0, net.prefix};
      if (std::find(lengths_.begin(), lengths_.end(), length) == lengths_.end()) lengths_.push_back(length);
      return nets_.Add(KeyOf({net.address, length.v4}, length), mark);
    }
    case Kind::kPath:
      has_paths_ = true;
      return beginnings_.Add(bytes.substr(0, kMaxPath), mark | kIsPath);
    case Kind::kPrefix:
      return beginnings_.Add(bytes, mark);
    case Kind::kSuffix:
      return suffixes_.Add(bytes, mark);
    case Kind::kSubstring:
      return parts_.Add(bytes, mark);
  }
}

void SlotIndex::Build() {
  texts_.Build();
  numbers_.Build();
  nets_.Build();
  beginnings_.Build();
  suffixes_.Build();
  parts_.Build();
}

}  // namespace sluice::eval
