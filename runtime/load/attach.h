// load/attach.h - the programs of the object and their links.
//
// What a program is for follows from its section: `lsm/HOOK` with a row in hooks.def belongs to that decision
// point, `iter/task` fills lineage, and whatever else there is keeps lineage.
//
// Threads: owner thread. Ownership: links end with this object, at the latest with the process; pinned ones stay.
#pragma once

#include <bpf/libbpf.h>

#include <map>
#include <string>
#include <vector>

#include "compiler/check/event.h"
#include "compiler/source/source.h"
#include "runtime/load/pins.h"

namespace sluice::load {

class Attachments {
 public:
  ~Attachments();

  // The programs of `object` that were loaded. REQUIRES: `object` is loaded and outlives this.
  void Add(bpf_object* object);

  source::Status AttachLineage();
  // Attaches the hooks of `mask` (bit per HookId) that are not attached; on failure those of this call are
  // taken back.
  source::Status Attach(uint64_t mask);
  void DetachAllBut(uint64_t mask);
  // Pins those attached hooks of `mask` that are not pinned yet and, with any, the lineage; on failure those of this
  // call are taken back.
  source::Status Pin(uint64_t mask, Pins& pins);
  void UnpinAllBut(uint64_t mask, Pins& pins);
  uint64_t pinned() const;  // programs
  // Detaches everything that is not pinned and waits (at most a second) until the kernel has let go of the links.
  void DetachAll();

  // Runs the task iterator over all tasks.
  source::Status IterateTasks() const;

  // How often an attached LSM program ran, by its hook's name; needs the kernel's BPF statistics switched on.
  std::map<std::string, uint64_t> Runs() const;

 private:
  struct Program {
    bpf_program* program;
    std::string hook_name;  // after "lsm/"; "" when it is no LSM program
    check::HookId hook;     // kNoHook: lineage
    bpf_link* link = nullptr;
  };
  source::Status AttachOne(Program& program);

  std::vector<Program> programs_;
  bpf_program* iterator_ = nullptr;
};

}  // namespace sluice::load
