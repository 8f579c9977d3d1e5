// eval/net_set.h - a set of IPv4 and IPv6 nets that says whether one of them holds an address.
//
// Threads: const after the last Add(). Errors: none. Cost: one hash look-up for each distinct prefix length
//          in the set (a million nets have at most 33 + 129).
#pragma once

#include <cstring>
#include <unordered_set>
#include <vector>

#include "compiler/check/checked.h"

namespace sluice::eval {

class NetSet {
 public:
  void Add(const check::Net& net);

  // Whether a net of the set holds the whole of `net` (an address has its full prefix). A family holds only
  // its own.
  bool Contains(const check::Net& net) const;

  // An address's first `bits` of its family.
  struct Key {
    uint64_t high = 0, low = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  static Key Masked(const check::Address& address, unsigned bits);

 private:
  struct KeyHash {
    size_t operator()(const Key& key) const {
      uint64_t hash = key.high * 0x9e3779b97f4a7c15u ^ key.low * 0xc2b2ae3d27d4eb4fu;
      return static_cast<size_t>(hash ^ hash >> 29);
    }
  };
  struct Length {
    bool v4 = false;
    uint8_t prefix = 0;
    std::unordered_set<Key, KeyHash> nets;
  };

  std::vector<Length> lengths_;
};

}  // namespace sluice::eval
