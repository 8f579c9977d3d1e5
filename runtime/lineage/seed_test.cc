#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/lineage/proc.h"
#include "runtime/lineage/tree.h"
#include "runtime/ring/build_record.h"

namespace sluice::lineage {
namespace {

using testing::ElementsAre;
namespace fs = std::filesystem;

// A folder laid out like /proc.
class FakeProc {
 public:
  FakeProc() {
    std::string name = (fs::temp_directory_path() / "sluice-proc-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~FakeProc() { fs::remove_all(folder_); }

  struct Process {
    uint32_t pid, parent;
    uint64_t ticks;
    std::string comm, exe, cmdline;
    uint32_t flags = 0;
    char state = 'S';
    std::string environ_text = {};
    uint32_t uid = 0;
  };
  void Add(const Process& p) {
    const fs::path folder = folder_ / std::to_string(p.pid);
    fs::create_directories(folder);
    const std::string id = std::to_string(p.pid);
    Write(folder / "stat", id + " (" + p.comm + ") " + p.state + " " + std::to_string(p.parent) +
                               " 7 8 34816 -1 " + std::to_string(p.flags) + " 0 0 0 0 0 0 0 0 20 0 1 0 " +
                               std::to_string(p.ticks) + " 1000 10 18446744073709551615\n");
    Write(folder / "status", "Name:\tx\nNSpid:\t" + id + "\t3\nUid:\t5\t" + std::to_string(p.uid) +
                                 "\t5\t5\nGid:\t6\t66\t6\t6\n");
    Write(folder / "loginuid", "1000");
    Write(folder / "cmdline", p.cmdline);
    Write(folder / "environ", p.environ_text);
    if (!p.exe.empty()) fs::create_symlink(p.exe, folder / "exe");
    fs::create_symlink("/srv", folder / "cwd");
  }
  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  std::string path() const { return folder_.string(); }
  const fs::path& folder() const { return folder_; }

 private:
  fs::path folder_;
};

std::string Nul(std::string text) {
  for (char& c : text) {
    if (c == '|') c = '\0';
  }
  return text;
}

std::vector<std::string> Chain(const Tree& tree, uint32_t pid) {
  std::vector<std::string> names;
  for (const Link *at = tree.FindPid(pid).get(), *next; at != nullptr; at = next) {
    names.push_back(at->image->name);
    if (at->gap_above) names.push_back("?");
    next = at->parent.get();
  }
  return names;
}

void Apply(Tree& tree, const ring::RecordBuilder& builder) {
  const std::string bytes = builder.Bytes();
  ring::Record record;
  ASSERT_TRUE(ring::Decode(bytes, record).ok());
  tree.Apply(record);
}

ring::RecordBuilder Record(sluice_record_kind kind, uint32_t pid, uint64_t start_ns, uint32_t parent,
                           uint64_t parent_start_ns, uint64_t time_ns) {
  ring::RecordBuilder builder(kind, kind == SLUICE_RECORD_EXEC ? SLUICE_HOOK_BPRM_CHECK : SLUICE_HOOK_IMAGE);
  builder.header().pid = pid;
  builder.header().start_ns = start_ns;
  builder.header().parent_pid = parent;
  builder.header().parent_start_ns = parent_start_ns;
  builder.header().time_ns = time_ns;
  return builder;
}

void AddUsual(FakeProc& proc) {
  proc.Add({1, 0, 5, "systemd", "/usr/lib/systemd/systemd", Nul("/sbin/init|splash|")});
  proc.Add({2, 0, 5, "kthreadd", "", "", 0x00200040});
  proc.Add({300, 1, 900, "nginx: (w) or", "/usr/sbin/nginx", Nul("nginx: worker|")});
  proc.Add({301, 300, 901, "sh", "/tmp/x (deleted)", Nul("sh|-c|a b|"), 0, 'S', Nul("A=1|B=|"), 33});
}

TEST(Seed, WhatProcShowsBecomesTheTree) {
  FakeProc proc;
  AddUsual(proc);
  Tree tree{Limits{}};
  ASSERT_TRUE(tree.SeedFrom(proc.path(), true).ok());
  EXPECT_THAT(Chain(tree, 301), ElementsAre("sh", "nginx: (w) or", "systemd"));
  EXPECT_THAT(Chain(tree, 2), ElementsAre("kthreadd"));
  EXPECT_EQ(tree.stats().seeded, 4u);
  EXPECT_EQ(tree.stats().gaps, 0u);

  const auto sh = tree.FindPid(301);
  EXPECT_EQ(sh->key.start_ns, 901 * TickNs());
  EXPECT_EQ(sh->image->exepath, "/tmp/x (deleted)") << "as the kernel writes it";
  EXPECT_EQ(sh->image->flags, SLUICE_IMAGE_DELETED);
  EXPECT_EQ(sh->image->exe, "sh");
  EXPECT_EQ(sh->image->args, Nul("sh|-c|a b|"));
  EXPECT_EQ(sh->image->env, Nul("A=1|B=|"));
  EXPECT_TRUE(sh->image->env_known);
  EXPECT_EQ(sh->image->cwd, "/srv");
  EXPECT_EQ(sh->image->uid, 33u);
  EXPECT_EQ(sh->image->gid, 66u);
  EXPECT_EQ(sh->image->loginuid, 1000u);
  EXPECT_EQ(sh->session_pid, 8u);
  EXPECT_EQ(sh->pgid, 7u);
  EXPECT_EQ(sh->vpid, 3u);
  EXPECT_EQ(sh->tty, 34816u);
  EXPECT_EQ(tree.FindPid(2)->image->flags, SLUICE_IMAGE_EXE_ABSENT);
}

TEST(Seed, EnvironmentsAreReadOnlyWhenAskedFor) {
  FakeProc proc;
  AddUsual(proc);
  Tree tree{Limits{}};
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  EXPECT_EQ(tree.FindPid(301)->image->env, "");
  EXPECT_FALSE(tree.FindPid(301)->image->env_known);
}

TEST(Seed, AMissingFolderIsAnErrorAndBrokenProcessesAreSkipped) {
  Tree tree{Limits{}};
  EXPECT_EQ(tree.SeedFrom("/nonexistent/proc").code(), absl::StatusCode::kNotFound);
  FakeProc proc;
  AddUsual(proc);
  fs::create_directories(proc.folder() / "400");  // vanished: nothing in it
  fs::create_directories(proc.folder() / "401");
  FakeProc::Write(proc.folder() / "401" / "stat", "401 (half) S 1 2");
  proc.Add({402, 1, 950, "zombie", "", "", 0, 'Z'});
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  EXPECT_EQ(tree.Living().size(), 4u);
}

TEST(Seed, MemfdAndATrulyNamedDeletedAreToldApart) {
  FakeProc proc;
  const fs::path literal = proc.folder() / "tool (deleted)";
  FakeProc::Write(literal, "x");
  proc.Add({10, 0, 5, "a", "/memfd:payload (deleted)", Nul("a|")});
  proc.Add({11, 0, 5, "b", literal.string(), Nul("b|")});
  Tree tree{Limits{}};
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  EXPECT_EQ(tree.FindPid(10)->image->flags, SLUICE_IMAGE_DELETED | SLUICE_IMAGE_MEMFD);
  EXPECT_EQ(tree.FindPid(10)->image->exepath, "/memfd:payload (deleted)");
  EXPECT_EQ(tree.FindPid(11)->image->flags, 0u);
  EXPECT_EQ(tree.FindPid(11)->image->exepath, literal.string());
}

TEST(Seed, ARecordsExactStartMeetsTheTickOfProc) {
  FakeProc proc;
  AddUsual(proc);
  Tree tree{Limits{}};
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  const uint64_t exact = 901 * TickNs() + 1234567;
  EXPECT_NE(tree.Find({301, exact}), nullptr);
  EXPECT_EQ(tree.Find({301, 902 * TickNs() + 1}), nullptr);
  auto exec = Record(SLUICE_RECORD_EXEC, 301, exact, 300, 900 * TickNs() + 77, 1000 * TickNs());
  exec.Item(SLUICE_ITEM_NAME, "curl");
  Apply(tree, exec);
  EXPECT_THAT(Chain(tree, 301), ElementsAre("curl", "nginx: (w) or", "systemd"));
  EXPECT_EQ(tree.FindPid(301)->key.start_ns, exact);
  EXPECT_EQ(tree.Find({301, exact + 1}), nullptr) << "the exact start is known now";
  EXPECT_EQ(tree.stats().processes, 4u);
}

TEST(Seed, NewerFactsAreNotOverwritten) {
  FakeProc proc;
  AddUsual(proc);
  Tree tree{Limits{}};
  const uint64_t start = 901 * TickNs() + 5, now = 1000 * TickNs();
  auto exec = Record(SLUICE_RECORD_EXEC, 301, start, 300, 900 * TickNs() + 1, now);
  exec.Item(SLUICE_ITEM_NAME, "python3");
  Apply(tree, exec);                                                           // 300 is not known yet
  Apply(tree, Record(SLUICE_RECORD_FORK, 302, now + 1, 301, start, now + 1));  // nor is 301's own parent
  EXPECT_THAT(Chain(tree, 302), ElementsAre("python3", "python3", "?"));
  Apply(tree, Record(SLUICE_RECORD_EXIT, 305, 905 * TickNs() + 5, 1, 5 * TickNs() + 9, now));
  proc.Add({305, 1, 905, "gone", "/bin/gone", Nul("gone|")});
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  EXPECT_THAT(Chain(tree, 301), ElementsAre("python3", "nginx: (w) or", "systemd")) << "the gap is closed";
  EXPECT_THAT(Chain(tree, 302), ElementsAre("python3", "python3", "nginx: (w) or", "systemd"));
  for (const auto& link : tree.Living()) EXPECT_NE(link->key.pid, 305u) << "an exit is not undone";
  EXPECT_EQ(tree.stats().gaps, 0u);
}

TEST(Seed, AForkWhoseParentWasUnknownGetsItsImage) {
  FakeProc proc;
  AddUsual(proc);
  Tree tree{Limits{}};
  Apply(tree, Record(SLUICE_RECORD_FORK, 301, 901 * TickNs() + 5, 300, 900 * TickNs() + 1, 902 * TickNs()));
  EXPECT_THAT(Chain(tree, 301), ElementsAre("", "?"));
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  EXPECT_THAT(Chain(tree, 301), ElementsAre("sh", "nginx: (w) or", "systemd"));
}

TEST(Seed, AnAdopterYoungerThanTheChildIsAGap) {
  FakeProc proc;
  AddUsual(proc);
  proc.Add(
      {10, 300, 400, "orphan", "/bin/o", Nul("o|")});  // started before the process that is its parent now
  Tree tree{Limits{}};
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  EXPECT_THAT(Chain(tree, 10), ElementsAre("orphan", "?"));
}

TEST(Seed, TwiceIsOnce) {
  FakeProc proc;
  AddUsual(proc);
  Tree tree{Limits{}};
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  const auto before = tree.FindPid(301);
  ASSERT_TRUE(tree.SeedFrom(proc.path()).ok());
  EXPECT_EQ(tree.FindPid(301), before);
  EXPECT_EQ(tree.stats().seeded, 4u);
}

TEST(Seed, TheRealProcHasThisProcess) {
  if (!fs::exists("/proc/self/stat")) GTEST_SKIP() << "no /proc here";
  Tree tree{Limits{}};
  ASSERT_TRUE(tree.SeedFrom("/proc").ok());
  const auto self = tree.FindPid(static_cast<uint32_t>(getpid()));
  ASSERT_NE(self, nullptr);
  EXPECT_EQ(self->image->exepath, fs::read_symlink("/proc/self/exe").string());
}

}  // namespace
}  // namespace sluice::lineage
