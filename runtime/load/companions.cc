#include "runtime/load/companions.h"

#include <bpf/btf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/load/libbpf_log.h"

namespace sluice::load {
namespace {

constexpr char kRing[] = "io_issue_sqe", kAccept[] = "do_accept";
// The name that 6.18 has, and the one that 7.3 has.
constexpr char kOpen[] = "do_filp_open", kLaterOpen[] = "do_file_open";
constexpr char kOf32Bit[] = "__ia32_";
constexpr char kSocketcall[] = "__ia32_compat_sys_socketcall";

// The kernel's functions by name.
bool IsFunction(const std::string& name) {
  static const std::set<std::string> functions = [] {
    std::set<std::string> names;
    btf* types = btf__load_vmlinux_btf();
    if (libbpf_get_error(types) != 0) return names;
    for (uint32_t id = 1; id < btf__type_cnt(types); ++id) {
      const btf_type* type = btf__type_by_id(types, id);
      if (!btf_is_func(type)) continue;
      const std::string_view function = btf__name_by_offset(types, type->name_off);
      if (function.find("_sys_") != std::string_view::npos || function == kRing || function == kOpen ||
          function == kLaterOpen || function == kAccept)
        names.emplace(function);
    }
    btf__free(types);
    return names;
  }();
  return functions.count(name) != 0;
}

const char* OpenFunction() { return !IsFunction(kOpen) && IsFunction(kLaterOpen) ? kLaterOpen : kOpen; }

// Where a call of this type enters: all functions of that ABI that it can be. Empty: none is known.
std::vector<std::string> FunctionsOf(check::EventType type, int abi) {
  const check::EventRow& row = check::Events()[type - 1u];
  const std::string name(row.name == "umount2" ? "umount" : row.name);
  std::vector<std::string> functions;
  const auto add = [&](const std::string& function) {
    if (IsFunction(function)) functions.push_back(function);
  };
  // A call without arguments may be one function for both.
  const std::string plain = "__do_sys_" + name;
  if (abi == 0) {
    if (row.nr64 >= 0) add("__x64_sys_" + name);
    if (row.nr64 >= 0)
      add("__x64_sys_" + name + "64");  // prlimit; sendfile, whose other function no call reaches
    if (row.nr64 >= 0 && functions.empty()) add(plain);
    return functions;
  }
  if (row.nr32 < 0) return functions;
  if (row.name == "mmap2") add("__ia32_sys_mmap_pgoff");
  if (row.name == "mmap") add("__ia32_compat_sys_ia32_mmap");
  if (row.name == "umount") add("__ia32_sys_oldumount");
  for (const char* prefix : {"__ia32_compat_sys_", "__ia32_sys_"}) {
    for (const char* suffix : {"", "16", "32", "64", "_time32"}) add(prefix + name + suffix);
  }
  add("__ia32_sys_ia32_" + name + "64");  // truncate, ftruncate
  if (functions.empty() && !IsFunction("__x64_sys_" + name)) add(plain);
  constexpr check::HookMask kSockets = check::kSocketHooks | check::kBindHooks | check::kConnectHooks |
                                       check::kListenHooks | check::kAcceptHooks | check::kSendHooks;
  const bool socket = (row.hooks & kSockets) != 0 || row.name == "setsockopt" || row.name == "socketpair";
  if (!functions.empty() && socket) add(kSocketcall);
  return functions;
}

std::set<std::string> FunctionsOf(const std::vector<check::EventType>& types) {
  std::set<std::string> functions;
  for (const check::EventType type : types) {
    for (const int abi : {0, 1}) {
      for (std::string& function : FunctionsOf(type, abi)) functions.insert(std::move(function));
    }
  }
  return functions;
}

// io_uring stands for calls of most hooks.
std::set<std::string> AllFunctions(const kplan::Companions& wanted) {
  std::set<std::string> functions = FunctionsOf(wanted.results);
  functions.merge(FunctionsOf(wanted.calls));
  if (!wanted.results.empty() || !wanted.calls.empty()) functions.insert(kRing);
  if (wanted.failed_opens) functions.insert(OpenFunction());
  if (wanted.accepts) functions.insert(kAccept);
  return functions;
}

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace

Companions::~Companions() { DetachAllBut({}); }

bool Companions::IsLoaded(const std::string& function, bool as_call) const {
  const auto found = by_function_.find(function);
  return found != by_function_.end() && (!as_call || found->second.whole);
}

bool Companions::IsAttached(const std::string& function) const {
  const auto found = by_function_.find(function);
  return found != by_function_.end() && (found->second.link != nullptr || found->second.before != nullptr);
}

std::vector<std::string> Companions::Lacking(const kplan::Companions& wanted) const {
  const std::set<std::string> whole = FunctionsOf(wanted.calls);
  std::vector<std::string> lacking;
  for (const std::string& function : AllFunctions(wanted)) {
    if (IsFunction(function) && !IsLoaded(function, whole.count(function) != 0)) lacking.push_back(function);
  }
  std::stable_partition(lacking.begin(), lacking.end(),
                        [](const std::string& function) { return !StartsWith(function, kOf32Bit); });
  return lacking;
}

void Companions::ChooseFixed(bpf_object* object, const std::string& function, const char* name) {
  bpf_program* program = bpf_object__find_program_by_name(object, name);
  if (program == nullptr || !IsFunction(function) || by_function_.count(function) != 0) return;
  if (bpf_program__set_attach_target(program, 0, function.c_str()) != 0) return;
  bpf_program__set_autoload(program, true);
  chosen_[function] = {.program = program};
}

void Companions::Choose(bpf_object* object, const kplan::Companions& wanted) {
  chosen_.clear();
  std::vector<bpf_program*> for_result, for_call;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string_view name = bpf_program__name(program);
    if (!StartsWith(name, "exit_")) continue;
    bpf_program__set_autoload(program, false);
    if (StartsWith(name, "exit_result_")) for_result.push_back(program);
    if (StartsWith(name, "exit_call_")) for_call.push_back(program);
  }
  const std::set<std::string> whole = FunctionsOf(wanted.calls);
  for (const std::string& function : Lacking(wanted)) {
    if (function == kRing) ChooseFixed(object, kRing, "exit_io_uring");
    if (function == OpenFunction()) ChooseFixed(object, function, "exit_open");
    if (function == kAccept) ChooseFixed(object, kAccept, "exit_accept");
    if (!StartsWith(function, "__")) continue;
    const bool as_call = whole.count(function) != 0;
    std::vector<bpf_program*>& spare = as_call ? for_call : for_result;
    if (spare.empty()) continue;  // the next object's
    if (bpf_program__set_attach_target(spare.back(), 0, function.c_str()) != 0) continue;
    bpf_program__set_autoload(spare.back(), true);
    chosen_[function] = {.program = spare.back(), .whole = as_call};
    spare.pop_back();
  }
}

void Companions::Accept() {
  for (auto& [function, program] : chosen_) {
    Program& there = by_function_[function];
    program.before = there.link != nullptr ? there.link : there.before;
    there = program;
  }
  chosen_.clear();
}

source::Status Companions::Attach(const kplan::Companions& wanted) {
  for (const std::string& function : AllFunctions(wanted)) {
    const auto found = by_function_.find(function);
    if (found == by_function_.end() || found->second.link != nullptr) continue;
    Program& program = found->second;
    program.link = bpf_program__attach(program.program);
    if (program.link == nullptr) {
      return absl::FailedPreconditionError(fmt::format("the program {} cannot be attached to {}: {}{}",
                                                       bpf_program__name(program.program), function,
                                                       std::strerror(errno), TakeLibbpfLog()));
    }
    if (program.before != nullptr) bpf_link__destroy(std::exchange(program.before, nullptr));
  }
  return absl::OkStatus();
}

void Companions::DetachAllBut(const kplan::Companions& wanted) {
  const std::set<std::string> kept = AllFunctions(wanted);
  for (auto& [function, program] : by_function_) {
    if (kept.count(function) != 0) continue;
    for (bpf_link** link : {&program.link, &program.before})
      if (*link != nullptr) bpf_link__destroy(std::exchange(*link, nullptr));
  }
}

bool Companions::Completes(check::EventType type, int abi) const {
  const std::vector<std::string> functions = FunctionsOf(type, abi);
  return !functions.empty() && std::all_of(functions.begin(), functions.end(),
                                           [&](const std::string& function) { return IsAttached(function); });
}

bool Companions::CompletesRing() const { return IsAttached(kRing); }

std::vector<std::string> CallsWithoutFunction(const kplan::Companions& wanted) {
  std::vector<std::string> calls;
  if (!IsFunction(kOpen)) return calls;  // nothing is known of this kernel: it is told elsewhere
  for (const check::EventType type : wanted.calls) {
    const check::EventRow& row = check::Events()[type - 1u];
    if ((row.hooks & check::kSysExitHooks) == 0) continue;  // they have a hook
    if (FunctionsOf(type, 0).empty() && FunctionsOf(type, 1).empty()) calls.emplace_back(row.name);
  }
  return calls;
}

}  // namespace sluice::load
