// load/pins.h - mitigations that outlive the agent: links pinned in the kernel's BPF file system.
//
// An agent keeps its links in a set of its own, FOLDER/set-N, beside maps: `handover` says what was refused while nobody
// read the records (sluice_handover); the rings hold what an agent that was killed had not read. The next agent attaches its own programs first; then it takes the
// earlier sets away, whole or left over from a crash, whatever version made them. So nothing is ever unguarded. What no agent
// made, a folder in a set for instance, is named and stays.
//
// Threads: owner thread. Ownership: the folder is locked for one agent at a time. Unless it is kept the own set goes
//          with this object: an agent that never became active leaves what was there before.
// Errors:  kFailedPrecondition (no BPF file system, a folder that others can write), kAlreadyExists (another agent holds
//          it), kInternal with the file's name.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bpf/abi/filter_abi.h"
#include "compiler/source/source.h"

namespace sluice::load {

inline constexpr const char* kPinFolder = "/sys/fs/bpf/sluice";
inline constexpr const char *kHandoverPin = "handover", *kMitigationsPin = "mitigations",
                            *kEventsPin = "events";

// What an earlier agent had left in force, by now taken away.
struct TakenOver {
  uint64_t programs = 0;
  std::array<uint64_t, SLUICE_HANDOVER_HOOKS> mitigated{};  // by hook; nobody read of them
  std::vector<std::string> strangers;                       // paths that no agent made: left where they are
};

class Pins {
 public:
  // Locks `folder`, makes it when missing. What earlier agents left spares this process from its kills.
  static source::Result<std::unique_ptr<Pins>> Open(const std::string& folder);
  ~Pins();
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;

  source::Status PinMap(int map, const std::string& name);
  source::Status Pin(bpf_link* link, const std::string& name);
  void Unpin(bpf_link* link);

  // The folder, as the kernel knows it.
  struct Folder {
    uint32_t device = 0;  // with 20 bits for the minor number
    uint64_t inode = 0;
  };
  source::Result<Folder> Identify() const;

  // Takes away every other set, and waits (ten seconds at most) until the kernel has let go of its programs.
  source::Result<TakenOver> TakeAwayOthers();

  // Whether the own set stays when this object ends.
  void Keep(bool kept) { kept_ = kept; }

 private:
  struct Other;
  Pins(std::string folder, int lock);
  std::string PathOf(const std::string& name) const;
  source::Status MakeOwnSet();

  const std::string folder_;
  const int lock_;
  std::string own_;  // "set-N", once it is made
  bool made_ = false, kept_ = false;
  std::vector<std::unique_ptr<Other>> others_;
};

// Whether an agent that has ended left programs in `folder`; false while one holds it.
bool AnyLeftPinned(const std::string& folder);

// The kernel lets go of a closed or unpinned link in the background: waits until none of `ids` is left, ten seconds at most.
void WaitUntilGone(const std::vector<uint32_t>& ids, int (*open_by_id)(uint32_t) = bpf_link_get_fd_by_id);
uint32_t LinkId(int link);  // 0: no link

}  // namespace sluice::load
