#include "runtime/eval/extract.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "compiler/split/open_flags.h"
#include "runtime/eval/render.h"
#include "runtime/ring/build_record.h"

namespace sluice::eval {
namespace {

using lineage::Image;
using lineage::Link;
using ring::RecordBuilder;

std::string Nul(std::string text) {
  for (char& c : text) {
    if (c == '|') c = '\0';
  }
  return text;
}

std::shared_ptr<const Link> Process(uint32_t pid, const std::string& name, const std::string& argv,
                                    std::shared_ptr<const Link> parent, uint32_t session = 100) {
  auto image = std::make_shared<Image>();
  image->name = name;
  image->exepath = "/usr/bin/" + name;
  image->args = Nul(argv);
  image->exe = image->args.substr(0, image->args.find('\0'));
  image->env = Nul("HOME=/root|LD_PRELOAD=/tmp/x.so|");
  image->env_known = true;
  auto link = std::make_shared<Link>();
  link->key = {pid, uint64_t{pid} * 1000};
  link->image = std::move(image);
  link->parent = std::move(parent);
  link->session_pid = session;
  return link;
}

std::shared_ptr<const Link> Chain() {
  auto init = Process(1, "systemd", "/sbin/init|", nullptr, 1);
  auto nginx = Process(100, "nginx", "nginx: worker|", init);
  return Process(200, "sh", "sh|-c|curl x|", nginx);
}

// "STRING", number, true, [a, b], ?, ... : a value in one word.
std::string Shown(const Value& value) {
  std::string suffix = value.truncated || value.partial ? "..." : "";
  switch (value.kind) {
    case Value::Kind::kAbsent:
      return "absent";
    case Value::Kind::kUnknown:
      return "unknown";
    case Value::Kind::kString:
      return "\"" + std::string(value.text) + "\"" + suffix;
    case Value::Kind::kNumber:
      return std::to_string(value.number);
    case Value::Kind::kBool:
      return value.number ? "true" : "false";
    case Value::Kind::kDouble:
    case Value::Kind::kNet:
      return "other";
    case Value::Kind::kList:
      break;
  }
  std::string all = "[";
  for (const Value& element : *value.list) all += (all.size() > 1 ? " " : "") + Shown(element);
  return all + "]" + suffix;
}

class Extract : public testing::Test {
 protected:
  Extract() {
    HostFacts host;
    host.hostname = "box";
    host.boot_to_unix_ns = 1'700'000'000'000'000'000;
    host.mnt_ns = 11;
    host.pid_ns = 12;
    event_ = std::make_unique<RecordEvent>(&names_, host);
  }

  static RecordBuilder Open() {
    RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
    sluice_record& header = builder.header();
    header.type = check::FindEvent("openat");
    header.time_ns = 5'000'000'123;
    header.pid = header.tid = 200;
    header.start_ns = 200'000;
    header.session_pid = 100;
    header.pgid = 200;
    header.vpid = 7;
    header.uid = 0;
    header.gid = 5;
    header.loginuid = 0xffffffff;
    header.mnt_ns = 11;
    header.pid_ns = 12;
    header.cap_effective = 1u << 21 | 1;
    header.numbers[0] = O_WRONLY | O_CREAT | O_TRUNC | SLUICE_FLAG_WRITE | SLUICE_FLAG_CREATED;
    header.numbers[1] = S_IFREG | 0644;
    header.numbers[2] = 99;
    header.numbers[3] = 8 << 8 | 2;
    builder.Item(SLUICE_ITEM_NAME, "sh").Item(SLUICE_ITEM_EXEPATH, "/usr/bin/sh");
    return builder.Item(SLUICE_ITEM_PATH, "/etc/cron.d/job");
  }

  static RecordBuilder Exec() {
    RecordBuilder builder(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK);
    builder.header() = Open().header();
    builder.header().kind = SLUICE_RECORD_EXEC;
    builder.header().hook = SLUICE_HOOK_BPRM_CHECK;
    builder.header().type = check::FindEvent("execve");
    builder.header().numbers[0] = SLUICE_IMAGE_MEMFD | SLUICE_IMAGE_UPPER;
    builder.header().numbers[1] = SLUICE_STDIO_IPV4;
    builder.header().numbers[2] = SLUICE_STDIO_PIPE;
    builder.header().numbers[3] = SLUICE_STDIO_FILE;
    builder.Item(SLUICE_ITEM_NAME, "job.sh").Item(SLUICE_ITEM_EXEPATH, "/bin/dash");
    builder.Item(SLUICE_ITEM_FILENAME, "./job.sh").Item(SLUICE_ITEM_ARGS, Nul("./job.sh|a b||-v|"));
    builder.Item(SLUICE_ITEM_ENV, Nul("PATH=/bin|EMPTY=|")).Item(SLUICE_ITEM_CWD, "/srv");
    const uint64_t set[SLUICE_WORDS] = {1};
    return builder.Round(set, "/srv/job.sh")
        .Round(set, "/bin/dash")
        .Item(SLUICE_ITEM_ROUND_TEXT, "sha256:17");
  }

  void Load(const RecordBuilder& builder, std::shared_ptr<const Link> self, int round = -1) {
    bytes_ = builder.Bytes();
    ASSERT_TRUE(ring::Decode(bytes_, record_).ok());
    event_->Reset(&record_, std::move(self), round, 1);
  }
  std::string Get(const std::string& field) {
    const std::optional<check::FieldUse> use = check::ParseFieldUse(field);
    return use ? Shown(event_->Get(*use)) : "no such field";
  }

  struct Row {
    const char* field;
    const char* value;
  };
  void Expect(std::initializer_list<Row> rows) {
    for (const Row& row : rows) EXPECT_EQ(Get(row.field), row.value) << row.field;
  }

  Names names_ = Names::Read("/nonexistent");
  ring::Record record_;
  std::string bytes_;
  std::unique_ptr<RecordEvent> event_;
};

TEST_F(Extract, AnOpen) {
  Load(Open(), Chain());
  EXPECT_EQ(event_->hook(), SLUICE_HOOK_FILE_OPEN);
  Expect({{"evt.type", "\"openat\""},
          {"evt.hook", "\"file_open\""},
          {"evt.source", "\"syscall\""},
          {"evt.hostname", "\"box\""},
          {"evt.rawtime", "1700000005000000123"},
          {"evt.rawtime.s", "1700000005"},
          {"evt.rawtime.ns", "123"},
          {"evt.time.iso8601", "\"2023-11-14T22:13:25.000000123+0000\""},
          {"evt.is_open_write", "true"},
          {"evt.is_open_read", "false"},
          {"evt.is_open_exec", "false"},
          {"evt.is_open_create", "true"},
          {"evt.arg.flags", "\"O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED\""},
          {"evt.args",
           "\"name=/etc/cron.d/job flags=O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED mode=0644 dev=802 ino=99\""},
          {"evt.info",
           "\"name=/etc/cron.d/job flags=O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED mode=0644 dev=802 ino=99\""},
          {"evt.type.is.openat", "1"},
          {"evt.type.is.open", "0"},
          {"evt.rawarg.name", "\"/etc/cron.d/job\""},
          {"evt.rawarg.mode", "420"},
          {"evt.rawarg.dev", "2050"},
          {"evt.rawarg.ino", "99"},
          {"evt.rawarg.fd", "unknown"},
          {"evt.rawarg.flags", "absent"},
          {"evt.rawarg.path", "absent"},
          {"evt.rawarg[2]", "absent"},
          {"evt.count", "1"},
          {"evt.arg.mode", "\"0644\""},
          {"evt.arg.name", "\"/etc/cron.d/job\""},
          {"evt.arg[2]", "\"/etc/cron.d/job\""},
          {"evt.arg[99]", "absent"},
          {"evt.arg.path", "absent"},
          {"evt.arg.filename", "absent"},
          {"fd.name", "\"/etc/cron.d/job\""},
          {"fd.directory", "\"/etc/cron.d\""},
          {"fd.filename", "\"job\""},
          {"fd.type", "\"file\""},
          {"fd.typechar", "\"f\""},
          {"fd.ino", "99"},
          {"fd.dev.major", "8"},
          {"fd.dev.minor", "2"},
          {"fs.path.name", "\"/etc/cron.d/job\""},
          {"fd.sip", "absent"}});
}

TEST_F(Extract, AnEndThatCannotBeToldIsUnknown) {
  RecordBuilder connect(SLUICE_RECORD_EVENT, SLUICE_HOOK_SOCKET_CONNECT);
  connect.header() = Open().header();
  connect.header().hook = SLUICE_HOOK_SOCKET_CONNECT;
  connect.header().type = check::FindEvent("connect");
  connect.header().numbers[1] = AF_INET;
  connect.header().numbers[3] = 4000;
  connect.header().numbers[4] = static_cast<uint64_t>(SLUICE_UNKNOWN_INT);
  const std::string address(16, '\0');
  connect.Item(SLUICE_ITEM_LOCAL, address).Item(SLUICE_ITEM_REMOTE, address, SLUICE_ITEM_UNKNOWN);
  Load(connect, Chain());
  Expect({{"fd.rip", "unknown"},
          {"fd.snet", "unknown"},
          {"fd.rport", "unknown"},
          {"fd.name", "unknown"},
          {"fd.lport", "4000"}});
}

TEST_F(Extract, TheLoginShellIsTheOldestOfTheAncestors) {
  Load(Open(), Chain());
  Expect({{"proc.loginshellid", "200"}, {"proc.is_pgid_leader", "true"}, {"proc.is_vpgid_leader", "true"}});
  auto shell = Process(50, "zsh", "zsh|", Process(1, "systemd", "init|", nullptr, 1));
  Load(Open(), Process(200, "sh", "sh|", Process(100, "make", "make|", shell)));
  Expect({{"proc.loginshellid", "50"}});
  Load(Open(), Process(200, "sh", "sh|", nullptr));
  Expect({{"proc.loginshellid", "200"}});
  Load(Open(), nullptr);
  Expect({{"proc.loginshellid", "unknown"}});
  RecordBuilder cat(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  cat.header() = Open().header();
  Load(cat.Item(SLUICE_ITEM_NAME, "cat"),
       Process(200, "cat", "cat|", Process(1, "systemd", "init|", nullptr, 1)));
  Expect({{"proc.loginshellid", "absent"}});
}

TEST_F(Extract, TheProcessOfAnOpen) {
  Load(Open(), Chain());
  Expect({{"proc.name", "\"sh\""},
          {"proc.exepath", "\"/usr/bin/sh\""},
          {"proc.exe", "\"sh\""},
          {"proc.args", "\"-c curl x\""},
          {"proc.args[1]", "\"curl x\""},
          {"proc.args[5]", "\"\""},
          {"proc.cmdline", "\"sh -c curl x\""},
          {"proc.exeline", "\"sh -c curl x\""},
          {"proc.cmdnargs", "2"},
          {"proc.cmdlenargs", "8"},
          {"proc.env[LD_PRELOAD]", "\"/tmp/x.so\""},
          {"proc.env[LD_PRE]", "\"\""},
          {"proc.env", "\"HOME=/root LD_PRELOAD=/tmp/x.so\""},
          {"proc.pid", "200"},
          {"proc.vpid", "7"},
          {"proc.ppid", "100"},
          {"proc.sid", "100"},
          {"proc.sname", "\"nginx\""},
          {"proc.is_sid_leader", "false"},
          {"proc.is_pgid_leader", "true"},
          {"proc.duration", "4999800123"},
          {"proc.ppid.duration", "4999900123"},
          {"proc.is_exe_from_memfd", "false"},
          {"thread.ismain", "true"},
          {"thread.cap_effective", "\"CAP_CHOWN CAP_SYS_ADMIN\""},
          {"thread.cap_permitted", "\"\""},
          {"user.uid", "0"},
          {"user.loginuid", "-1"},
          {"user.name", "absent"},
          {"group.gid", "5"},
          {"container.id", "\"host\""}});
}

TEST_F(Extract, Ancestors) {
  Load(Open(), Chain());
  Expect({{"proc.pname", "\"nginx\""},
          {"proc.pexepath", "\"/usr/bin/nginx\""},
          {"proc.pcmdline", "\"nginx\""},
          {"proc.pexe", "\"nginx: worker\""},
          {"proc.aname", "[\"nginx\" \"systemd\"]"},
          {"proc.aname[0]", "\"sh\""},
          {"proc.aname[1]", "\"nginx\""},
          {"proc.aname[2]", "\"systemd\""},
          {"proc.aname[3]", "absent"},
          {"proc.apid", "[100 1]"},
          {"proc.aexepath[2]", "\"/usr/bin/systemd\""},
          {"proc.acmdline[2]", "\"systemd\""}});
}

TEST_F(Extract, TheLeaderOfAGroupIsTheProcessAnAncestorOrWhomTheTreeKnows) {
  Load(Open(), Chain());
  Expect({{"proc.pgid.name", "\"sh\""},
          {"proc.pgid.exe", "\"sh\""},
          {"proc.pgid.exepath", "\"/usr/bin/sh\""},
          {"proc.vpgid", "7"},
          {"proc.vpgid.name", "\"sh\""}});
  RecordBuilder below = Open();
  below.header().pgid = 100;
  Load(below, Chain());
  Expect({{"proc.pgid.name", "\"nginx\""}, {"proc.vpgid.exe", "\"nginx: worker\""}});
  RecordBuilder beside = Open();
  beside.header().pgid = 150;
  Load(beside, Chain());
  Expect({{"proc.pgid.name", "unknown"}, {"proc.vpgid", "unknown"}});
  lineage::Tree tree{lineage::Limits{}};
  lineage::ProcEntry make;
  make.pid = 150;
  make.vpid = 5;
  make.start_ns = 1000;
  make.image.name = "make";
  make.image.exepath = "/usr/bin/make";
  make.image.exe = "make";
  make.image.args = Nul("make|all|");
  tree.Seed({make});
  event_ = std::make_unique<RecordEvent>(&names_, HostFacts{}, nullptr, nullptr, &tree);
  Load(beside, Chain());
  Expect({{"proc.pgid", "150"},
          {"proc.pgid.name", "\"make\""},
          {"proc.vpgid.exepath", "\"/usr/bin/make\""},
          {"proc.vpgid", "5"}});
  beside.header().vpid = 200;
  Load(beside, Chain());
  EXPECT_EQ(Get("proc.vpgid"), "150");
  beside.header().pgid = 151;
  Load(beside, Chain());
  Expect({{"proc.pgid.name", "absent"}, {"proc.vpgid.exepath", "absent"}, {"proc.pgid", "151"}});
}

TEST_F(Extract, EventsAreNumberedAndOfACategory) {
  Load(Open(), Chain());
  Expect({{"evt.num", "1"}, {"evt.category", "\"file\""}});
  event_->Reset(&record_, Chain(), -1, 17);
  EXPECT_EQ(Get("evt.num"), "17");
  Load(Exec(), Chain());
  EXPECT_EQ(Get("evt.category"), "\"process\"");
  RecordBuilder open = Open();
  for (const auto& [type, category] : {std::pair("bpf", "\"other\""), std::pair("setuid", "\"user\"")}) {
    open.header().type = check::FindEvent(type);
    Load(open, Chain());
    EXPECT_EQ(Get("evt.category"), category) << type;
  }
  open.header().type = check::kNoType;
  Load(open, Chain());
  EXPECT_EQ(Get("evt.category"), "absent");
}

TEST_F(Extract, AboveAGapAndWithoutAProcessEverythingIsUnknown) {
  auto orphan = std::make_shared<Link>(*Process(200, "sh", "sh|", nullptr));
  orphan->gap_above = true;
  Load(Open(), orphan);
  Expect({{"proc.pname", "unknown"},
          {"proc.ppid", "unknown"},
          {"proc.aname", "[]..."},
          {"proc.aname[0]", "\"sh\""},
          {"proc.aname[4]", "unknown"},
          {"proc.sname", "unknown"}});
  Load(Open(), nullptr);
  Expect({{"proc.name", "\"sh\""},
          {"proc.cmdline", "\"sh\"..."},
          {"proc.pname", "unknown"},
          {"proc.aname", "[]..."},
          {"proc.args", "unknown"},
          {"proc.env[X]", "unknown"},
          {"proc.pid", "200"},
          {"proc.is_exe_deleted", "unknown"}});
}

TEST_F(Extract, AnExecIsTheNewImageAndARoundChoosesItsFile) {
  Load(Exec(), Chain(), 0);
  Expect({{"evt.type", "\"execve\""},
          {"evt.hook", "\"bprm_check_security\""},
          {"proc.name", "\"job.sh\""},
          {"proc.exepath", "\"/srv/job.sh\""},
          {"proc.aexepath[0]", "\"/srv/job.sh\""},
          {"proc.exe", "\"./job.sh\""},
          {"proc.args", "\"a b  -v\""},
          {"proc.cmdline", "\"job.sh a b  -v\""},
          {"proc.cmdnargs", "3"},
          {"proc.env[PATH]", "\"/bin\""},
          {"proc.env[EMPTY]", "\"\""},
          {"proc.cwd", "\"/srv/\""},
          {"proc.is_exe_from_memfd", "true"},
          {"proc.stdin.type", "\"ipv4\""},
          {"proc.stdout.type", "\"pipe\""},
          {"proc.stderr.type", "\"file\""},
          {"proc.is_exe_upper_layer", "true"},
          {"proc.is_exe_deleted", "false"},
          {"proc.pname", "\"nginx\""},
          {"evt.arg.filename", "\"./job.sh\""},
          {"evt.arg.flags", "\"EXE_UPPER_LAYER|EXE_FROM_MEMFD\""},
          {"evt.arg.trusted_exepath", "\"/srv/job.sh\""},
          {"evt.rawarg.trusted_exepath", "\"/srv/job.sh\""},
          {"evt.arg.cap_effective", "\"200001\""},
          {"evt.rawarg.cap_effective", "2097153"},
          {"evt.arg.loginuid", "\"-1\""},
          {"evt.rawarg.loginuid", "4294967295"},
          {"evt.rawarg.gid", "5"},
          {"evt.rawarg.args", "absent"},
          {"evt.is_open_write", "false"},
          {"fd.name", "absent"},
          {"fs.path.name", "absent"}});
  Load(Exec(), Chain(), 1);
  EXPECT_EQ(Get("proc.exepath"), "\"/bin/dash\"");
  Load(Exec(), Chain(), -1);
  EXPECT_EQ(Get("proc.exepath"), "\"/bin/dash\"");
}

TEST_F(Extract, ARefusedExecHasANameAndAFileButNoArgumentsYet) {
  RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_BPRM_CHECK);
  builder.header() = Open().header();
  builder.header().hook = SLUICE_HOOK_BPRM_CHECK;
  builder.Item(SLUICE_ITEM_NAME, "evil").Item(SLUICE_ITEM_EXEPATH, "/tmp/evil");
  Load(builder, Chain());
  Expect({{"proc.name", "\"evil\""},
          {"proc.exepath", "\"/tmp/evil\""},
          {"proc.args", "unknown"},
          {"proc.cmdline", "\"evil\"..."},
          {"proc.env[LD_PRELOAD]", "unknown"},
          {"proc.pname", "\"nginx\""}});
}

TEST_F(Extract, ARefusedExecMayHaveNoKnownName) {
  RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_BPRM_CHECK);
  builder.header() = Open().header();
  builder.header().hook = SLUICE_HOOK_BPRM_CHECK;
  builder.Item(SLUICE_ITEM_NAME, "", SLUICE_ITEM_UNKNOWN).Item(SLUICE_ITEM_EXEPATH, "", SLUICE_ITEM_UNKNOWN);
  Load(builder, Chain());
  Expect({{"proc.name", "unknown"}, {"proc.exepath", "unknown"}, {"proc.cmdline", "unknown"}});
}

TEST_F(Extract, TruncatedArgumentsAndEnvironments) {
  RecordBuilder builder = Exec();
  builder.Item(SLUICE_ITEM_ARGS, Nul("x|-c|long arg"), SLUICE_ITEM_TRUNCATED);
  builder.Item(SLUICE_ITEM_ENV, Nul("A=1|LD_PRELOAD=/tm"), SLUICE_ITEM_TRUNCATED);
  Load(builder, Chain());
  Expect({{"proc.args", "\"-c long arg\"..."},
          {"proc.args[0]", "\"-c\""},
          {"proc.args[1]", "\"long arg\"..."},
          {"proc.args[2]", "unknown"},
          {"proc.cmdnargs", "unknown"},
          {"proc.cmdline", "\"job.sh -c long arg\"..."},
          {"proc.env[A]", "\"1\""},
          {"proc.env[LD_PRELOAD]", "\"/tm\"..."},
          {"proc.env[B]", "unknown"}});
  EXPECT_EQ(Shown(event_->GetList({.field = check::FieldId::kProcArgs, .index = -1, .argument = ""})),
            "[\"-c\"]...");
}

TEST_F(Extract, ALongExepathComesFromTheTree) {
  const std::string path = "/" + std::string(300, 'p');
  auto image = std::make_shared<Image>(*Chain()->image);
  image->exepath = path;
  auto self = std::make_shared<Link>(*Chain());
  self->image = image;
  RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
  builder.Item(SLUICE_ITEM_EXEPATH, path.substr(0, 255), SLUICE_ITEM_TRUNCATED);
  Load(builder, self);
  EXPECT_EQ(Get("proc.exepath"), "\"" + path + "\"");
  Load(builder, nullptr);
  EXPECT_EQ(Get("proc.exepath"), "\"" + path.substr(0, 255) + "\"...");
}

TEST_F(Extract, UnknownPathsAndFoldersAndNodes) {
  RecordBuilder open = Open();
  open.Item(SLUICE_ITEM_PATH, "", SLUICE_ITEM_UNKNOWN);
  open.header().numbers[1] = S_IFDIR | 0755;
  Load(open, Chain());
  Expect({{"fd.name", "unknown"},
          {"fd.directory", "unknown"},
          {"fd.filename", "unknown"},
          {"fd.typechar", "\"d\""}});
  RecordBuilder node = Open();
  node.header().hook = SLUICE_HOOK_PATH_MKNOD;
  node.header().type = check::FindEvent("mknodat");
  node.header().numbers[0] = SLUICE_FLAG_IS_CHAR | 0600;
  Load(node, Chain());
  Expect({{"evt.arg.mode", "\"S_IWUSR|S_IRUSR|S_IFCHR\""},
          {"evt.arg.path", "\"/etc/cron.d/job\""},
          {"evt.arg[2]", "\"/etc/cron.d/job\""},
          {"evt.arg.flags", "absent"},
          {"evt.is_open_read", "false"},
          {"fd.name", "absent"},
          {"fs.path.name", "\"/etc/cron.d/job\""}});
  RecordBuilder root = Open();
  root.Item(SLUICE_ITEM_PATH, "/x");
  Load(root, Chain());
  Expect({{"fd.directory", "\"/\""}, {"fd.filename", "\"x\""}});
}

TEST_F(Extract, AContainerIsKnownByItsCgroup) {
  const std::string id(64, 'a');
  const std::pair<std::string, const char*> cases[] = {
      {"docker-" + id + ".scope", "\"aaaaaaaaaaaa\""},
      {std::string("init.scope\0", 11) + "cri-containerd-" + id + ".scope", "\"aaaaaaaaaaaa\""},
      {id, "\"aaaaaaaaaaaa\""},
      {"libpod-conmon-" + id + ".scope", "\"host\""},
      {id + "b", "\"host\""},
      {std::string("ssh.service\0system.slice\0", 25), "\"host\""}};
  for (const auto& [cgroup, shown] : cases) {
    RecordBuilder open = Open();
    open.Item(SLUICE_ITEM_CGROUP, cgroup);
    Load(open, Chain());
    EXPECT_EQ(Get("container.id"), shown) << cgroup;
  }
}

TEST_F(Extract, AnotherNamespaceIsNotTheHost) {
  RecordBuilder builder = Open();
  builder.header().mnt_ns = 77;
  Load(builder, Chain());
  EXPECT_EQ(Get("container.id"), "absent");
}

TEST_F(Extract, EverySuppliedFieldHasAValueOrSaysWhyNot) {
  for (const RecordBuilder& builder : {Open(), Exec()}) {
    Load(builder, Chain());
    const check::HookMask here = check::MaskOf(event_->hook());
    for (const check::FieldRow& row : check::Fields()) {
      if ((row.hooks & here) == 0 || row.argument == check::Argument::kKeyRequired) continue;
      const bool named = row.name.find("user.") == 0 || row.name == "group.name";
      const std::string value = Get(std::string(row.name));
      if (named) continue;                               // the snapshot is empty
      if (row.name.starts_with("container.")) continue;  // of the host: extract_container_test.cc
      if (row.name == "fd.nameraw") continue;            // sent where a rule asks for it
      EXPECT_NE(value, "absent") << row.name << ": fields.def says that it is supplied";
    }
  }
}

TEST_F(Extract, EachRoundHasItsOwnDigest) {
  Load(Exec(), Chain(), 0);
  EXPECT_EQ(Get("fs.verity.digest"), "absent");
  Load(Exec(), Chain(), 1);
  EXPECT_EQ(Get("fs.verity.digest"), "\"sha256:17\"");
  RecordBuilder refused(SLUICE_RECORD_EVENT, SLUICE_HOOK_BPRM_CHECK);
  const uint64_t set[SLUICE_WORDS] = {1};
  refused.Round(set, "/srv/job.sh").Item(SLUICE_ITEM_TEXT, "sha256:18");
  Load(refused, Chain());
  EXPECT_EQ(Get("fs.verity.digest"), "\"sha256:18\"");
}

TEST_F(Extract, RawArgumentsOfOtherHooks) {
  RecordBuilder kill(SLUICE_RECORD_EVENT, SLUICE_HOOK_TASK_KILL);
  kill.header().type = check::FindEvent("kill");
  kill.header().flags = SLUICE_EVENT_RESULT;
  kill.header().result = -1;
  kill.header().numbers[1] = 9;
  kill.header().numbers[2] = 4711;
  kill.header().numbers[3] = static_cast<uint64_t>(SLUICE_UNKNOWN_INT);
  Load(kill, Chain());
  Expect({{"evt.arg.sig", "\"SIGKILL\""},
          {"evt.rawarg.sig", "9"},
          {"evt.rawarg.pid", "4711"},
          {"evt.rawarg.target_uid", "unknown"},
          {"evt.rawarg.other_user", "absent"},
          {"evt.rawarg.res", "-1"},
          {"evt.type.is.kill", "1"}});
  RecordBuilder mode(SLUICE_RECORD_EVENT, SLUICE_HOOK_PATH_CHMOD);
  mode.header().type = check::FindEvent("chmod");
  mode.header().numbers[0] = 04755;
  Load(mode, Chain());
  Expect({{"evt.arg.mode", "\"S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID\""},
          {"evt.rawarg.mode", "2541"}});
  RecordBuilder untyped = Open();
  untyped.header().type = check::kNoType;
  Load(untyped, Chain());
  EXPECT_EQ(Get("evt.type.is.openat"), "0");
}

TEST_F(Extract, TheUptimeIsInWholeSeconds) {
  RecordBuilder open = Open();
  open.header().time_ns = 599'999'999'999;
  Load(open, Chain());
  EXPECT_EQ(Get("evt.uptime.s"), "599");
}

TEST_F(Extract, FieldsThatAreNotSuppliedAreAbsent) {
  Load(Open(), Chain());
  for (const check::FieldRow& row : check::Fields()) {
    if (row.hooks != 0) continue;
    EXPECT_EQ(Shown(event_->Get({.field = row.id, .index = -1, .argument = ""})), "absent") << row.name;
  }
}

TEST(NamesTest, PasswdAndGroupAreReadWithoutNss) {
  std::string folder = (std::filesystem::temp_directory_path() / "sluice-etc-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::ofstream(folder + "/passwd")
      << "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/:/bin/sh\nbroken\n:x:5:5:::\n"
         "www:x:33:33:www:/var/www:/usr/sbin/nologin\nbad:x:zz:1:::\n";
  std::ofstream(folder + "/group") << "root:x:0:\nadm:x:4:a,b\n";
  const Names names = Names::Read(folder);
  EXPECT_EQ(names.User(0), "root");
  EXPECT_EQ(names.Home(33), "/var/www");
  EXPECT_EQ(names.Shell(33), "/usr/sbin/nologin");
  EXPECT_EQ(names.Group(4), "adm");
  EXPECT_EQ(names.User(5), "");
  EXPECT_EQ(names.Group(99), "");
  std::filesystem::remove_all(folder);
}

TEST(Render, Flags) {
  Arena arena;
  EXPECT_EQ(RenderOpenFlags(O_RDONLY, arena), "O_RDONLY");
  EXPECT_EQ(RenderOpenFlags(O_RDWR | O_APPEND, arena), "O_APPEND|O_RDWR");
  EXPECT_EQ(RenderOpenFlags(3, arena), "");
  EXPECT_EQ(RenderFlags(04755, check::NamesOf(check::Names::kMode), arena),
            "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID");
  EXPECT_EQ(RenderOctal(0, arena), "0");
  EXPECT_EQ(RenderCapabilities(~uint64_t{0}, arena).substr(0, 9), "CAP_CHOWN");
}

// The kernel tests bits where user space looks for the text that shows them: both must say the same.
TEST(Render, OpenFlagsShowWhatTheKernelTests) {
  std::mt19937_64 random(5);
  for (const check::NamedNumber& flag : split::OpenFlags()) {
    for (size_t begin = 0; begin < flag.name.size(); ++begin) {
      for (size_t length = 1; begin + length <= flag.name.size(); ++length) {
        const std::string_view text = flag.name.substr(begin, length);
        const std::optional<uint64_t> bits = split::FlagsThatShow(split::OpenFlags(), text);
        if (!bits) continue;
        for (int i = 0; i < 50; ++i) {
          Arena arena;
          const uint64_t word = random() & ~random() & (0xffffffffu | SLUICE_FLAG_CREATED);
          const bool shown = RenderOpenFlags(word, arena).find(text) != std::string_view::npos;
          ASSERT_EQ(shown, (word & *bits) != 0) << text << " of " << word;
        }
      }
    }
  }
}

TEST(ArenaTest, ReusesItsRoomAndKeepsLargeTexts) {
  Arena arena;
  const std::string large(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    arena.Reset();
    const std::string_view small = arena.Keep("abc"), big = arena.Keep(large), again = arena.Keep("def");
    EXPECT_EQ(small, "abc");
    EXPECT_EQ(big, large);
    EXPECT_EQ(again, "def");
  }
}

}  // namespace
}  // namespace sluice::eval
