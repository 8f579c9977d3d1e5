#include "runtime/load/calls.h"

#include <string_view>

namespace sluice::load {
namespace {

uint32_t KindOf(const check::EventRow& row, bool completed) {
  return (completed ? SLUICE_CALL_COMPLETED : 0) |
         (check::ReturnsDescriptor(row.type) ? SLUICE_CALL_DESCRIPTOR : 0);
}

}  // namespace

std::vector<sluice_call> CallTable(const Completes& completes) {
  std::vector<sluice_call> table(SLUICE_CALL_ENTRIES);
  for (const check::EventRow& row : check::Events()) {
    if (row.hooks == 0) continue;
    const auto call = [&](int abi) {
      return sluice_call{
          .hooks = row.hooks, .type = row.type, .completed = KindOf(row, completes(row.type, abi))};
    };
    if (row.nr64 >= 0 && row.nr64 < SLUICE_CALLS) table[static_cast<size_t>(row.nr64)] = call(0);
    if (row.nr32 >= 0 && row.nr32 < SLUICE_CALLS)
      table[SLUICE_CALLS + static_cast<size_t>(row.nr32)] = call(1);
  }
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
