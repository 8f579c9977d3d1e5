#include "bench/event_mix.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <random>

#include "runtime/eval/json_event.h"
#include "runtime/ring/build_record.h"

namespace sluice::bench {
namespace {

constexpr size_t kEvents = 1000, kProcesses = 60, kServices = 20;

struct Program {
  const char* name;
  const char* path;
  const char* line;  // arguments, `|` between them
};
const std::vector<Program> kPrograms = {
    {"bash", "/usr/bin/bash", "bash|-c|for f in /var/backups/*; do gzip -9 \"$f\"; done"},
    {"sh", "/usr/bin/dash", "sh|-c|test -x /usr/sbin/anacron || run-parts --report /etc/cron.daily"},
    {"python3", "/usr/bin/python3.11", "python3|-m|http.server|--bind|127.0.0.1|8080"},
    {"java", "/usr/lib/jvm/java-17/bin/java",
     "java|-Xms512m|-Xmx2g|-Dfile.encoding=UTF-8|-cp|/opt/app/lib/app.jar:/opt/app/lib/"
     "netty-all.jar|com.example.Main|--config|/opt/app/conf/app.yaml"},
    {"nginx", "/usr/sbin/nginx", "nginx: worker process"},
    {"postgres", "/usr/lib/postgresql/15/bin/postgres", "postgres|-D|/var/lib/postgresql/15/main"},
    {"curl", "/usr/bin/curl", "curl|-fsS|--max-time|5|https://repo.internal.example.com/health"},
    {"git", "/usr/bin/git", "git|-C|/home/user/src/project|fetch|--all|--prune"},
    {"grep", "/usr/bin/grep", "grep|-rn|TODO|src/"},
    {"systemctl", "/usr/bin/systemctl", "systemctl|is-active|--quiet|docker.service"},
    {"dockerd", "/usr/bin/dockerd", "/usr/bin/dockerd|-H|fd://|--containerd=/run/containerd/containerd.sock"},
    {"runc", "/usr/bin/runc",
     "runc|--root|/var/run/docker/runtime-runc/moby|--log|/run/containerd/log.json|start|4f2a9c"},
    {"find", "/usr/bin/find", "find|/var/log|-name|*.gz|-mtime|+30|-delete"},
    {"node", "/usr/bin/node", "node|/srv/www/app/server.js|--port|3000"},
    {"gcc", "/usr/bin/x86_64-linux-gnu-gcc-12", "gcc|-O2|-g|-Wall|-Iinclude|-c|src/main.c|-o|build/main.o"},
    {"cc1", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
     "/usr/lib/gcc/x86_64-linux-gnu/12/cc1|-quiet|-imultiarch|x86_64-linux-gnu|src/"
     "main.c|-quiet|-dumpbase|main.c|-mtune=generic|-O2|-Wall|-o|/tmp/ccQx81aR.s"},
    {"sshd", "/usr/sbin/sshd", "sshd: user@pts/0"},
    {"apt-get", "/usr/bin/apt-get", "apt-get|-y|install|libssl3"},
    {"tar", "/usr/bin/tar", "tar|-czf|/var/backups/etc.tar.gz|/etc"},
    {"ls", "/usr/bin/ls", "ls|-la|--color=auto|/srv/www"}};
const std::vector<const char*> kFiles = {"/etc/ld.so.cache",
                                         "/lib/x86_64-linux-gnu/libc.so.6",
                                         "/usr/lib/x86_64-linux-gnu/libssl.so.3",
                                         "/usr/lib/locale/locale-archive",
                                         "/proc/self/stat",
                                         "/proc/1234/cmdline",
                                         "/proc/meminfo",
                                         "/dev/null",
                                         "/etc/passwd",
                                         "/etc/nsswitch.conf",
                                         "/etc/resolv.conf",
                                         "/etc/hosts",
                                         "/usr/share/zoneinfo/UTC",
                                         "/sys/fs/cgroup/memory.current",
                                         "/home/user/src/project/src/module/file_{}.c",
                                         "/home/user/.config/app/settings_{}.json",
                                         "/var/log/nginx/access.log",
                                         "/var/log/syslog",
                                         "/var/lib/postgresql/15/main/base/16384/{}",
                                         "/opt/app/lib/component-{}.jar",
                                         "/srv/www/static/img/{}.png",
                                         "/tmp/cc{}.o",
                                         "/usr/lib/python3/dist-packages/package_{}/__init__.py",
                                         "/var/cache/apt/archives/lib{}.deb",
                                         "/root/.bash_history",
                                         "/usr/include/x86_64-linux-gnu/bits/types_{}.h",
                                         "/run/systemd/journal/socket",
                                         "/var/lib/docker/overlay2/{}/merged/usr/bin/tool",
                                         "/etc/ssl/certs/{}.pem",
                                         "/etc/localtime"};
const std::vector<const char*> kParents = {"systemd",         "bash",  "sshd",   "cron", "make",
                                           "containerd-shim", "nginx", "dockerd"};

std::string Nul(std::string text) {
  text += '|';
  for (char& c : text) {
    if (c == '|') c = '\0';
  }
  return text;
}

std::shared_ptr<const lineage::Link> LinkOf(const Program& program,
                                            std::shared_ptr<const lineage::Link> parent) {
  auto image = std::make_shared<lineage::Image>();
  image->name = program.name;
  image->exepath = program.path;
  image->args = Nul(program.line);
  image->exe = image->args.substr(0, image->args.find('\0'));
  image->env = Nul("HOME=/root|PATH=/usr/local/bin:/usr/bin:/bin|LANG=C.UTF-8");
  image->env_known = true;
  auto link = std::make_shared<lineage::Link>();
  link->key = {4321, 1000};
  link->image = std::move(image);
  link->parent = std::move(parent);
  link->session_pid = 100;
  return link;
}

}  // namespace

struct EventMix::Case {
  std::string bytes;  // of the record, which borrows from them
  ring::Record record;
  std::shared_ptr<const lineage::Link> self;
  std::unique_ptr<eval::JsonEvent> written;
};

class EventMix::Maker {
 public:
  Maker() { StartHost(); }

  void Make(Case& made) {
    const size_t dice = random_() % 100;
    if (dice < 50) return Open(made);
    if (dice < 70) return Exec(made);
    return dice < 85 ? Connect(made) : Unlink(made);
  }

 private:
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }
  std::string File() {
    if (random_() % 200 == 0) return "/etc/shadow";
    return fmt::format(fmt::runtime(Pick(kFiles)), random_() % 5000);
  }

  // A process of the host: the services share their ancestors, and several events are one process's.
  using Process = std::pair<const Program*, std::shared_ptr<const lineage::Link>>;
  void StartHost() {
    services_.push_back(LinkOf({"systemd", "/usr/lib/systemd/systemd", "/sbin/init"}, nullptr));
    while (services_.size() < kServices) {
      const char* name = Pick(kParents);
      services_.push_back(LinkOf({name, "/usr/bin/parent", name}, Pick(services_)));
    }
    while (processes_.size() < kProcesses) {
      const Program& program = Pick(kPrograms);
      processes_.emplace_back(&program, LinkOf(program, Pick(services_)));
    }
  }

  void Finish(const ring::RecordBuilder& builder, std::shared_ptr<const lineage::Link> self, Case& made) {
    made.bytes = builder.Bytes();
    made.self = std::move(self);
    if (!ring::Decode(made.bytes, made.record).ok()) std::abort();
  }

  ring::RecordBuilder Start(sluice_record_kind kind, uint16_t hook, const char* type,
                            const Program& program) {
    ring::RecordBuilder builder(kind, hook);
    sluice_record& header = builder.header();
    header.type = check::FindEvent(type);
    header.time_ns = 5'000'000'000 + random_() % 1'000'000'000;
    header.pid = header.tid = 4321;
    header.start_ns = 1000;
    header.session_pid = 100;
    header.uid = header.loginuid = random_() % 3 == 0 ? 1000 : 0;
    header.tty = random_() % 4 == 0 ? 34816 : 0;
    builder.Item(SLUICE_ITEM_NAME, program.name).Item(SLUICE_ITEM_EXEPATH, program.path);
    return builder;
  }

  void Open(Case& made) {
    const auto& [program, self] = Pick(processes_);
    ring::RecordBuilder builder = Start(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN, "openat", *program);
    const bool writes = random_() % 100 < 15;
    builder.header().numbers[0] =
        writes ? O_WRONLY | O_CREAT | SLUICE_FLAG_WRITE : O_RDONLY | O_CLOEXEC | SLUICE_FLAG_READ;
    builder.header().numbers[1] = S_IFREG | 0644;
    builder.header().numbers[2] = 99;
    Finish(builder.Item(SLUICE_ITEM_PATH, File()), self, made);
  }

  void Exec(Case& made) {
    const Program& program = Pick(kPrograms);
    ring::RecordBuilder builder = Start(SLUICE_RECORD_EXEC, SLUICE_HOOK_BPRM_CHECK, "execve", program);
    builder.Item(SLUICE_ITEM_FILENAME, program.path).Item(SLUICE_ITEM_ARGS, Nul(program.line));
    builder.Item(SLUICE_ITEM_ENV, Nul("HOME=/root|PATH=/usr/local/bin:/usr/bin:/bin|LANG=C.UTF-8"));
    Finish(builder, LinkOf(program, Pick(services_)), made);
  }

  void Unlink(Case& made) {
    const auto& [program, self] = Pick(processes_);
    ring::RecordBuilder builder = Start(SLUICE_RECORD_EVENT, SLUICE_HOOK_PATH_UNLINK, "unlinkat", *program);
    Finish(builder.Item(SLUICE_ITEM_PATH, File()), self, made);
  }

  void Connect(Case& made) {
    const Program& program = Pick(kPrograms);
    const std::string address =
        fmt::format("10.{}.{}.{}", random_() % 4, random_() % 256, 1 + random_() % 254);
    static const std::vector<int> kPorts = {443, 443, 443, 80, 5432, 6379, 53, 22, 9200, 8080};
    const int port = Pick(kPorts);
    const std::string json = fmt::format(
        R"({{"evt.type":"connect","proc.name":"{}","proc.exepath":"{}","proc.cmdline":"{}","proc.pname":"{}",)"
        R"("proc.aname":["{}","systemd"],"user.uid":{},"fd.typechar":"4","fd.type":"ipv4","fd.sip":"{}",)"
        R"("fd.sport":{},"fd.cip":"192.168.1.20","fd.cport":{},"fd.l4proto":"tcp","fd.name":"192.168.1.20:4->{}:{}"}})",
        program.name, program.path, program.name, Pick(kParents), Pick(kParents), random_() % 2 * 1000,
        address, port, 30000 + random_() % 30000, address, port);
    auto event = eval::JsonEvent::Parse(json);
    if (!event.ok()) std::abort();
    made.written = std::move(*event);
  }

  std::mt19937_64 random_{42};
  std::vector<std::shared_ptr<const lineage::Link>> services_;
  std::vector<Process> processes_;
};

EventMix::EventMix() : event_(&names_, eval::HostFacts{}) {
  Maker maker;
  for (size_t i = 0; i < kEvents; ++i) maker.Make(*cases_.emplace_back(std::make_unique<Case>()));
}
EventMix::~EventMix() = default;

const eval::Event& EventMix::At(size_t index) {
  Case& at = *cases_[index];
  if (at.written != nullptr) return *at.written;
  event_.Reset(&at.record, at.self, -1);
  return event_;
}

}  // namespace sluice::bench
