#include "runtime/lineage/tree.h"

#include <algorithm>

#include "runtime/lineage/proc.h"
#include "runtime/lineage/state.h"

namespace sluice::lineage {
namespace {

// Control block and allocator's share of a kept object, roughly.
constexpr size_t kOverheadBytes = 64;

size_t SizeOf(const Image& image) {
  return sizeof(Image) + kOverheadBytes + image.name.capacity() + image.exepath.capacity() +
         image.exe.capacity() + image.args.capacity() + image.env.capacity() + image.cwd.capacity();
}

size_t SizeOf(const Link&) { return sizeof(Link) + kOverheadBytes; }

template <typename T>
std::shared_ptr<const T> Counted(T value, const std::shared_ptr<size_t>& bytes) {
  auto* kept = new T(std::move(value));
  const size_t size = SizeOf(*kept);
  *bytes += size;
  return std::shared_ptr<const T>(kept, [bytes, size](const T* gone) {
    *bytes -= size;
    delete gone;
  });
}

bool SameStart(const Node& node, uint64_t start_ns) {
  const uint64_t have = node.link->key.start_ns;
  if (have == start_ns || have == 0) return true;
  return node.seeded && have / TickNs() == start_ns / TickNs();
}

std::string Known(const ring::Text& text) {
  return text.state == ring::Text::State::kPresent ? std::string(text.bytes) : std::string();
}

bool IsWhole(const ring::Text& text) { return text.state == ring::Text::State::kPresent && !text.truncated; }

Image ImageOf(const ring::Record& record) {
  Image image;
  image.name = Known(record.name);
  image.exepath = Known(record.exepath);
  image.exepath_known = IsWhole(record.exepath) || record.exepath.state == ring::Text::State::kAbsent;
  image.args = Known(record.args);
  image.exe = image.args.substr(0, image.args.find('\0'));
  image.args_truncated = !IsWhole(record.args);
  image.env = Known(record.env);
  image.env_known = IsWhole(record.env);
  image.cwd = Known(record.cwd);
  if (record.header.kind == SLUICE_RECORD_EXEC) image.flags = static_cast<uint32_t>(record.header.numbers[0]);
  image.exec_time_ns = record.header.time_ns;
  image.uid = record.header.uid;
  image.gid = record.header.gid;
  image.loginuid = record.header.loginuid;
  return image;
}

Image Unseen() {
  Image image;
  image.exepath_known = false;
  image.args_truncated = true;
  return image;
}

// A denied exec carries the image that did not come to be.
bool TellsOwnImage(const ring::Record& record) {
  if (record.name.state != ring::Text::State::kPresent) return false;
  return record.header.kind != SLUICE_RECORD_EVENT || record.header.hook != SLUICE_HOOK_BPRM_CHECK;
}

ProcessKey KeyOf(const sluice_record& header) { return {header.pid, header.start_ns}; }

void SetIds(const sluice_record& header, Link& link) {
  link.session_pid = header.session_pid;
  link.pgid = header.pgid;
  link.vpid = header.vpid;
  link.tty = header.tty;
}

}  // namespace

uint32_t LinksAbove(const Link& link) {
  uint32_t above = 0;
  for (const Link* at = link.parent.get(); at != nullptr; at = at->parent.get()) ++above;
  return above;
}

std::shared_ptr<const Image> Tree::State::Keep(Image image) const { return Counted(std::move(image), bytes); }
std::shared_ptr<const Link> Tree::State::Keep(Link link) const { return Counted(std::move(link), bytes); }

Node* Tree::State::OfPid(uint32_t pid) const {
  const auto found = by_pid.find(pid);
  return found == by_pid.end() ? nullptr : found->second;
}

Node* Tree::State::Living(uint32_t pid) const {
  Node* node = OfPid(pid);
  while (node != nullptr && node->exited) node = node->next_of_pid;
  return node;
}

Node* Tree::State::Lookup(ProcessKey key) const {
  if (key.start_ns != 0) {
    Node* node = OfPid(key.pid);
    while (node != nullptr && !SameStart(*node, key.start_ns)) node = node->next_of_pid;
    return node;
  }
  if (Node* node = Living(key.pid)) return node;
  Node* last = OfPid(key.pid);
  for (Node* node = last; node != nullptr; node = node->next_of_pid) {
    if (node->exit_ns > last->exit_ns) last = node;
  }
  return last;
}

Node& Tree::State::Add(ProcessKey key) {
  living.emplace_back();
  Node& node = living.back();
  node.self = std::prev(living.end());
  Link link;
  link.key = key;
  node.link = Keep(std::move(link));
  Node*& first = by_pid[key.pid];
  node.next_of_pid = first;
  first = &node;
  return node;
}

bool Tree::State::Supersede(ProcessKey key) {
  Node* other = Living(key.pid);
  if (other == nullptr) return true;
  ++stats.late;
  if (key.start_ns != 0 && other->link->key.start_ns > key.start_ns) return false;
  Exit(*other, now_ns);
  return true;
}

void Tree::State::Remove(Node& node) {
  if (node.link->gap_above) --stats.gaps;
  const auto found = by_pid.find(node.link->key.pid);
  if (found->second == &node) {
    if (node.next_of_pid == nullptr) {
      by_pid.erase(found);
    } else {
      found->second = node.next_of_pid;
    }
  } else {
    Node* before = found->second;
    while (before->next_of_pid != &node) before = before->next_of_pid;
    before->next_of_pid = node.next_of_pid;
  }
  (node.exited ? exited : living).erase(node.self);
}

std::shared_ptr<const Link> Tree::State::LinkAt(Node& node, uint64_t at_ns) {
  if (at_ns < node.link->image->exec_time_ns) {
    for (const Past& past : node.past) {
      if (at_ns < past.until_ns) return past.link;
    }
  }
  if (node.depth + 1 >= kMaxDepth) Cut(node);
  return node.link;
}

// Halves a chain that has grown too long (a process that forks and exits in a loop). The cut chain is what
// all later children share, so the copying is amortized.
void Tree::State::Cut(Node& node) {
  std::vector<const Link*> kept;
  for (const Link* at = node.link.get(); at != nullptr && kept.size() < kMaxDepth / 2;
       at = at->parent.get()) {
    kept.push_back(at);
  }
  std::shared_ptr<const Link> chain;
  for (size_t i = kept.size(); i-- > 0;) {
    Link link = *kept[i];
    if (chain == nullptr) link.gap_above = link.gap_above || link.parent != nullptr;
    link.parent = std::move(chain);
    chain = Keep(std::move(link));
  }
  node.link = std::move(chain);
  node.depth = static_cast<uint32_t>(kept.size() - 1);
  node.past.clear();
}

void Tree::State::SetParent(Node& node, Link& link, uint64_t at_ns) {
  if (link.gap_above) --stats.gaps;
  link.parent = nullptr;
  link.gap_above = false;
  node.depth = 0;
  if (node.parent && node.parent->pid == 0) return;  // the kernel's own: the top
  Node* parent = node.parent ? Lookup(*node.parent) : nullptr;
  // By pid alone one may find who adopted the child or who got the parent's number: both are younger than the
  // child.
  const bool younger =
      parent != nullptr && parent->link->key.start_ns / TickNs() > link.key.start_ns / TickNs();
  if (parent == nullptr || parent == &node || (younger && link.key.start_ns != 0)) {
    link.gap_above = true;
    ++stats.gaps;
    if (parent == nullptr && node.parent) Await(*node.parent, link.key);
    return;
  }
  link.parent = LinkAt(*parent, at_ns);
  node.depth = parent->depth + 1;
}

// The record of a parent's own fork may be just behind its child's.
void Tree::State::Await(ProcessKey parent, ProcessKey child) {
  if (awaited.size() >= limits.max_processes) awaited.clear();
  awaited.emplace(parent.pid, child);
}

void Tree::State::Adopt(ProcessKey parent) {
  if (awaited.empty()) return;
  const auto [begin, end] = awaited.equal_range(parent.pid);
  std::vector<ProcessKey> children;
  for (auto at = begin; at != end; ++at) children.push_back(at->second);
  awaited.erase(begin, end);
  for (const ProcessKey& key : children) {
    Node* child = Lookup(key);
    if (child == nullptr || !child->link->gap_above || child->link->parent != nullptr) continue;
    Link link = *child->link;
    SetParent(*child, link, key.start_ns);
    if (link.parent == nullptr) continue;
    if (!child->image_seen) link.image = link.parent->image;
    child->image_seen = true;
    child->link = Keep(std::move(link));
  }
}

// The process of a record that is not its fork. When the fork has not come (yet), today's parent is the best
// guess.
Node& Tree::State::Ensure(const ring::Record& record) {
  const sluice_record& header = record.header;
  const ProcessKey key = KeyOf(header);
  if (Node* known = Lookup(key)) return *known;
  const bool alive = Supersede(key);
  Node& node = Add(key);
  node.parent = ProcessKey{header.parent_pid, header.parent_start_ns};
  node.parent_guessed = true;
  Link link = *node.link;
  SetIds(header, link);
  SetParent(node, link, header.start_ns);
  if (header.kind == SLUICE_RECORD_EXEC && link.parent != nullptr) {
    link.image = link.parent->image;  // until that exec
  } else {
    node.image_seen = header.kind != SLUICE_RECORD_EXEC && TellsOwnImage(record);
    Image image = node.image_seen ? ImageOf(record) : Unseen();
    image.exec_time_ns = header.start_ns;
    link.image = Keep(std::move(image));
  }
  node.link = Keep(std::move(link));
  if (!alive) Exit(node, header.time_ns);
  return node;
}

void Tree::State::Fork(const ring::Record& record) {
  const sluice_record& header = record.header;
  const ProcessKey key = KeyOf(header);
  const uint64_t at_ns = header.start_ns != 0 ? header.start_ns : header.time_ns;
  Node* node = Lookup(key);
  if (node != nullptr && !node->parent_guessed) return;  // told twice
  const bool alive = node != nullptr || Supersede(key);
  if (node == nullptr) node = &Add(key);
  node->parent = ProcessKey{header.parent_pid, header.parent_start_ns};
  node->parent_guessed = false;
  if (header.start_ns != 0) node->seeded = false;
  Link link = *node->link;
  link.key = key;
  SetIds(header, link);
  SetParent(*node, link, at_ns);
  if (!node->image_seen && link.parent != nullptr) {
    link.image = link.parent->image;
    node->image_seen = true;
  } else if (!node->image_seen) {
    node->image_seen = TellsOwnImage(record);
    Image image = node->image_seen ? ImageOf(record) : Unseen();
    image.exec_time_ns = at_ns;
    link.image = Keep(std::move(image));
  }
  for (Past& past : node->past) {  // its exec came before its fork
    Link before = *past.link;
    before.parent = link.parent;
    before.gap_above = link.gap_above;
    past.link = Keep(std::move(before));
  }
  node->link = Keep(std::move(link));
  if (!alive) Exit(*node, header.time_ns);
  Adopt(key);
}

void Tree::State::Exec(const ring::Record& record) {
  const sluice_record& header = record.header;
  Node& node = Ensure(record);
  Link link = *node.link;
  if (header.start_ns != 0) {
    link.key = KeyOf(header);
    node.seeded = false;
  }
  SetIds(header, link);
  link.image = Keep(ImageOf(record));
  if (node.image_seen && header.time_ns < node.link->image->exec_time_ns) {
    LateExec(node, Keep(std::move(link)), header.time_ns);
    return;
  }
  if (node.past.size() == kMaxPast) node.past.erase(node.past.begin());
  node.past.push_back({std::move(node.link), header.time_ns});
  node.link = Keep(std::move(link));
  node.image_seen = true;
}

// An exec that was followed by another one whose record came first: it only matters to forks between the two.
void Tree::State::LateExec(Node& node, std::shared_ptr<const Link> link, uint64_t at_ns) {
  ++stats.late;
  auto after = node.past.begin();
  while (after != node.past.end() && after->until_ns <= at_ns) ++after;
  Past past{std::move(link), node.link->image->exec_time_ns};
  if (after != node.past.end()) {
    std::swap(past.until_ns, after->until_ns);
    after->until_ns = at_ns;
    ++after;
  }
  node.past.insert(after, std::move(past));
  if (node.past.size() > kMaxPast) node.past.erase(node.past.begin());
}

void Tree::State::Exit(Node& node, uint64_t at_ns) {
  if (node.exited) return;
  node.exited = true;
  node.exit_ns = at_ns;
  exited.splice(exited.end(), living, node.self);
}

void Tree::State::Expire(uint64_t until_ns) {
  while (!exited.empty() && exited.front().exit_ns + kLingerNs < until_ns) Remove(exited.front());
}

void Tree::State::KeepWithinLimits() {
  while (living.size() + exited.size() > limits.max_processes || *bytes > limits.max_text_bytes) {
    if (living.empty() && exited.empty()) return;
    Remove(exited.empty() ? living.front() : exited.front());
    ++stats.evicted;
  }
}

Tree::Tree(Limits limits) : state_(std::make_unique<State>(limits)) {}
Tree::~Tree() = default;

void Tree::Apply(const ring::Record& record) {
  State& state = *state_;
  state.now_ns = std::max<uint64_t>(state.now_ns, record.header.time_ns);
  switch (record.header.kind) {
    case SLUICE_RECORD_FORK:
      state.Fork(record);
      break;
    case SLUICE_RECORD_EXEC:
      state.Exec(record);
      break;
    case SLUICE_RECORD_EXIT:
      state.Exit(state.Ensure(record), record.header.time_ns);
      break;
    case SLUICE_RECORD_EVENT:
      state.Ensure(record);
      break;
    default:
      return;
  }
  state.Expire(state.now_ns);
  state.KeepWithinLimits();
  state.stats.processes = state.living.size();
}

std::shared_ptr<const Link> Tree::Find(ProcessKey key) const {
  const Node* node = state_->Lookup(key);
  return node == nullptr ? nullptr : node->link;
}

std::shared_ptr<const Link> Tree::FindPid(uint32_t pid) const { return Find({pid, 0}); }

std::vector<std::shared_ptr<const Link>> Tree::Living() const {
  std::vector<std::shared_ptr<const Link>> links;
  links.reserve(state_->living.size());
  for (const Node& node : state_->living) links.push_back(node.link);
  return links;
}

const Stats& Tree::stats() const { return state_->stats; }

}  // namespace sluice::lineage
