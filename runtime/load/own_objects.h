// load/own_objects.h - which BPF objects are the agent's: what its own protection refuses to others (bpf/protect.bpf.c).
//
// Threads: owner thread. Errors: kInternal with the object and the kernel's reason. Cost: some system calls an object of the host.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <vector>

#include "compiler/source/source.h"

namespace sluice::load {

class OwnObjects {
 public:
  // `map` is the programs' own_objects; borrowed.
  explicit OwnObjects(int map) : map_(map) {}

  // Its maps and those of its programs that are loaded.
  source::Status Add(const bpf_object* object) const;
  // Every link of a program that was added; forgets what is gone, for its numbers may come again.
  source::Status AddLinks() const;

 private:
  source::Status Store(uint64_t kind, uint32_t id) const;
  bool IsKnown(uint64_t key) const;
  std::vector<uint64_t> Keys() const;

  const int map_;
};

}  // namespace sluice::load
