// What was running before the first record: read from /proc, then joined to what the records told meanwhile.
#include <algorithm>

#include "runtime/lineage/proc.h"
#include "runtime/lineage/state.h"

namespace sluice::lineage {

void Tree::State::Seed(ProcEntry entry) {
  for (Node* node = OfPid(entry.pid); node != nullptr; node = node->next_of_pid) {
    if (node->link->key.start_ns / TickNs() != entry.start_ns / TickNs()) continue;
    if (node->exited || node->image_seen) return;
    // Its fork came by, but not its image.
    Link link = *node->link;
    link.image = Keep(std::move(entry.image));
    if (!node->parent) node->parent = ProcessKey{entry.parent_pid, 0};
    node->link = Keep(std::move(link));
    node->image_seen = true;
    return;
  }
  const ProcessKey key{entry.pid, entry.start_ns};
  if (!Supersede(key)) return;  // gone while /proc was read
  Node& node = Add(key);
  node.seeded = node.parent_guessed = node.image_seen = true;
  node.parent = ProcessKey{entry.parent_pid, 0};
  Link link = *node.link;
  link.session_pid = entry.session_pid;
  link.pgid = entry.pgid;
  link.vpid = entry.vpid;
  link.tty = entry.tty;
  SetParent(node, link, entry.start_ns + TickNs() - 1);
  link.image = Keep(std::move(entry.image));
  node.link = Keep(std::move(link));
  ++stats.seeded;
}

// `link` with its topmost gap closed where the process at that gap has since got a parent.
std::shared_ptr<const Link> Tree::State::Joined(const std::shared_ptr<const Link>& link, JoinedLinks& done) {
  const auto found = done.find(link.get());
  if (found != done.end()) return found->second;
  std::shared_ptr<const Link> above = link->parent;
  if (above != nullptr) {
    above = Joined(above, done);
  } else if (link->gap_above) {
    const Node* node = Lookup(link->key);
    if (node != nullptr) above = node->link->parent;
  }
  std::shared_ptr<const Link> result = link;
  if (above != link->parent) {
    Link joined = *link;
    joined.parent = std::move(above);
    joined.gap_above = false;
    result = Keep(std::move(joined));
  }
  done.emplace(link.get(), result);
  return result;
}

void Tree::State::JoinGaps() {
  std::vector<Node*> by_age;
  for (std::list<Node>* nodes : {&living, &exited}) {
    for (Node& node : *nodes) by_age.push_back(&node);
  }
  std::sort(by_age.begin(), by_age.end(), [](const Node* a, const Node* b) {
    return std::pair(a->link->key.start_ns, a->link->key.pid) <
           std::pair(b->link->key.start_ns, b->link->key.pid);
  });
  std::vector<std::shared_ptr<const Link>> held;  // so that no address in `done` is reused
  JoinedLinks done;
  for (Node* node : by_age) {
    held.push_back(node->link);
    if (node->link->gap_above) {
      if (!node->parent) continue;
      Link link = *node->link;
      SetParent(*node, link, link.key.start_ns);
      if (!link.gap_above) node->link = Keep(std::move(link));
    } else if (node->link->parent != nullptr) {
      node->link = Joined(node->link, done);
      node->depth = LinksAbove(*node->link);
      if (node->depth + 1 >= kMaxDepth) Cut(*node);
    }
  }
}

source::Result<std::vector<ProcEntry>> ReadProcesses(const std::string& proc, bool with_env) {
  source::Result<std::vector<uint32_t>> pids = ListProcesses(proc);
  if (!pids.ok()) return pids.status();
  std::vector<ProcEntry> entries;
  for (uint32_t pid : *pids) {
    if (std::optional<ProcEntry> entry = ReadProcess(proc, pid, with_env))
      entries.push_back(*std::move(entry));
  }
  // Parents before their children; within one tick by number, which JoinGaps corrects where numbers wrapped.
  std::sort(entries.begin(), entries.end(), [](const ProcEntry& a, const ProcEntry& b) {
    return std::pair(a.start_ns, a.pid) < std::pair(b.start_ns, b.pid);
  });
  return entries;
}

void Tree::Seed(std::vector<ProcEntry> entries) {
  for (ProcEntry& entry : entries) state_->Seed(std::move(entry));
  state_->JoinGaps();
  state_->KeepWithinLimits();
  state_->stats.processes = state_->living.size();
}

source::Status Tree::SeedFrom(const std::string& proc, bool with_env) {
  source::Result<std::vector<ProcEntry>> entries = ReadProcesses(proc, with_env);
  if (!entries.ok()) return entries.status();
  Seed(*std::move(entries));
  return absl::OkStatus();
}

}  // namespace sluice::lineage
