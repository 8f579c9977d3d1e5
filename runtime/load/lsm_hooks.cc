#include "runtime/load/lsm_hooks.h"

#include <bpf/btf.h>

#include <bit>
#include <cstring>
#include <set>
#include <string_view>

namespace sluice::load {
namespace {

constexpr char kPrefix[] = "bpf_lsm_";
// The one decision point that is a tracepoint (bpf/module.bpf.c): its type, and the sections of its programs.
constexpr char kModuleHidden[] = "module_hidden", kModuleTracepoint[] = "btf_trace_module_load",
               kModuleSections[] = "tp_btf/module_";
// Notes for userns_create what that hook does not see.
constexpr char kCloneSection[] = "fentry/kernel_clone";

std::set<std::string> ReadHooks() {
  std::set<std::string> hooks;
  btf* types = btf__load_vmlinux_btf();
  if (libbpf_get_error(types) != 0) return hooks;
  for (uint32_t id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_func(type) && !btf_is_typedef(type)) continue;
    const char* name = btf__name_by_offset(types, type->name_off);
    if (std::strcmp(name, kModuleTracepoint) == 0) hooks.insert(kModuleHidden);
    if (!btf_is_func(type)) continue;
    if (std::strncmp(name, kPrefix, sizeof kPrefix - 1) == 0) hooks.insert(name + sizeof kPrefix - 1);
  }
  btf__free(types);
  return hooks;
}

bool IsThere(const std::string& hook) {
  static const std::set<std::string> hooks = ReadHooks();
  return hooks.empty() || hooks.count(hook) != 0;
}

}  // namespace

bool IsCompanion(const bpf_program* program) {
  return std::string_view(bpf_program__section_name(program)).starts_with("fexit") &&
         PointOf(program) == check::kNoHook;
}

std::string LsmHookOf(const bpf_program* program) {
  const std::string section = bpf_program__section_name(program);
  if (section.rfind(kModuleSections, 0) == 0) return kModuleHidden;
  for (const char* prefix : {"lsm/", "lsm.s/"}) {
    if (section.rfind(prefix, 0) == 0) return section.substr(std::strlen(prefix));
  }
  return "";
}

check::HookId DecisionPointOf(const std::string& lsm_hook) {
  if (lsm_hook == "bprm_committed_creds") return check::kNoHook;  // it keeps the lineage as well
  for (const char* names : {"inode_rename", "inode_link", "inode_free_security"}) {
    if (lsm_hook == names) return std::countr_zero(uint64_t{SLUICE_POINT_NAMES});
  }
  if (lsm_hook == "file_truncate") return SLUICE_HOOK_PATH_TRUNCATE;
  if (lsm_hook == "inode_set_acl") return SLUICE_HOOK_INODE_SETXATTR;
  if (lsm_hook == "inode_remove_acl") return SLUICE_HOOK_INODE_REMOVEXATTR;
  const check::HookRow* row = check::FindHook(lsm_hook);
  return row == nullptr ? check::kNoHook : row->id;
}

check::HookId PointOf(const bpf_program* program) {
  const std::string_view name = bpf_program__name(program);
  // One hook of the kernel for two of ours.
  if (name == "net_sctp_bind") return SLUICE_HOOK_SOCKET_BIND;
  if (name == "net_sctp_connect") return SLUICE_HOOK_SOCKET_CONNECT;
  if (std::string_view(bpf_program__section_name(program)) == kCloneSection) return SLUICE_HOOK_USERNS_CREATE;
  const bool protects = name.starts_with("protect_");
  return protects ? std::countr_zero(uint64_t{SLUICE_POINT_PROTECT}) : DecisionPointOf(LsmHookOf(program));
}

check::HookMask MissingHooks(bpf_object* object) {
  check::HookMask there = 0, ours = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string hook = LsmHookOf(program);
    const check::HookMask mask = check::MaskOf(DecisionPointOf(hook));
    ours |= mask;
    if (IsThere(hook)) there |= mask;
  }
  return ours & ~there & check::kAllHooks;
}

check::HookMask MissingHooks() {
  check::HookMask missing = 0;
  for (const check::HookRow& row : check::Hooks()) {
    if (row.id == SLUICE_HOOK_SYS_EXIT) continue;  // no LSM hook
    if (!IsThere(std::string(row.name))) missing |= check::MaskOf(row.id);
  }
  return missing;
}

void ChoosePrograms(bpf_object* object, check::HookMask mask, bool lineage) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string hook = LsmHookOf(program);
    const check::HookId point = PointOf(program);
    if (IsCompanion(program)) {
      bpf_program__set_autoload(program, false);
      continue;
    }
    const bool there = hook.empty() || IsThere(hook);
    const bool wanted = point == check::kNoHook ? lineage : (mask >> point & 1) != 0 && there;
    bpf_program__set_autoload(program, wanted);
  }
}

}  // namespace sluice::load
