#include "compiler/kplan/ends.h"

#include <algorithm>
#include <cstring>

namespace sluice::kplan {
namespace {

constexpr size_t kComponentBytes = sizeof(uint64_t);
constexpr uint32_t kSeveral = 0x10000;  // SLUICE_SEVERAL

// As in match.bpf.h, which only model.cc includes.
uint32_t FirstBit(uint64_t component) {
  return static_cast<uint32_t>((component * 0x9e3779b97f4a7c15ull) >> 55);
}
uint32_t LastBit(uint32_t ending) { return (ending * 0x9e3779b1u) >> 23; }

void Set(__u64* words, uint32_t bit) { words[bit / 64] |= 1ull << (bit % 64); }

uint64_t Word(std::string_view component) {
  uint64_t word = 0;
  std::memcpy(&word, component.data(), std::min(component.size(), kComponentBytes));
  return word;
}

uint32_t Ending(char before, char last) {
  return static_cast<uint32_t>(static_cast<unsigned char>(before)) |
         static_cast<uint32_t>(static_cast<unsigned char>(last)) << 8;
}

// Where the first component of a pattern ends; npos: the pattern ends within it.
size_t ComponentEnd(std::string_view pattern) { return pattern.find_first_of(std::string_view("/\0", 2), 1); }

// The first components of one string's entries.
class Firsts {
 public:
  Firsts(__u64* firsts, __u64* partial_firsts) : firsts_(firsts), partial_firsts_(partial_firsts) {}

  void AddPrefix(std::string_view pattern) {
    if (pattern.empty() || pattern == "/") {
      any_ = true;
      return;
    }
    if (pattern[0] != '/') return;  // a name that the file system makes up: the filter is not asked about it
    const size_t end = ComponentEnd(pattern);
    if (end == std::string_view::npos && pattern.size() - 1 < kComponentBytes) {
      Set(partial_firsts_, static_cast<unsigned char>(pattern[1]));
      return;
    }
    Add(pattern.substr(1, end == std::string_view::npos ? end : end - 1));
  }

  void AddExact(std::string_view value) {
    if (value.size() <= 1 || value[0] != '/') return;
    const size_t end = ComponentEnd(value);
    Add(value.substr(1, end == std::string_view::npos ? end : end - 1));
  }

  bool any() const { return any_; }

 private:
  void Add(std::string_view component) { Set(firsts_, FirstBit(Word(component))); }

  __u64 *firsts_, *partial_firsts_;
  bool any_ = false;
};

// The entries of one hook.
class EndsOfHook {
 public:
  explicit EndsOfHook(sluice_hook_config& config)
      : path(config.firsts, config.partial_firsts),
        exe(config.exe_firsts, config.exe_partial_firsts),
        config_(config) {}

  Firsts path, exe;

  void AddName(std::string_view name) { Set(config_.names, FirstBit(Word(name))); }

  void AddReversedSuffix(std::string_view pattern) {
    if (pattern.size() < 2) {
      any_last_ = true;
      return;
    }
    Set(config_.lasts, LastBit(Ending(pattern[1], pattern[0])));
  }

  void Finish() {
    config_.flags |= SLUICE_HOOK_NAMES;
    if (!path.any()) config_.flags |= SLUICE_HOOK_FIRSTS;
    if (!exe.any()) config_.flags |= SLUICE_HOOK_EXE_FIRSTS;
    if (!any_last_) config_.flags |= SLUICE_HOOK_LASTS;
  }

 private:
  sluice_hook_config& config_;
  bool any_last_ = false;
};

constexpr uint32_t kName = SLUICE_LOOKUP_STRING + uint32_t{SLUICE_STR_NAME} * SLUICE_MODES;
constexpr uint32_t kExe = SLUICE_LOOKUP_STRING + uint32_t{SLUICE_STR_EXEPATH} * SLUICE_MODES;
constexpr uint32_t kPath = SLUICE_LOOKUP_STRING + uint32_t{SLUICE_STR_PATH} * SLUICE_MODES;
constexpr uint32_t kDirectory = SLUICE_LOOKUP_STRING + uint32_t{SLUICE_STR_DIRECTORY} * SLUICE_MODES;

template <typename Pairs>
void AddExacts(const Pairs& pairs, std::vector<EndsOfHook>& hooks) {
  for (const auto& [key, id] : pairs) {
    const uint32_t lookup = key.lookup % SLUICE_LOOKUPS;
    const std::string_view value(key.value, strnlen(key.value, sizeof key.value));
    EndsOfHook& hook = hooks[key.lookup / SLUICE_LOOKUPS];
    if (lookup == kName + SLUICE_MODE_EXACT) hook.AddName(value);
    if (lookup == kExe + SLUICE_MODE_EXACT) hook.exe.AddExact(value);
    if (lookup == kPath + SLUICE_MODE_EXACT || lookup == kDirectory + SLUICE_MODE_EXACT)
      hook.path.AddExact(value);
  }
}

}  // namespace

void FillEnds(KernelPlan& plan) {
  std::vector<EndsOfHook> hooks;
  for (sluice_hook_config& config : plan.hooks) hooks.emplace_back(config);
  for (const auto& [key, id] : plan.prefixes) {
    const std::string_view pattern(key.value, (key.prefixlen - 32) / 8);
    const uint32_t lookup = key.lookup % SLUICE_LOOKUPS;
    EndsOfHook& hook = hooks[key.lookup / SLUICE_LOOKUPS];
    if (lookup == kPath + SLUICE_MODE_PREFIX || lookup == kDirectory + SLUICE_MODE_PREFIX)
      hook.path.AddPrefix(pattern);
    if (lookup == kExe + SLUICE_MODE_PREFIX) hook.exe.AddPrefix(pattern);
  }
  for (const auto& [key, id] : plan.suffixes) {
    if (key.lookup % SLUICE_LOOKUPS != kPath + SLUICE_MODE_SUFFIX) continue;
    hooks[key.lookup / SLUICE_LOOKUPS].AddReversedSuffix({key.value, (key.prefixlen - 32) / 8});
  }
  AddExacts(plan.short_exact, hooks);
  AddExacts(plan.long_exact, hooks);
  for (uint32_t hook = 0; hook < SLUICE_HOOKS; ++hook) {
    if ((plan.hooks[hook].flags & SLUICE_HOOK_ACTIVE) != 0) hooks[hook].Finish();
  }
}

uint64_t FirstBytesOf(std::string_view value) { return Word(value); }

Ends EndsOf(std::string_view path) {
  Ends ends;
  if (path.size() < 2 || path[0] != '/' || path[1] == '/') return ends;
  const size_t end = path.find('/', 1);
  ends.known = true;
  ends.component = Word(path.substr(1, end == std::string_view::npos ? end : end - 1));
  ends.ending = Ending(path[path.size() - 2], path.back());
  if (end != std::string_view::npos) ends.ending |= kSeveral;
  return ends;
}

}  // namespace sluice::kplan
