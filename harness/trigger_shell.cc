#include "harness/trigger_shell.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace sluice::harness {
namespace {

constexpr int kScriptFd = 9, kReadyFd = 8;  // in the shell; sh knows those of one digit
constexpr int kAboveThose = 20;
constexpr auto kTick = std::chrono::milliseconds(5);
constexpr auto kKillLimit = std::chrono::seconds(5);

source::Status Failed(std::string_view what) {
  return absl::InternalError(fmt::format("{}: {}", what, std::strerror(errno)));
}

void CloseFd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

// Both ends above those that the shell gets, so that giving it one never covers another.
bool Pipe(int& read_end, int& write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end = fcntl(ends[0], F_DUPFD_CLOEXEC, kAboveThose);
  write_end = fcntl(ends[1], F_DUPFD_CLOEXEC, kAboveThose);
  close(ends[0]), close(ends[1]);
  return read_end >= 0 && write_end >= 0;
}

// Living children of this process.
std::vector<pid_t> Children() {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    const size_t comm_end = stat.rfind(')');  // PID (COMM) STATE PPID
    if (comm_end == std::string::npos || comm_end + 4 >= stat.size()) continue;
    if (std::atoi(stat.c_str() + comm_end + 4) == getpid()) found.push_back(std::atoi(name.c_str()));
  }
  return found;
}

}  // namespace

bool TriggerEnd::SkipsItself() const { return !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 77; }

std::string TriggerEnd::Told() const {
  if (timed_out) return "it did not end in time and was killed";
  if (WIFSIGNALED(status)) return fmt::format("it was killed by SIG{}", sigabbrev_np(WTERMSIG(status)));
  return fmt::format("it ended with status {}", WEXITSTATUS(status));
}

source::Result<std::unique_ptr<TriggerShell>> TriggerShell::Start(Clock::duration limit,
                                                                  const std::atomic<bool>& stop) {
  std::unique_ptr<TriggerShell> shell(new TriggerShell(limit, stop));
  if (source::Status spawned = shell->Spawn(); !spawned.ok()) return spawned;
  if (source::Status ready = shell->AwaitReady(); !ready.ok()) return ready;
  return shell;
}

source::Status TriggerShell::Spawn() {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::error_code error;
  folder_ = std::filesystem::temp_directory_path(error).string() + "/sluice-trigger.XXXXXX";
  if (mkdtemp(folder_.data()) == nullptr) return Failed(std::exchange(folder_, {}));
  int script = -1, ready = -1, output = -1;
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  const bool piped = Pipe(script, script_) && Pipe(ready_, ready) && Pipe(output_, output);
  posix_spawn_file_actions_addchdir_np(&files, folder_.c_str());
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  for (const auto& [from, to] : {std::pair(output, 1), {output, 2}, {ready, kReadyFd}, {script, kScriptFd}})
    posix_spawn_file_actions_adddup2(&files, from, to);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "sh", path = fmt::format("/proc/self/fd/{}", kScriptFd);
  char* const words[] = {name.data(), path.data(), nullptr};
  const int error_number = piped ? posix_spawn(&pid_, "/bin/sh", &files, &attributes, words, environ) : errno;
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  CloseFd(script), CloseFd(ready), CloseFd(output);
  if (error_number != 0) {
    pid_ = -1;
    errno = error_number;
    return Failed("/bin/sh cannot be started");
  }
  fcntl(output_, F_SETFL, O_NONBLOCK);
  fcntl(script_, F_SETFL, O_NONBLOCK);
  return absl::OkStatus();
}

source::Status TriggerShell::AwaitReady() {
  const std::string prologue = fmt::format("exec {0}<&-; printf . >&{1}; exec {1}>&-\n", kScriptFd, kReadyFd);
  if (write(script_, prologue.data(), prologue.size()) < 0) return Failed("/bin/sh takes no script");
  pollfd ready{.fd = ready_, .events = POLLIN, .revents = 0};
  const auto deadline = Clock::now() + limit_;
  while (!stop_ && Clock::now() < deadline) {
    if (poll(&ready, 1, 100) <= 0) continue;
    char byte = 0;
    if (read(ready_, &byte, 1) == 1) return absl::OkStatus();
    return absl::InternalError("/bin/sh ended before it ran the trigger: a rule may refuse or kill it");
  }
  return absl::DeadlineExceededError(stop_ ? "interrupted" : "/bin/sh was not ready in time");
}

// The last kKeptOutput bytes.
void TriggerShell::TakeOutput() {
  char bytes[4096];
  ssize_t got = 0;
  while ((got = read(output_, bytes, sizeof bytes)) > 0) {
    kept_.append(bytes, static_cast<size_t>(got));
    if (kept_.size() > kKeptOutput) kept_.erase(0, kept_.size() - kKeptOutput);
  }
}

bool TriggerShell::AwaitEnd(Clock::time_point deadline, int& status) {
  while (!stop_ && Clock::now() < deadline) {
    TakeOutput();
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno != EINTR)) return true;
    std::this_thread::sleep_for(kTick);
  }
  return false;
}

TriggerEnd TriggerShell::Run(const std::string& trigger) {
  const std::string text = trigger + "\n";
  TriggerEnd end;
  if (write(script_, text.data(), text.size()) < 0) kept_ = "the shell is gone\n";
  CloseFd(script_);
  end.timed_out = !AwaitEnd(Clock::now() + limit_, end.status);
  TakeOutput();
  KillAll();
  end.output = kept_;
  return end;
}

// An orphan of one that dies is ours next.
void TriggerShell::KillAll() {
  if (pid_ <= 0) return;
  kill(-pid_, SIGKILL);
  const auto deadline = Clock::now() + kKillLimit;
  while (Clock::now() < deadline) {
    pid_t reaped = 0;
    while ((reaped = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (reaped < 0) break;  // no child is left
    for (const pid_t pid : Children()) kill(pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  pid_ = -1;
}

TriggerShell::~TriggerShell() {
  KillAll();
  CloseFd(script_), CloseFd(ready_), CloseFd(output_);
  std::error_code error;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, error);
}

}  // namespace sluice::harness
