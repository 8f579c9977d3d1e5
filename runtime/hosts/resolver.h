// hosts/resolver.h - which addresses the host names that rules ask for stand for, as fd.sip.name and its kin say it.
//
// The names are looked up, by the host's own resolver, when rules ask for them and every kEvery. A name that is not found
// keeps the addresses that it had. As in Falco a connection is compared with what a name stands for at that time: an
// address that no rule's name stands for has no name.
//
// Threads: one of its own waits for the resolver; Ask() and Take() never do. Memory: the names that are asked for, and their addresses.
// Errors:  Open(), as source/thread.h. A name that cannot be looked up stands for nothing. Cost: a lookup a name every kEvery, one after the other.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/source/source.h"

namespace sluice::hosts {

using Address = std::array<uint8_t, 16>;                    // IPv4 mapped
using Table = std::map<Address, std::vector<std::string>>;  // sorted names

// Of one name, now; may wait for a server.
std::vector<Address> Resolve(const std::string& name);

class Resolver {
 public:
  static constexpr std::chrono::seconds kEvery{30};

  static source::Result<std::unique_ptr<Resolver>> Open();
  ~Resolver();  // does not wait for a lookup that is under way
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // All names that are of interest from here on.
  void Ask(std::vector<std::string> names);
  // The table, where it has changed since the last call; else null.
  std::shared_ptr<const Table> Take();

 private:
  struct Shared;
  Resolver();
  static void Run(const std::shared_ptr<Shared>& shared);
  std::shared_ptr<Shared> shared_;
};

}  // namespace sluice::hosts
