#include "runtime/load/calls.h"

#include <string_view>
#include <utility>

namespace sluice::load {
namespace {

// Further numbers of i386, for wider numbers than the calls took at first. Its C library makes these.
constexpr std::pair<std::string_view, int> kWide[] = {
    {"truncate", 193},      {"ftruncate", 194},     {"lchown", 198},    {"setreuid", 203},  {"setregid", 204},
    {"setgroups", 206},     {"fchown", 207},        {"setresuid", 208}, {"setresgid", 210}, {"chown", 212},
    {"setuid", 213},        {"setgid", 214},        {"setfsuid", 215},  {"setfsgid", 216},  {"sendfile", 239},
    {"clock_settime", 404}, {"clock_adjtime", 405}, {"utimensat", 412}};

uint32_t KindOf(const check::EventRow& row, bool completed) {
  return (completed ? SLUICE_CALL_COMPLETED : 0) |
         (check::ReturnsDescriptor(row.type) ? SLUICE_CALL_DESCRIPTOR : 0);
}

}  // namespace

std::vector<sluice_call> CallTable(const Completes& completes) {
  std::vector<sluice_call> table(SLUICE_CALL_ENTRIES);
  const auto put = [&](const check::EventRow& row, int abi, int number) {
    if (row.hooks == 0 || number < 0 || number >= SLUICE_CALLS) return;
    table[size_t{SLUICE_CALLS} * static_cast<size_t>(abi) + static_cast<size_t>(number)] = {
        .hooks = row.hooks, .type = row.type, .completed = KindOf(row, completes(row.type, abi))};
  };
  for (const check::EventRow& row : check::Events()) {
    put(row, 0, row.nr64);
    put(row, 1, row.nr32);
  }
  for (const auto& [name, number] : kWide) put(check::Events()[check::FindEvent(name) - 1u], 1, number);
  // io_uring has no operation of its own for the other hooks' types. What SCTP is told by options has these types too.
  const std::pair<check::HookId, std::string_view> by_ring[] = {
      {SLUICE_HOOK_FILE_OPEN, "openat"},        {SLUICE_HOOK_PATH_UNLINK, "unlinkat"},
      {SLUICE_HOOK_PATH_RMDIR, "unlinkat"},     {SLUICE_HOOK_PATH_MKDIR, "mkdirat"},
      {SLUICE_HOOK_PATH_RENAME, "renameat"},    {SLUICE_HOOK_PATH_LINK, "linkat"},
      {SLUICE_HOOK_PATH_SYMLINK, "symlinkat"},  {SLUICE_HOOK_PATH_TRUNCATE, "ftruncate"},
      {SLUICE_HOOK_INODE_SETXATTR, "setxattr"}, {SLUICE_HOOK_SOCKET_CREATE, "socket"},
      {SLUICE_HOOK_SOCKET_BIND, "bind"},        {SLUICE_HOOK_SOCKET_CONNECT, "connect"},
      {SLUICE_HOOK_SOCKET_LISTEN, "listen"},    {SLUICE_HOOK_SOCKET_ACCEPT, "accept4"},
      {SLUICE_HOOK_SOCKET_SENDMSG, "sendmsg"}};
  for (const auto& [hook, name] : by_ring) {
    const check::EventType type = check::FindEvent(name);
    table[2 * SLUICE_CALLS + hook] = {.hooks = check::MaskOf(hook),
                                      .type = type,
                                      .completed = completes(type, 2) ? SLUICE_CALL_COMPLETED : 0};
  }
  return table;
}

}  // namespace sluice::load
