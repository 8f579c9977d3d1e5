// load/probe.h - can this host run it: facts, and what they mean.
//
// Threads: pure functions, except ReadHost(). Errors: as ProbeHost() in kernel.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "compiler/source/source.h"

namespace sluice::load {

struct HostFacts {
  std::string release;        // "6.1.0-56-amd64"
  uint64_t capabilities = 0;  // effective
  bool in_first_user_namespace = true, in_first_pid_namespace = true;
  bool has_btf = false;
  std::optional<std::string> lsm_list;  // "lockdown,capability,yama,bpf"
  std::string lsm_error;                // why there is no list
};

HostFacts ReadHost();
source::Status JudgeHost(const HostFacts& facts);

}  // namespace sluice::load
