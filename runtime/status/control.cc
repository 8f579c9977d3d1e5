#include "runtime/status/control.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "compiler/source/thread.h"

namespace sluice::status {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPollMs = 100;
constexpr timeval kPatience{.tv_sec = 8, .tv_usec = 0};        // a client's; the engine may take some seconds
constexpr timeval kClientPatience{.tv_sec = 1, .tv_usec = 0};  // with a client that does not go on
constexpr size_t kMostBytes = 65536;                           // of a request

source::Status Fault(const std::string& path) {
  return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
}

bool AddressOf(const std::string& path, sockaddr_un& address) {
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return true;
}

int Socket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }

bool Connect(int fd, const sockaddr_un& address) {
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// All that comes, up to the end of the stream; nothing when it breaks off, is too long or takes more than `patience`.
std::optional<std::string> ReadAll(int fd, size_t most, std::chrono::seconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  std::string text;
  std::array<char, 65536> bytes{};
  while (true) {
    const ssize_t got = read(fd, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(bytes.data(), static_cast<size_t>(got));
    if (text.size() > most || std::chrono::steady_clock::now() > until) return std::nullopt;
  }
}

bool WriteAll(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t sent = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += static_cast<size_t>(sent);
  }
  return true;
}

std::string ErrorJson(const std::string& message) {
  return Json({{"error", message}}).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string MessageJson(const std::string& message) {
  return Json({{"message", message}}).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string FirstLineOf(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

// A process that waits for our answer is still there. Its name may be anything.
std::string ProgramOf(int process) {
  const std::string folder = fmt::format("/proc/{}/", process);
  std::error_code error;
  const std::string exepath = std::filesystem::read_symlink(folder + "exe", error);
  return fmt::format("{} ({}, pid {})", FirstLineOf(folder + "comm"), error ? "<NA>" : exepath, process);
}

// 0: it cannot be known.
int ParentOf(int process) {
  const std::string text = FirstLineOf(fmt::format("/proc/{}/stat", process));
  int parent = 0;
  const size_t name_end = text.rfind(") ");  // behind it: state, parent
  if (name_end != std::string::npos && name_end + 4 < text.size())
    std::from_chars(&text[name_end + 4], text.data() + text.size(), parent);
  return parent;
}

std::string AskerOf(int client) {
  ucred peer{};
  socklen_t bytes = sizeof peer;
  if (getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 || peer.pid == 0)
    return "an unknown process";
  const int parent = ParentOf(peer.pid);
  const std::string login = FirstLineOf(fmt::format("/proc/{}/loginuid", peer.pid));
  return fmt::format("{}, uid {}, login uid {}{}", ProgramOf(peer.pid), peer.uid,
                     login.empty() || login == "4294967295" ? "unset" : login,
                     parent == 0 ? "" : ", started by " + ProgramOf(parent));
}

// What an agent that was killed left behind is in the way.
bool RemoveStale(const std::string& path, const sockaddr_un& address) {
  const int probe = Socket();
  const bool alive = Connect(probe, address);
  const bool stale = !alive && errno == ECONNREFUSED;
  close(probe);
  if (stale) unlink(path.c_str());
  if (alive) errno = EADDRINUSE;
  return !alive;
}

}  // namespace

source::Result<std::unique_ptr<ControlSocket>> ControlSocket::Open(const std::string& path, Source source,
                                                                   Commands commands) {
  sockaddr_un address{};
  if (!AddressOf(path, address)) return Fault(path);
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty() && folder != path) mkdir(folder.c_str(), 0700);
  if (!RemoveStale(path, address)) return Fault(path);
  const int fd = Socket();
  if (fd < 0) return Fault(path);
  const mode_t mask = umask(0177);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  umask(mask);
  if (!bound || listen(fd, 4) != 0) {
    source::Status status = Fault(path);
    close(fd);
    return status;
  }
  std::unique_ptr<ControlSocket> control(new ControlSocket(path, fd, std::move(source), std::move(commands)));
  source::Status started = source::StartThread(control->thread_, [raw = control.get()] { raw->Serve(); });
  if (!started.ok()) return started;
  return control;
}

ControlSocket::ControlSocket(std::string path, int socket, Source source, Commands commands)
    : path_(std::move(path)), socket_(socket), source_(std::move(source)), commands_(std::move(commands)) {}

ControlSocket::~ControlSocket() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  close(socket_);
  unlink(path_.c_str());
}

void ControlSocket::Serve() {
  while (!stopping_) {
    pollfd slot{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&slot, 1, kPollMs) <= 0) continue;
    const int client = accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &kClientPatience, sizeof kClientPatience);
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &kClientPatience, sizeof kClientPatience);
    const std::optional<std::string> request = ReadAll(client, kMostBytes, std::chrono::seconds(2));
    WriteAll(client, request ? Answer(*request, client)
                             : ErrorJson("the request did not come to an end, or is too long"));
    close(client);
  }
}

std::string ControlSocket::Answer(const std::string& request, int client) const {
  const Json asked = request.empty() ? Json::object() : Json::parse(request, nullptr, false);
  if (!asked.is_object()) return ErrorJson("the request is not a JSON object");
  if (asked.empty()) return StatusJson(source_());
  if (asked.size() == 1 && asked.contains("stop") && asked["stop"] == true) {
    if (!commands_.stop) return ErrorJson("this process cannot be stopped from here");
    commands_.stop(AskerOf(client));
    return MessageJson("the agent ends");
  }
  const bool well_formed = asked.contains("audit") && asked["audit"].is_boolean() &&
                           (!asked.contains("rule") || asked["rule"].is_string()) &&
                           asked.size() == (asked.contains("rule") ? 2u : 1u);
  if (!well_formed)
    return ErrorJson(
        "the request is neither {\"audit\": true or false, \"rule\": a name} nor {\"stop\": true}");
  if (!commands_.audit) return ErrorJson("this process enforces nothing");
  AuditRequest wanted{.on = asked["audit"].get<bool>(), .rule = {}, .asker = AskerOf(client)};
  if (asked.contains("rule")) wanted.rule = asked["rule"].get<std::string>();
  const source::Result<std::string> done = commands_.audit(wanted);
  if (!done.ok())
    return ErrorJson(std::string(done.status().message().data(), done.status().message().size()));
  return MessageJson(*done);
}

std::string RequestOf(const AuditRequest& request) {
  Json json = {{"audit", request.on}};
  if (request.rule) json["rule"] = *request.rule;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

source::Result<std::string> Ask(const std::string& path, const std::string& request) {
  sockaddr_un address{};
  if (!AddressOf(path, address)) return Fault(path);
  const int fd = Socket();
  if (fd < 0 || !Connect(fd, address)) {
    source::Status status = Fault(path);
    if (fd >= 0) close(fd);
    return status;
  }
  std::optional<std::string> answer;
  if (WriteAll(fd, request) && shutdown(fd, SHUT_WR) == 0)
    answer = ReadAll(fd, SIZE_MAX, std::chrono::minutes(1));
  source::Status status = answer ? absl::OkStatus() : Fault(path);
  close(fd);
  if (!status.ok()) return status;
  return *std::move(answer);
}

}  // namespace sluice::status
