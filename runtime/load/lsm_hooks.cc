#include "runtime/load/lsm_hooks.h"

#include <bpf/btf.h>

#include <cstring>
#include <set>

namespace sluice::load {
namespace {

constexpr char kPrefix[] = "bpf_lsm_";

std::set<std::string> HooksOfKernel() {
  std::set<std::string> hooks;
  btf* types = btf__load_vmlinux_btf();
  if (libbpf_get_error(types) != 0) return hooks;
  for (uint32_t id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* type = btf__type_by_id(types, id);
    if (!btf_is_func(type)) continue;
    const char* name = btf__name_by_offset(types, type->name_off);
    if (std::strncmp(name, kPrefix, sizeof kPrefix - 1) == 0) hooks.insert(name + sizeof kPrefix - 1);
  }
  btf__free(types);
  return hooks;
}

}  // namespace

std::string LsmHookOf(const bpf_program* program) {
  const std::string section = bpf_program__section_name(program);
  for (const char* prefix : {"lsm/", "lsm.s/"}) {
    if (section.rfind(prefix, 0) == 0) return section.substr(std::strlen(prefix));
  }
  return "";
}

check::HookId DecisionPointOf(const std::string& lsm_hook) {
  if (lsm_hook == "file_truncate") return SLUICE_HOOK_PATH_TRUNCATE;
  const check::HookRow* row = check::FindHook(lsm_hook);
  return row == nullptr ? check::kNoHook : row->id;
}

check::HookMask LeaveOutMissing(bpf_object* object) {
  const std::set<std::string> hooks = HooksOfKernel();
  check::HookMask there = 0, ours = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string hook = LsmHookOf(program);
    if (hook.empty()) continue;
    const check::HookMask mask = check::MaskOf(DecisionPointOf(hook));
    ours |= mask;
    const bool exists = hooks.empty() || hooks.count(hook) != 0;
    if (exists) there |= mask;
    if (!exists) bpf_program__set_autoload(program, false);
  }
  return ours & ~there & check::kAllHooks;
}

}  // namespace sluice::load
