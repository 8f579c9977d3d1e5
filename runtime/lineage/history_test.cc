// Random lives of processes: the tree must say what a naive reader of the whole history says, also when
// records of different CPUs have changed places.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "runtime/lineage/tree.h"
#include "runtime/ring/build_record.h"

namespace sluice::lineage {
namespace {

struct Moment {
  sluice_record_kind kind;
  uint32_t pid, parent;
  uint64_t start_ns, parent_start_ns, time_ns;
  std::string name;
};

using Id = std::pair<uint32_t, uint64_t>;

// The definition, recomputed from scratch for every question.
class NaiveHistory {
 public:
  explicit NaiveHistory(const std::vector<Moment>& moments) {
    for (const Moment& m : moments) {
      const Id id{m.pid, m.start_ns};
      if (m.kind == SLUICE_RECORD_FORK) forks_[id] = m;
      if (m.kind == SLUICE_RECORD_EXEC) execs_[id][m.time_ns] = m.name;
    }
  }

  // The image at a time: the last exec of its own, else that of the parent at the fork.
  std::string ImageAt(Id id, uint64_t at_ns) const {
    const auto own = execs_.find(id);
    if (own != execs_.end()) {
      std::string name;
      for (const auto& [time, image] : own->second) {
        if (time <= at_ns) name = image;
      }
      if (!name.empty()) return name;
    }
    const auto fork = forks_.find(id);
    if (fork == forks_.end() || fork->second.parent == 0) return "";
    return ImageAt(ParentOf(fork->second), fork->second.start_ns);
  }

  std::vector<std::string> Ancestry(Id id, uint64_t at_ns) const {
    std::vector<std::string> names{ImageAt(id, at_ns)};
    auto fork = forks_.find(id);
    while (fork != forks_.end() && fork->second.parent != 0) {
      const Moment& m = fork->second;
      names.push_back(ImageAt(ParentOf(m), m.start_ns));
      fork = forks_.find(ParentOf(m));
    }
    return names;
  }

 private:
  static Id ParentOf(const Moment& m) { return {m.parent, m.parent_start_ns}; }
  std::map<Id, Moment> forks_;
  std::map<Id, std::map<uint64_t, std::string>> execs_;
};

struct Living {
  uint32_t pid;
  uint64_t start_ns;
  uint32_t parent;
  uint64_t parent_start_ns;
};

// `count` moments in the order of time; pids are few, so that they are reused.
std::vector<Moment> Live(std::mt19937& random, int count, std::vector<Living>& alive) {
  std::vector<Moment> moments;
  uint64_t now = 1'000'000'000;
  moments.push_back({SLUICE_RECORD_FORK, 1, 0, now, 0, now, ""});
  moments.push_back({SLUICE_RECORD_EXEC, 1, 0, now, 0, now + 5, "init"});
  alive = {{1, now, 0, 0}};
  for (int i = 0; i < count; ++i) {
    now += 1000 + random() % 100'000;
    const size_t at = random() % alive.size();
    const Living who = alive[at];
    const uint32_t dice = random() % 10;
    if (dice < 4) {
      uint32_t pid = 2 + random() % 60;
      for (const Living& other : alive) {
        if (other.pid == pid) pid = 0;
      }
      if (pid == 0) continue;
      moments.push_back({SLUICE_RECORD_FORK, pid, who.pid, now, who.start_ns, now + 300, ""});
      alive.push_back({pid, now, who.pid, who.start_ns});
    } else if (dice < 7) {
      moments.push_back({SLUICE_RECORD_EXEC, who.pid, who.parent, who.start_ns, who.parent_start_ns, now,
                         "image" + std::to_string(i)});
    } else if (at != 0) {
      moments.push_back(
          {SLUICE_RECORD_EXIT, who.pid, who.parent, who.start_ns, who.parent_start_ns, now, ""});
      alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  return moments;
}

void Apply(Tree& tree, const Moment& m) {
  ring::RecordBuilder builder(m.kind,
                              m.kind == SLUICE_RECORD_EXEC ? SLUICE_HOOK_BPRM_CHECK : SLUICE_HOOK_IMAGE);
  builder.header().pid = m.pid;
  builder.header().start_ns = m.start_ns;
  builder.header().parent_pid = m.parent;
  builder.header().parent_start_ns = m.parent_start_ns;
  builder.header().time_ns = m.time_ns;
  if (!m.name.empty()) builder.Item(SLUICE_ITEM_NAME, m.name);
  const std::string bytes = builder.Bytes();
  ring::Record record;
  ASSERT_TRUE(ring::Decode(bytes, record).ok());
  tree.Apply(record);
}

std::vector<std::string> Chain(const std::shared_ptr<const Link>& self) {
  std::vector<std::string> names;
  for (const Link* at = self.get(); at != nullptr; at = at->parent.get()) {
    names.push_back(at->image->name);
    if (at->gap_above) names.push_back("?");
  }
  return names;
}

void Compare(const Tree& tree, const std::vector<Moment>& moments, const std::vector<Living>& alive,
             int seed) {
  const NaiveHistory naive(moments);
  ASSERT_EQ(tree.Living().size(), alive.size()) << "seed " << seed;
  for (const Living& who : alive) {
    const auto self = tree.Find({who.pid, who.start_ns});
    ASSERT_NE(self, nullptr) << "seed " << seed;
    EXPECT_EQ(Chain(self), naive.Ancestry({who.pid, who.start_ns}, UINT64_MAX))
        << "seed " << seed << " pid " << who.pid;
  }
}

TEST(History, TheTreeEqualsTheNaiveReader) {
  for (int seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<Living> alive;
    const std::vector<Moment> moments = Live(random, 300, alive);
    Tree tree{Limits{}};
    for (const Moment& m : moments) Apply(tree, m);
    Compare(tree, moments, alive, seed);
    EXPECT_EQ(tree.stats().gaps, 0u);
  }
}

Id ActorOf(const Moment& m) {
  return m.kind == SLUICE_RECORD_FORK ? Id{m.parent, m.parent_start_ns} : Id{m.pid, m.start_ns};
}

// What two processes did changes places; what one process did stays in order, as in the ring.
TEST(History, NeighboursMayChangePlaces) {
  for (int seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<Living> alive;
    std::vector<Moment> moments = Live(random, 300, alive);
    const std::vector<Moment> in_order = moments;
    for (size_t i = 0; i + 1 < moments.size(); i += 2) {
      if (ActorOf(moments[i]) != ActorOf(moments[i + 1])) std::swap(moments[i], moments[i + 1]);
    }
    Tree tree{Limits{}};
    for (const Moment& m : moments) Apply(tree, m);
    Compare(tree, in_order, alive, seed);
  }
}

}  // namespace
}  // namespace sluice::lineage
