// lineage/state.h - what a Tree holds. Private to lineage/.
//
// Invariants: a node is in exactly one of `living` and `exited`, which are in the order of arrival and of
// exit. The nodes of one pid are chained from `by_pid` through `next_of_pid`, and at most one of them is
// living.
#pragma once

#include <list>
#include <optional>

#include "runtime/lineage/tree.h"

namespace sluice::lineage {

// What a process was before an exec, for records that come late.
struct Past {
  std::shared_ptr<const Link> link;
  uint64_t until_ns = 0;
};

struct Node {
  std::shared_ptr<const Link> link;  // never null
  std::optional<ProcessKey> parent;  // who forked it, pid 0 for the kernel itself; nullopt when not known
  bool seeded = false;               // link->key.start_ns is a clock tick, not exact
  bool parent_guessed = false;       // from a record later than its fork: perhaps only who adopted it
  bool image_seen = false;           // the image is known, from an exec, a fork of a known parent, or /proc
  bool exited = false;
  uint64_t exit_ns = 0;
  uint32_t depth = 0;      // links above
  std::vector<Past> past;  // oldest first, at most kMaxPast
  Node* next_of_pid = nullptr;
  std::list<Node>::iterator self;
};

struct ProcEntry;

// How long an exited process answers to its key, for records that come late.
inline constexpr uint64_t kLingerNs = 5'000'000'000;
inline constexpr size_t kMaxPast = 4;

uint32_t LinksAbove(const Link& link);

struct Tree::State {
  explicit State(Limits l) : limits(l), bytes(std::make_shared<size_t>(0)) {}

  Node* OfPid(uint32_t pid) const;  // the first of the chain
  Node* Living(uint32_t pid) const;
  // The node that `key` means, living or not, exact or by clock tick; null when there is none.
  Node* Lookup(ProcessKey key) const;

  // What is kept is counted in `bytes` until its last holder lets go.
  std::shared_ptr<const Image> Keep(Image image) const;
  std::shared_ptr<const Link> Keep(Link link) const;

  // Makes a node of a process that is not known; its parent and image are the caller's next step.
  Node& Add(ProcessKey key);
  // Makes room for `key`: another process that has its pid must be gone. False: `key` itself is the one that
  // is gone.
  bool Supersede(ProcessKey key);
  // Puts `node.parent` as it was at `at_ns` above `link`.
  void SetParent(Node& node, Link& link, uint64_t at_ns);
  std::shared_ptr<const Link> LinkAt(Node& node, uint64_t at_ns);
  void Cut(Node& node);
  void Await(ProcessKey parent, ProcessKey child);
  void Adopt(ProcessKey parent);

  Node& Ensure(const ring::Record& record);
  void Fork(const ring::Record& record);
  void Exec(const ring::Record& record);
  void LateExec(Node& node, std::shared_ptr<const Link> link, uint64_t at_ns);
  void Exit(Node& node, uint64_t now_ns);
  void Expire(uint64_t now_ns);
  void KeepWithinLimits();
  void Remove(Node& node);

  void Seed(ProcEntry entry);
  void JoinGaps();
  using JoinedLinks = std::unordered_map<const Link*, std::shared_ptr<const Link>>;
  std::shared_ptr<const Link> Joined(const std::shared_ptr<const Link>& link, JoinedLinks& done);

  Limits limits;
  Stats stats;
  std::shared_ptr<size_t> bytes;  // of images and links, also those that only callers hold
  uint64_t now_ns = 0;            // the latest time seen
  std::list<Node> living, exited;
  std::unordered_map<uint32_t, Node*> by_pid;
  std::unordered_multimap<uint32_t, ProcessKey> awaited;  // unknown parent's pid -> child
};

}  // namespace sluice::lineage
