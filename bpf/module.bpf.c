/* module.bpf.c - modules that hide: which have been loaded and not been freed since.
 *
 *   module_loaded   a module is linked in, before its first function runs: a record for rules that ask for hidden
 *                   ones, which user space keeps until it knows
 *   module_freed    it is unloaded, or its first function has failed
 *
 * Fail direction: nothing is refused here. A module for which the map has no room is not watched.
 */
#include "lib/event.bpf.h"

char LICENSE[] __weak SEC("license") = "GPL";

/* When it was loaded, for an address is used again. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, SLUICE_WATCHED_MODULES);
  __type(key, __u64);
  __type(value, __u64);
} SLUICE_MAP(loaded_modules);

SEC("tp_btf/module_load")
int BPF_PROG(module_loaded, struct module *module) {
  struct hook_event e = {.hook = SLUICE_HOOK_MODULE_HIDDEN, .numbers = NO_NUMBERS};
  __u64 address = (__u64)module, now = bpf_ktime_get_boot_ns();

  bpf_map_update_elem(&loaded_modules, &address, &now, BPF_ANY);
  e.numbers[0] = address;
  e.numbers[1] = now;
  e.text = address + bpf_core_field_offset(struct module, name);
  decide_event(&e);
  return 0;
}

SEC("tp_btf/module_free")
int BPF_PROG(module_freed, struct module *module) {
  __u64 address = (__u64)module;

  bpf_map_delete_elem(&loaded_modules, &address);
  return 0;
}
