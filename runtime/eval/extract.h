// eval/extract.h - fields of a kernel record and of the process that caused it.
//
// One extractor function per field, in one table by FieldId; a field without an extractor is absent
// (fields.def lists what this engine supplies). Names of users and groups come from a Names snapshot, never
// from NSS on this thread.
//
// Threads: engine thread. Memory: views borrow from the record, the link and a small arena that Reset()
//          empties. Errors: none. Cost: O(1) a field, O(depth) for a field over all ancestors.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/container/table.h"
#include "runtime/eval/event.h"
#include "runtime/hosts/resolver.h"
#include "runtime/lineage/tree.h"

namespace sluice::eval {

// /etc/passwd and /etc/group as they were when read.
class Names {
 public:
  static Names Read(const std::string& etc);  // "/etc"; missing files give no names
  static Names Parse(std::string passwd, std::string group);
  std::string_view User(uint32_t uid) const;  // "" when not known
  std::string_view Group(uint32_t gid) const;
  std::string_view Home(uint32_t uid) const;
  std::string_view Shell(uint32_t uid) const;
  const std::string& passwd() const { return passwd_; }  // the texts that were read
  const std::string& group() const { return group_; }

 private:
  struct User_ {
    std::string name, home, shell;
  };
  std::string passwd_, group_;
  std::unordered_map<uint32_t, User_> users_;
  std::unordered_map<uint32_t, std::string> groups_;
};

// What fields say of the host.
struct HostFacts {
  std::string hostname;
  int64_t boot_to_unix_ns = 0;      // to add to boot time
  uint32_t mnt_ns = 0, pid_ns = 0;  // inode numbers of init's namespaces
  std::optional<int32_t>
      utc_offset_s;         // of local time, to the east; none: as this machine has it at each time
  static HostFacts Read();  // of this host
};

// Of this machine's local time now.
int32_t UtcOffsetS();

class RecordEvent : public Event {
 public:
  // `names`, `containers`, `hosts` and `tree` may be null, and must outlive the event.
  explicit RecordEvent(const Names* names);
  RecordEvent(const Names* names, HostFacts host, container::Table* containers = nullptr,
              const hosts::Table* hosts = nullptr, const lineage::Tree* tree = nullptr);
  ~RecordEvent() override;

  // Points at one record and its process. For an exec, `round` chooses proc.exepath (-1: the last).
  // `self` may be null (an unknown process). `number` is evt.num; 0: not known. Borrowed until the next Reset().
  void Reset(const ring::Record* record, std::shared_ptr<const lineage::Link> self, int round,
             uint64_t number = 0);

  check::HookId hook() const override;
  check::EventType type() const override;
  Value Get(const check::FieldUse& use) const override;
  Value GetList(const check::FieldUse& use) const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::eval
