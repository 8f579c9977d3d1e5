#include "runtime/load/calls.h"

#include "compiler/check/event.h"

namespace sluice::load {

std::vector<sluice_call> CallTable() {
  std::vector<sluice_call> table(SLUICE_CALL_ENTRIES);
  for (const check::EventRow& row : check::Events()) {
    if (row.hooks == 0) continue;
    const sluice_call call{.hooks = row.hooks, .type = row.type, .reserved = 0};
    if (row.nr64 >= 0 && row.nr64 < SLUICE_CALLS) table[static_cast<size_t>(row.nr64)] = call;
    if (row.nr32 >= 0 && row.nr32 < SLUICE_CALLS) table[SLUICE_CALLS + static_cast<size_t>(row.nr32)] = call;
  }
  // io_uring has no operation of its own for the other hooks' types.
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
    table[2 * SLUICE_CALLS + hook] = {
        .hooks = check::MaskOf(hook), .type = check::FindEvent(name), .reserved = 0};
  }
  return table;
}

}  // namespace sluice::load
