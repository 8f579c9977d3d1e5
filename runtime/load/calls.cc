#include "runtime/load/calls.h"

#include "compiler/check/event.h"

namespace sluice::load {

std::vector<sluice_call> CallTable() {
  std::vector<sluice_call> table(SLUICE_CALL_ENTRIES);
  for (const check::EventRow& row : check::Events()) {
    if (row.hook == check::kNoHook) continue;
    const sluice_call call{row.type, row.hook};
    if (row.nr64 >= 0 && row.nr64 < SLUICE_CALLS) table[static_cast<size_t>(row.nr64)] = call;
    if (row.nr32 >= 0 && row.nr32 < SLUICE_CALLS) table[SLUICE_CALLS + static_cast<size_t>(row.nr32)] = call;
  }
  // io_uring has no operation of its own for the other hooks' types.
  const std::pair<check::HookId, std::string_view> by_ring[] = {{SLUICE_HOOK_FILE_OPEN, "openat"},
                                                                {SLUICE_HOOK_PATH_UNLINK, "unlinkat"}};
  for (const auto& [hook, name] : by_ring) table[2 * SLUICE_CALLS + hook] = {check::FindEvent(name), hook};
  return table;
}

}  // namespace sluice::load
