// load/companions.h - programs at the return of calls, attached while a rule set wants them.
//
// A companion (bpf/exit.bpf.c) is a program on one function of the kernel. Those at system calls come as spare
// copies whose function is chosen here, before they are loaded. Only calls whose companion is attached let
// their events wait: CallTable() is told.
//
// Threads: owner thread. Ownership: links end with this object. Errors: a function that this kernel lacks is
//          left out, and the results of its calls are unknown; what cannot be attached is a Status.
#pragma once

#include <bpf/libbpf.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/kplan/kernel_plan.h"
#include "compiler/source/source.h"

namespace sluice::load {

class Companions {
 public:
  ~Companions();

  // The functions that are still to be loaded.
  std::vector<std::string> Lacking(const kplan::Companions& wanted) const;

  // Chooses functions for the spare copies in `object`, for what was not loaded before; the other companions
  // in it are not loaded. Where the copies do not suffice, calls of 64 bit come first, and further objects take the rest:
  // Lacking(). What is attached stays so. REQUIRES: `object` is not loaded yet.
  void Choose(bpf_object* object, const kplan::Companions& wanted);
  // The object of the last Choose() is loaded: what was chosen in it may be attached. One that did not load is forgotten by
  // the next Choose().
  void Accept();

  // A companion that takes the place of another is attached before that one goes: no return of a call is missed.
  source::Status Attach(const kplan::Companions& wanted);
  void DetachAllBut(const kplan::Companions& wanted);

  // Types whose events may wait: by ABI (0: 64 bit, 1: 32 bit), and those of io_uring's operations.
  bool Completes(check::EventType type, int abi) const;
  bool CompletesRing() const;

 private:
  struct Program {
    bpf_program* program = nullptr;
    bool whole = false;  // an exit_call_N
    bpf_link* link = nullptr;
    bpf_link* before = nullptr;  // of the program whose place this one takes, until it is attached itself
  };
  void ChooseFixed(bpf_object* object, const std::string& function, const char* program);

  bool IsLoaded(const std::string& function, bool as_call) const;
  bool IsAttached(const std::string& function) const;

  std::map<std::string, Program> by_function_;
  std::map<std::string, Program> chosen_;  // in an object that is not loaded yet
};

// The calls without a hook among `wanted.calls` that no function of this kernel stands for: nothing tells of their return. Needs no
// rights.
std::vector<std::string> CallsWithoutFunction(const kplan::Companions& wanted);

}  // namespace sluice::load
