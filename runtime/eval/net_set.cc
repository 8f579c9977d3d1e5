#include "runtime/eval/net_set.h"

#include <algorithm>

namespace sluice::eval {
namespace {

uint64_t Word(const uint8_t* bytes) {
  uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word = word << 8 | bytes[i];
  return word;
}

uint64_t Mask(unsigned bits) { return bits == 0 ? 0 : ~uint64_t{0} << (64 - bits); }

}  // namespace

NetSet::Key NetSet::Masked(const check::Address& address, unsigned prefix) {
  const unsigned bits = prefix + (address.v4 ? 96 : 0);  // an IPv4 address is held as ::ffff:a.b.c.d
  return {Word(address.bytes.data()) & Mask(std::min(bits, 64u)),
          Word(address.bytes.data() + 8) & Mask(bits > 64 ? std::min(bits, 128u) - 64 : 0)};
}

void NetSet::Add(const check::Net& net) {
  auto length = std::find_if(lengths_.begin(), lengths_.end(), [&](const Length& known) {
    return known.v4 == net.address.v4 && known.prefix == net.prefix;
  });
  if (length == lengths_.end()) {
    lengths_.push_back({net.address.v4, net.prefix, {}});
    length = lengths_.end() - 1;
  }
  length->nets.insert(Masked(net.address, net.prefix));
}

bool NetSet::Contains(const check::Net& net) const {
  for (const Length& length : lengths_) {
    if (length.v4 != net.address.v4 || length.prefix > net.prefix) continue;
    if (length.nets.find(Masked(net.address, length.prefix)) != length.nets.end()) return true;
  }
  return false;
}

}  // namespace sluice::eval
