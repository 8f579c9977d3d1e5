#include "bench/rule_mix.h"

#include <fmt/format.h>

#include <random>
#include <string_view>
#include <vector>

namespace sluice::bench {
namespace {

constexpr std::string_view kHeader = R"(list shells = [ash, bash, csh, dash, ksh, sh, tcsh, zsh]
list package_managers = [apk, apt, apt-get, aptitude, dnf, dpkg, pip, pip3, rpm, snapd, unattended-upgr, yum]
list web_servers = [apache2, caddy, gunicorn, httpd, lighttpd, nginx, php-fpm, tomcat]
list databases = [mongod, mysqld, postgres, redis-server]
list login_programs = [login, passwd, sshd, su, sudo, systemd-logind]
list network_tools = [curl, nc, ncat, netcat, nmap, socat, tcpdump, tshark, wget]
list coin_ports = [3333, 4444, 5555, 7777, 14444]

macro spawned_process = evt.type in (execve, execveat)
macro open_write = evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.typechar = f and fd.num >= 0
macro open_read = evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = f and fd.num >= 0
macro outbound = evt.type = connect and fd.typechar = 4
macro removed = evt.type in (unlink, unlinkat)
macro by_package_manager = proc.name in (package_managers) or proc.pname in (package_managers)
macro user_known_activity = proc.name in (ansible, puppet, chef-client) or proc.aname in (ansible, puppet)
macro below_etc = fd.name startswith /etc/
macro interactive = proc.tty != 0

)";

const std::vector<std::string_view> kPrograms = {
    "awk",     "base64",  "bash",  "busybox",   "cat",     "chmod",    "chown",  "chroot",  "cp",
    "crontab", "curl",    "dd",    "docker",    "find",    "gcc",      "gdb",    "git",     "grep",
    "gzip",    "head",    "id",    "insmod",    "ip",      "iptables", "java",   "kubectl", "ldconfig",
    "ln",      "ls",      "lsof",  "make",      "mkfifo",  "mount",    "mv",     "nc",      "ncat",
    "netstat", "nmap",    "node",  "nsenter",   "openssl", "perl",     "php",    "ping",    "ps",
    "python3", "rm",      "rsync", "ruby",      "runc",    "sed",      "setcap", "sh",      "socat",
    "ssh",     "strace",  "sudo",  "systemctl", "tar",     "tcpdump",  "tee",    "touch",   "uname",
    "unshare", "useradd", "vim",   "wget",      "whoami",  "xargs",    "zip"};
const std::vector<std::string_view> kFolders = {"/etc",
                                                "/etc/cron.d",
                                                "/etc/ssh",
                                                "/etc/systemd/system",
                                                "/usr/bin",
                                                "/usr/local/bin",
                                                "/usr/lib",
                                                "/usr/lib/systemd",
                                                "/usr/sbin",
                                                "/var/log",
                                                "/var/lib/docker",
                                                "/var/run",
                                                "/var/spool/cron",
                                                "/root",
                                                "/root/.ssh",
                                                "/home",
                                                "/tmp",
                                                "/dev/shm",
                                                "/opt",
                                                "/srv/www",
                                                "/boot",
                                                "/proc",
                                                "/sys/fs/cgroup",
                                                "/lib/modules"};
const std::vector<std::string_view> kFiles = {"/etc/shadow",          "/etc/gshadow",
                                              "/etc/sudoers",         "/etc/pam.conf",
                                              "/etc/krb5.keytab",     "/etc/ld.so.preload",
                                              "/root/.bashrc",        "/root/.netrc",
                                              "/etc/ssh/sshd_config", "/etc/crontab",
                                              "/var/log/auth.log",    "/var/log/wtmp",
                                              "/var/run/docker.sock", "/etc/kubernetes/admin.conf",
                                              "/proc/1/environ"};
const std::vector<std::string_view> kEndings = {".so",      ".sh",      ".py",   ".pl",    ".php",
                                                ".jsp",     ".service", ".conf", ".key",   ".pem",
                                                ".history", ".log",     ".ko",   ".timer", "rc"};
const std::vector<std::string_view> kWords = {"/dev/tcp/",    "base64 -d",
                                              "-e /bin/sh",   "chmod +x",
                                              "nohup",        "--no-check-certificate",
                                              "stratum+tcp",  "xmrig",
                                              "/etc/shadow",  "LD_PRELOAD",
                                              "history -c",   "iptables -F",
                                              "nsenter -t 1", "--privileged",
                                              "mkfifo",       "rm -rf",
                                              "setenforce 0", "useradd",
                                              "id_rsa",       ".aws/credentials",
                                              "| sh",         "python -c",
                                              "/proc/self",   "authorized_keys"};
const std::vector<std::string_view> kSyllables = {
    "ad",  "bel", "cor", "dak", "el",  "fin", "gor", "hex", "ix",  "jun", "kal", "lum", "mir",
    "nor", "ox",  "pra", "qui", "rud", "sol", "tem", "ur",  "vex", "wil", "xan", "yor", "zed"};

class Mix {
 public:
  explicit Mix(size_t count) : random_(20240607) {
    pool_ = 20;
    while (pool_ * pool_ < count * 100) pool_ += 10;
  }

  std::string Rule(size_t index) {
    return fmt::format(
        "rule \"Rule {:05}\" {{\n  desc: \"One of a mix\"\n  condition: {}\n"
        "  output: \"rule {} | command=%proc.cmdline parent=%proc.pname user=%user.name file=%fd.name\"\n"
        "  priority: {}\n  tags: [mix]\n}}\n\n",
        index, Condition(), index, Below(2) == 0 ? "warning" : "notice");
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }
  bool Chance(size_t percent) { return Below(100) < percent; }
  std::string_view Pick(const std::vector<std::string_view>& from) { return from[Below(from.size())]; }

  // A made-up name of the pool: the same few come again and again, as in rules of one author.
  std::string Made() {
    size_t n = std::min(Below(pool_), Below(pool_));
    std::string name;
    for (int i = 0; i < 3; ++i, n /= kSyllables.size()) name += kSyllables[n % kSyllables.size()];
    return name;
  }
  std::string Program() { return Chance(60) ? std::string(Pick(kPrograms)) : Made(); }
  std::string Folder() {
    std::string folder = std::string(Pick(kFolders)) + "/" + Made();
    if (Chance(30)) folder += "/" + Made();
    return folder;
  }
  std::string File() {
    return Chance(35) ? std::string(Pick(kFiles)) : Folder() + "/" + Made() + std::string(Pick(kEndings));
  }
  std::string Word() {
    const std::string word(Pick(kWords));
    if (Chance(30)) return word;
    return Chance(50) ? Made() + std::string(Pick(kEndings)) : word + " " + Made();
  }

  template <typename Make>
  std::string Several(size_t least, size_t most, Make make) {
    std::string all;
    for (size_t i = 0, n = least + Below(most - least + 1); i < n; ++i) all += (i == 0 ? "" : ", ") + make();
    return "(" + all + ")";
  }
  std::string Programs() {
    return Several(2, 6, [&] { return Program(); });
  }
  std::string Files() {
    return Several(1, 5, [&] { return File(); });
  }
  std::string Ports() {
    return Several(1, 4, [&] { return std::to_string(Chance(3) ? 22 + Below(60) : 10000 + Below(20000)); });
  }
  std::string Address() {
    return fmt::format("{}.{}.{}.{}", 1 + Below(222), Below(256), Below(256), 1 + Below(254));
  }
  std::string Net() {
    return Chance(20) ? fmt::format("10.{}.0.0/16", Below(256))
                      : fmt::format("{}.{}.{}.0/24", 1 + Below(222), Below(256), Below(256));
  }

  std::string Exception() {
    switch (Below(8)) {
      case 0:
        return " and not by_package_manager";
      case 1:
        return " and not user_known_activity";
      case 2:
        return fmt::format(" and not proc.name in {}", Programs());
      case 3:
        return fmt::format(" and not proc.pname in {}", Programs());
      case 4:
        return fmt::format(" and not (proc.name = {} and proc.pname = {})", Program(), Program());
      case 5:
        return fmt::format(" and not proc.exepath startswith {}/", Folder());
      case 6:
        return fmt::format(" and not proc.cmdline contains \"{}\"", Word());
      default:
        return "";
    }
  }

  std::string Condition() {
    const size_t dice = Below(100);
    if (dice < 36) return Opens(dice) + Exception();
    if (dice < 78) return Execs(dice - 36) + Exception();
    if (dice < 88) return Connections(dice - 78) + Exception();
    if (dice < 96) {
      if (dice < 93) return fmt::format("removed and fs.path.name startswith {}/", Folder()) + Exception();
      return fmt::format("removed and (fs.path.name in {} or fs.path.name endswith {}{})", Files(), Made(),
                         Pick(kEndings)) +
             Exception();
    }
    // Without an event type.
    if (dice < 98) return fmt::format("proc.name = {} and fd.name startswith {}/", Program(), Folder());
    return fmt::format("proc.cmdline contains \"{}\" and proc.pname in (web_servers)", Word());
  }

  std::string Opens(size_t dice) {
    if (dice < 8) return fmt::format("open_write and fd.name startswith {}/", Folder());
    if (dice < 11)
      return fmt::format("open_write and fd.name startswith {}/ and proc.name in {} and proc.pname in {}",
                         Pick(kFolders), Programs(), Programs());
    if (dice < 17) return fmt::format("open_read and fd.name in {}", Files());
    if (dice < 19)
      return fmt::format(
          "open_read and fd.name in (/etc/passwd, /etc/hosts, {}) and proc.name = {} and proc.pname = {}",
          File(), Program(), Program());
    if (dice < 22)
      return fmt::format("open_write and below_etc and proc.name in {} and proc.pname = {}", Programs(),
                         Program());
    if (dice < 25)
      return fmt::format("open_write and fd.name pmatch {}", Several(2, 5, [&] { return Folder(); }));
    if (dice < 28)
      return fmt::format("open_write and fd.name endswith {} and proc.name = {}", Pick(kEndings), Program());
    if (dice < 30)
      return fmt::format("open_write and fd.directory in {}", Several(2, 4, [&] { return Folder(); }));
    if (dice < 33)
      return fmt::format("open_read and fd.name glob \"/home/*/.{}/*{}\"", Made(), Pick(kEndings));
    if (dice < 34)
      return fmt::format("open_read and fd.name contains {} and proc.name in {}", Made(), Programs());
    return fmt::format("open_read and fd.filename in {} and proc.aname in (web_servers)",
                       Several(1, 4, [&] { return Made(); }));
  }

  std::string Execs(size_t dice) {
    if (dice < 8)
      return fmt::format("spawned_process and proc.name in {} and proc.pname in {} and interactive",
                         Programs(), Programs());
    if (dice < 16) return fmt::format("spawned_process and proc.cmdline contains \"{}\"", Word());
    if (dice < 22)
      return fmt::format("spawned_process and proc.name = {} and proc.args contains \"{}\"", Program(),
                         Word());
    if (dice < 25)
      return fmt::format(
          "spawned_process and (proc.cmdline contains \"{}\" or proc.cmdline icontains \"{}\")", Word(),
          Word());
    if (dice < 28)
      return fmt::format("spawned_process and proc.cmdline regex \".*(curl|wget).*https?://[^ ]*{}.*\"",
                         Made());
    if (dice < 32)
      return fmt::format("spawned_process and proc.name in (shells) and proc.pname in {}", Programs());
    if (dice < 35)
      return fmt::format("spawned_process and proc.name in {} and proc.aname in (web_servers, databases)",
                         Several(2, 4, [&] { return Made(); }));
    if (dice < 38)
      return fmt::format("spawned_process and proc.exepath startswith {}/ and user.uid = 0", Folder());
    if (dice < 40)
      return fmt::format("spawned_process and proc.name in (network_tools) and proc.cmdline contains \"{}\"",
                         Word());
    if (dice < 41) return fmt::format("spawned_process and proc.name startswith {}", Made());
    return fmt::format(
        "spawned_process and not proc.name in (shells) and proc.pexepath endswith /{} and user.uid != 0",
        Program());
  }

  std::string Connections(size_t dice) {
    if (dice < 3) return fmt::format("outbound and fd.sport in {}", Ports());
    if (dice < 5)
      return fmt::format("outbound and fd.sip in {}", Several(2, 6, [&] { return "\"" + Address() + "\""; }));
    if (dice < 7)
      return fmt::format("outbound and fd.snet in {}", Several(1, 4, [&] { return "\"" + Net() + "\""; }));
    if (dice < 9) return fmt::format("outbound and proc.name in {} and fd.sport in {}", Programs(), Ports());
    return fmt::format("outbound and fd.sport in (coin_ports) and proc.exepath startswith {}/", Folder());
  }

  std::mt19937_64 random_;
  size_t pool_;
};

}  // namespace

std::string RuleMix(size_t count) {
  Mix mix(count);
  std::string text(kHeader);
  for (size_t i = 1; i <= count; ++i) text += mix.Rule(i);
  return text;
}

}  // namespace sluice::bench
