// lineage/tree.h - who forked whom, under which image.
//
// Ancestry is who forked whom, each ancestor under the image that it had at that fork; re-parenting changes
// nothing. Fed by the fork, exec and exit records of the kernel and seeded from /proc; answers for eval/ and
// computes the lineage bits with which load/ fills a new generation.
//
// An image is immutable and shared: a node holds its current image, and the chain of (process, image at fork)
// above it. So an exec of a parent never changes what its children remember, and a dead ancestor lives
// exactly as long as a descendant's chain holds it.
//
// Threads: not synchronized; owned by the engine thread.
// Memory:  at most limits.max_processes living nodes and max_text_bytes of strings; when full, the oldest
//          exited node without descendants goes first, then the oldest; what was cut reads as a gap.
// Errors:  none. Missed records are data: a chain may end in a gap, see stats().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/ring/record.h"

namespace sluice::lineage {

struct ProcessKey {
  uint32_t pid = 0;
  uint64_t start_ns = 0;  // since boot; 0 when not known
  friend bool operator==(const ProcessKey&, const ProcessKey&) = default;
};

// What a process runs. Strings are empty when absent (kernel threads have only a name). An image that was
// never seen has no name and exepath_known false.
struct Image {
  std::string name;     // proc.name: base name of the file asked for, at most 15 bytes
  std::string exepath;  // absolute
  bool exepath_known = true;
  std::string exe;   // argv[0]
  std::string args;  // argv from argv[0] on, each argument with its NUL
  bool args_truncated = false;
  std::string env;         // likewise; empty unless asked for
  bool env_known = false;  // all of it is there; else `env` is a beginning
  std::string cwd;
  uint32_t flags = 0;  // SLUICE_IMAGE_*
  uint64_t exec_time_ns = 0;
  uint32_t uid = 0, gid = 0, loginuid = 0;
};

// A process as it was when it forked the next one down (or as it is, for the newest): one link of a chain.
// A chain is at most kMaxDepth links long; what is above reads as a gap.
inline constexpr uint32_t kMaxDepth = 512;
struct Link {
  ProcessKey key;
  std::shared_ptr<const Image> image;
  std::shared_ptr<const Link> parent;  // null: the top of the tree, or a gap
  bool gap_above = false;              // the parent is not known
  uint32_t session_pid = 0, pgid = 0, vpid = 0, tty = 0;
};

struct Limits {
  size_t max_processes = 65536;
  size_t max_text_bytes = 256u << 20;
};

// One process as /proc shows it.
struct ProcEntry {
  uint32_t pid = 0, parent_pid = 0;
  uint64_t start_ns = 0;  // rounded down to a clock tick
  uint32_t session_pid = 0, pgid = 0, vpid = 0, tty = 0;
  Image image;
};

struct Stats {
  uint64_t processes = 0;  // living now
  uint64_t gaps = 0;       // of those that are held now: with a parent that is not known
  uint64_t evicted = 0, seeded = 0;
  uint64_t late = 0;  // records that contradicted the tree
};

class Tree {
 public:
  explicit Tree(Limits limits);
  ~Tree();

  // Records one fork, exec or exit. An event of a process that is not known yet (its fork was lost) makes it
  // known. Records of different CPUs may come out of order: a fork sees the parent's image at the child's
  // start, an exec may come before its fork, an exit before both. Amortized O(1).
  void Apply(const ring::Record& record);

  // Processes that are not known yet, as /proc shows them (ReadProcesses(), proc.h). Never overwrites newer facts.
  void Seed(std::vector<ProcEntry> entries);

  // Reads /proc (or a folder laid out like it) for processes that are not known yet. Never overwrites newer
  // facts. The parents are today's, and their images too: who forked whom before is not on record. `with_env`
  // reads the environments. Errors: kNotFound when the folder is not there; single processes that vanish are
  // skipped.
  source::Status SeedFrom(const std::string& proc, bool with_env = false);

  // The process as it is now, or as it was when it exited a moment ago; null when unknown.
  std::shared_ptr<const Link> Find(ProcessKey key) const;
  // By pid alone: the living one, else the one that exited last.
  std::shared_ptr<const Link> FindPid(uint32_t pid) const;

  // Every living process with its link, in no order.
  std::vector<std::shared_ptr<const Link>> Living() const;

  const Stats& stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::lineage
