// enforcement.h - which mitigations are enforced: switched at run time, disarmed by their fuses.
//
// What the kernel holds is by number and belongs to one rule set; what a person said is by name and outlives it: a
// switch is applied to every rule set from then on, before it becomes active. The next process knows nothing of it: the
// rule files hold the lasting word. What is pinned stays as it was when the process ended.
//
// Threads: engine thread. Time: nanoseconds since boot. Memory: a row a mitigation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/check/checked.h"
#include "compiler/kplan/kernel_plan.h"
#include "compiler/source/source.h"
#include "runtime/alert/alert.h"

namespace sluice {

// `sluice audit on|off [RULE]`. Without a rule: of all mitigations, whatever else is said of them.
struct AuditRequest {
  bool on = false;
  std::optional<std::string> rule;
  std::string asker = {};  // for the alert that tells of it
};

struct MitigationState {
  std::string rule;
  bool audited = false;             // by its mode or by a switch; `audit on` of all is not counted here
  bool switched = false;            // by a person, at run time
  int64_t disarmed_until_ns = 0;    // by its fuse; in the past or 0: it is armed
  uint64_t refused = 0, blown = 0;  // of this rule set
};

struct EnforcementState {
  bool audit_all = false;
  std::vector<MitigationState> rules;
};

class Enforcement {
 public:
  // Tells the kernel; of all mitigations when there is no number.
  using SetMode = std::function<source::Status(std::optional<uint32_t> mitigation, bool audited)>;

  explicit Enforcement(bool audit_all) { state_.audit_all = audit_all; }

  // Puts what was switched into a plan that is about to become active.
  void Prepare(kplan::KernelPlan& plan) const;
  // The plan is active.
  void Activate(const kplan::KernelPlan& plan);

  // What to say to whoever asked. Errors: kNotFound: no such mitigation, with the nearest name; those of `set_mode`.
  // Either changes nothing.
  source::Result<std::string> Switch(const AuditRequest& request, const SetMode& set_mode);

  // Takes in the kernel's rows and says which fuses have blown since the last look, and which rules are armed again.
  // REQUIRES: rows.size() == state().rules.size().
  std::vector<alert::Alert> Look(int64_t now_ns, const std::vector<sluice_mitigation>& rows,
                                 const alert::Host& host);

  const EnforcementState& state() const { return state_; }

 private:
  struct Fuse {
    uint64_t count = 0, period_ns = 0;
    bool of_processes = false;
    bool told = false;  // that it has blown
  };
  EnforcementState state_;
  std::vector<Fuse> fuses_;               // as long as state_.rules
  std::map<std::string, bool> switched_;  // by rule: whether it is audited
};

// The agent's own alert "Sluice internal: too many names of a file": `path` is one name too many of a file that the rules'
// exact paths name, so the rules that deny or kill by it hold for this path and not for the file's other names.
alert::Alert TooManyNames(const std::string& path, const check::CheckedRules& rules, const alert::Host& host,
                          int64_t now_ns);
// "Sluice internal: too many files of a path": so many files were at the rules' `path` that the oldest were forgotten.
alert::Alert TooManyFiles(const std::string& path, const check::CheckedRules& rules, const alert::Host& host,
                          int64_t now_ns);
// "Sluice internal: files not looked up": which files the rules' exact paths name cannot be told.
alert::Alert FilesNotLookedUp(const source::Status& why, const alert::Host& host, int64_t now_ns);

}  // namespace sluice
