// check/event.h - event types and decision points: which call is decided at which hook.
//
// Every call of a Falco event type is decided at exactly one decision point (hooks.def, events.def): most
// types have one, some choose by an argument (unlinkat, ptrace). A type that Falco knows and sluice does not
// supply yet has none: rules may name it, and are warned.
//
// Threads: immutable tables. Errors: none.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "bpf/abi/filter_abi.h"

namespace sluice::check {

using HookId = uint16_t;     // enum sluice_hook
using EventType = uint16_t;  // row of events.def, 1-based; 0 is "no type"
using HookMask = uint64_t;   // bit per HookId
inline constexpr HookId kNoHook = 0;
inline constexpr EventType kNoType = 0;

inline constexpr HookMask MaskOf(HookId hook) { return HookMask{1} << hook; }
inline constexpr HookMask kExecHooks = MaskOf(SLUICE_HOOK_BPRM_CHECK);
inline constexpr HookMask kOpenHooks = MaskOf(SLUICE_HOOK_FILE_OPEN);
inline constexpr HookMask kMknodHooks = MaskOf(SLUICE_HOOK_PATH_MKNOD);
inline constexpr HookMask kUnlinkHooks = MaskOf(SLUICE_HOOK_PATH_UNLINK);
inline constexpr HookMask kRmdirHooks = MaskOf(SLUICE_HOOK_PATH_RMDIR);
inline constexpr HookMask kMkdirHooks = MaskOf(SLUICE_HOOK_PATH_MKDIR);
inline constexpr HookMask kRenameHooks = MaskOf(SLUICE_HOOK_PATH_RENAME);
inline constexpr HookMask kLinkHooks = MaskOf(SLUICE_HOOK_PATH_LINK);
inline constexpr HookMask kSymlinkHooks = MaskOf(SLUICE_HOOK_PATH_SYMLINK);
inline constexpr HookMask kTruncateHooks = MaskOf(SLUICE_HOOK_PATH_TRUNCATE);
inline constexpr HookMask kChmodHooks = MaskOf(SLUICE_HOOK_PATH_CHMOD);
inline constexpr HookMask kChownHooks = MaskOf(SLUICE_HOOK_PATH_CHOWN);
inline constexpr HookMask kSetxattrHooks = MaskOf(SLUICE_HOOK_INODE_SETXATTR);
inline constexpr HookMask kSocketHooks = MaskOf(SLUICE_HOOK_SOCKET_CREATE);
inline constexpr HookMask kBindHooks = MaskOf(SLUICE_HOOK_SOCKET_BIND);
inline constexpr HookMask kConnectHooks = MaskOf(SLUICE_HOOK_SOCKET_CONNECT);
inline constexpr HookMask kListenHooks = MaskOf(SLUICE_HOOK_SOCKET_LISTEN);
inline constexpr HookMask kAcceptHooks = MaskOf(SLUICE_HOOK_SOCKET_ACCEPT);
inline constexpr HookMask kSendHooks = MaskOf(SLUICE_HOOK_SOCKET_SENDMSG);
inline constexpr HookMask kMmapHooks = MaskOf(SLUICE_HOOK_MMAP_FILE);
inline constexpr HookMask kMprotectHooks = MaskOf(SLUICE_HOOK_FILE_MPROTECT);
inline constexpr HookMask kSbMountHooks = MaskOf(SLUICE_HOOK_SB_MOUNT);
inline constexpr HookMask kSbKernMountHooks = MaskOf(SLUICE_HOOK_SB_KERN_MOUNT);
inline constexpr HookMask kMoveMountHooks = MaskOf(SLUICE_HOOK_MOVE_MOUNT);
inline constexpr HookMask kSbUmountHooks = MaskOf(SLUICE_HOOK_SB_UMOUNT);
inline constexpr HookMask kSbPivotrootHooks = MaskOf(SLUICE_HOOK_SB_PIVOTROOT);
inline constexpr HookMask kPathChrootHooks = MaskOf(SLUICE_HOOK_PATH_CHROOT);
inline constexpr HookMask kKernelReadFileHooks = MaskOf(SLUICE_HOOK_KERNEL_READ_FILE);
inline constexpr HookMask kKernelLoadDataHooks = MaskOf(SLUICE_HOOK_KERNEL_LOAD_DATA);
inline constexpr HookMask kKernelModuleRequestHooks = MaskOf(SLUICE_HOOK_KERNEL_MODULE_REQUEST);
inline constexpr HookMask kBpfHooks = MaskOf(SLUICE_HOOK_BPF);
inline constexpr HookMask kPtraceAccessCheckHooks = MaskOf(SLUICE_HOOK_PTRACE_ACCESS_CHECK);
inline constexpr HookMask kPtraceTracemeHooks = MaskOf(SLUICE_HOOK_PTRACE_TRACEME);
inline constexpr HookMask kTaskKillHooks = MaskOf(SLUICE_HOOK_TASK_KILL);
inline constexpr HookMask kTaskFixSetuidHooks = MaskOf(SLUICE_HOOK_TASK_FIX_SETUID);
inline constexpr HookMask kTaskFixSetgidHooks = MaskOf(SLUICE_HOOK_TASK_FIX_SETGID);
inline constexpr HookMask kCapsetHooks = MaskOf(SLUICE_HOOK_CAPSET);
inline constexpr HookMask kUsernsCreateHooks = MaskOf(SLUICE_HOOK_USERNS_CREATE);
inline constexpr HookMask kSettimeHooks = MaskOf(SLUICE_HOOK_SETTIME);
inline constexpr HookMask kSyslogHooks = MaskOf(SLUICE_HOOK_SYSLOG);
inline constexpr HookMask kSysExitHooks = MaskOf(SLUICE_HOOK_SYS_EXIT);
inline constexpr HookMask kCommittedHooks = MaskOf(SLUICE_HOOK_BPRM_COMMITTED);
inline constexpr HookMask kRemovexattrHooks = MaskOf(SLUICE_HOOK_INODE_REMOVEXATTR);
inline constexpr HookMask kModuleHiddenHooks = MaskOf(SLUICE_HOOK_MODULE_HIDDEN);
inline constexpr HookMask kNoHooks = 0;
inline constexpr HookMask kAllHooks = (HookMask{1} << SLUICE_HOOKS) - 1 - MaskOf(SLUICE_HOOK_IMAGE);

struct HookRow {
  HookId id;
  std::string_view name;  // the LSM hook's: evt.hook
  std::string_view family;
  bool can_deny;
  std::string_view help;
};
const std::vector<HookRow>& Hooks();
const HookRow* FindHook(HookId id);
const HookRow* FindHook(std::string_view name);

struct EventRow {
  EventType type;
  std::string_view name;  // the system call's: evt.type
  HookMask hooks;         // a call reaches one of them; 0: not supplied
  int nr64, nr32;         // system call numbers, x86_64 and i386; -1 where there is none
  bool IsAt(HookId hook) const { return (hooks >> hook & 1) != 0; }
  HookId FirstHook() const;  // kNoHook when there is none
};
const std::vector<EventRow>& Events();       // Events()[t - 1] has type t
EventType FindEvent(std::string_view name);  // kNoType when unknown
std::string_view EventName(EventType type);  // "" for kNoType

// Whether a call that no hook covers returns a descriptor (dup, memfd_create). False for all others, open too.
bool ReturnsDescriptor(EventType type);

// The decision point of a call, by its evt.arg.flags ("": not known): an unshare that makes no user namespace comes to
// none and is told when it returns. REQUIRES: a type.
HookId HookOf(EventType type, std::string_view flags);

}  // namespace sluice::check
