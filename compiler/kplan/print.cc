#include <algorithm>
#include <map>

#include "compiler/kplan/kernel_plan.h"
#include "compiler/kplan/truth.h"
#include "fmt/format.h"

namespace sluice::kplan {
namespace {

constexpr size_t kValuesShown = 8;  // of one class; a list of 100,000 values is one line

std::string PrintWords(const __u64* words) {
  std::string text = "{";
  const auto has = [words](uint32_t bit) { return (words[bit / 64] >> (bit % 64) & 1) != 0; };
  for (uint32_t bit = 0; bit < SLUICE_CLAUSES; ++bit) {
    if (!has(bit)) continue;
    uint32_t last = bit;
    while (last + 1 < SLUICE_CLAUSES && has(last + 1)) ++last;
    if (text.size() > 1) text += ' ';
    text += last == bit ? fmt::format("{}", bit) : fmt::format("{}-{}", bit, last);
    bit = last;
  }
  return text + "}";
}

bool HasAny(const __u64* words) {
  return std::any_of(words, words + SLUICE_WORDS, [](uint64_t word) { return word != 0; });
}

// Printable ASCII as it is; the NUL behind an exact value as \0.
std::string Quote(std::string_view value) {
  std::string text = "\"";
  for (unsigned char byte : value) {
    if (byte == 0) {
      text += "\\0";
    } else if (byte == '"' || byte == '\\') {
      text += {'\\', static_cast<char>(byte)};
    } else if (byte < 0x20 || byte > 0x7e) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += static_cast<char>(byte);
    }
  }
  return text + "\"";
}

class Printer {
 public:
  Printer(const KernelPlan& plan, const split::Partition& partition) : plan_(plan), partition_(partition) {}

  std::string Print() {
    for (const auto& [key, id] : plan_.short_exact)
      Add(key.lookup, id, {key.value, strnlen(key.value, sizeof key.value)});
    for (const auto& [key, id] : plan_.long_exact)
      Add(key.lookup, id, {key.value, strnlen(key.value, sizeof key.value)});
    for (const auto& [key, id] : plan_.prefixes) Add(key.lookup, id, {key.value, (key.prefixlen - 32) / 8});
    for (const auto& [key, id] : plan_.suffixes) {
      std::string pattern(key.value, (key.prefixlen - 32) / 8);
      std::reverse(pattern.begin(), pattern.end());
      Add(key.lookup, id, pattern);
    }
    for (const auto& [key, id] : plan_.nets) {
      Add(key.lookup, id, {reinterpret_cast<const char*>(key.address), (key.prefixlen - 32 + 7) / 8});
    }
    for (const split::HookPartition& hook : partition_.hooks) PrintHook(hook.hook);
    PrintCompanions();
    PrintFiles();
    PrintMitigations();
    PrintTexts();
    text_ += fmt::format(
        "sizes: {} classes, {} dense, {} intervals, {} exact, {} long exact, {} prefixes, {} suffixes, {} "
        "nets, {} states\n",
        plan_.classes.size(), plan_.dense.size(), plan_.intervals.size(), plan_.short_exact.size(),
        plan_.long_exact.size(), plan_.prefixes.size(), plan_.suffixes.size(), plan_.nets.size(),
        plan_.automaton.size());
    return std::move(text_);
  }

 private:
  void Add(uint32_t key_lookup, uint32_t class_id, std::string_view value) {
    values_[key_lookup][class_id].emplace_back(value);
  }

  std::string Set(uint32_t class_id) const { return PrintWords(plan_.classes[class_id].words); }

  void Line(const std::string& line) { text_ += "    " + line + "\n"; }

  void PrintHook(check::HookId hook) {
    const sluice_hook_config& config = plan_.hooks[hook];
    const check::HookRow* row = check::FindHook(hook);
    text_ += fmt::format("hook {}: clauses {}", row == nullptr ? "image" : row->name,
                         PrintWords(config.all.words));
    if ((config.flags & SLUICE_HOOK_NEEDS_ENV) != 0) text_ += " needs-env";
    if ((config.flags & SLUICE_HOOK_NEEDS_CWD) != 0) text_ += " needs-cwd";
    if ((config.flags & SLUICE_HOOK_NEEDS_GIVEN) != 0) text_ += " needs-given-path";
    text_ += '\n';
    PrintActions(hook, config);
    if (HasAny(config.results)) text_ += fmt::format("  results {}\n", PrintWords(config.results));
    if (HasAny(config.failures)) text_ += fmt::format("  failures {}\n", PrintWords(config.failures));
    for (uint32_t lookup = 0; lookup < SLUICE_LOOKUPS; ++lookup) {
      if ((config.used >> lookup & 1) != 0) PrintLookup(hook, config, lookup);
    }
  }

  void PrintActions(check::HookId hook, const sluice_hook_config& config) {
    if ((config.flags & SLUICE_HOOK_MITIGATES) == 0) return;
    text_ += fmt::format("  deny {} kill {} unknown-deny {}\n", PrintWords(config.deny),
                         PrintWords(config.kill), PrintWords(config.unknown_deny));
    for (uint32_t bit = 0; bit < SLUICE_CLAUSES; ++bit) {
      if ((config.deny[bit / 64] >> (bit % 64) & 1) == 0) continue;
      const sluice_action& action = plan_.actions[size_t{hook} * SLUICE_CLAUSES + bit];
      Line(fmt::format("{}: errno {}, order {}, mitigation {}", bit, action.errno_value, action.order,
                       action.mitigation));
    }
  }

  void PrintMitigations() {
    static constexpr const char* kScopes[] = {"all", "uid", "cgroup", "percent"};
    for (size_t i = 0; i < plan_.mitigations.size(); ++i) {
      const Mitigation& mitigation = plan_.mitigations[i];
      const sluice_mitigation& bounds = mitigation.bounds;
      text_ += fmt::format("mitigation {}: \"{}\" {}", i, mitigation.name,
                           mitigation.audited ? "audit" : "enforce");
      if (bounds.scope != SLUICE_SCOPE_ALL)
        text_ += fmt::format(" scope {} {}", kScopes[bounds.scope], bounds.scope_value);
      if (bounds.fuse_count != 0)
        text_ +=
            fmt::format(" fuse {}{} per {} ms", bounds.fuse_count,
                        bounds.fuse_processes != 0 ? " processes" : "", bounds.fuse_period_ns / 1'000'000);
      text_ += '\n';
    }
    for (size_t i = 0; i < plan_.cgroup_scopes.size(); ++i) {
      std::string names(plan_.cgroup_scopes[i].value, plan_.cgroup_scopes[i].bytes);
      std::replace(names.begin(), names.end(), '\0', ' ');
      text_ += fmt::format("cgroup {}, from the leaf: {}\n", i, names);
    }
  }

  void PrintLookup(check::HookId hook, const sluice_hook_config& config, uint32_t lookup) {
    const sluice_lookup_classes& row = config.lookups[lookup];
    text_ += fmt::format("  {}: other {} absent {} users {}\n", split::LookupName(lookup), Set(row.other),
                         Set(row.absent), Set(row.users));
    if (lookup == SLUICE_LOOKUP_TYPE) {
      PrintTypes(config, row);
    } else if (lookup == SLUICE_LOOKUP_BITS) {
      PrintFlags(config);
    } else if (lookup < SLUICE_LOOKUP_LINEAGE) {
      PrintIntervals(config, lookup - SLUICE_LOOKUP_INT);
    } else if (split::HasAtoms(lookup)) {
      PrintAtoms(config, PlaceOfAtoms(lookup));
    } else {
      PrintValues(hook * SLUICE_LOOKUPS + lookup);
    }
  }

  void PrintTypes(const sluice_hook_config& config, const sluice_lookup_classes& row) {
    for (uint32_t type = 1; type < config.type_count; ++type) {
      const uint32_t id = plan_.dense[config.type_base + type];
      if (id != row.other)
        Line(fmt::format("{} {}", check::EventName(static_cast<check::EventType>(type)), Set(id)));
    }
  }

  void PrintFlags(const sluice_hook_config& config) {
    for (uint32_t bit = 0; config.bits_count >> (bit + 1) != 0; ++bit) {
      const std::string word =
          config.bits_word[bit] == 0 ? "" : fmt::format(" in word {}", config.bits_word[bit]);
      Line(fmt::format("bit {}: any of 0x{:x}{}", bit, config.bits_mask[bit], word));
    }
    for (uint32_t index = 0; index < config.bits_count; ++index) {
      Line(fmt::format("0x{:x} {}", index, Set(plan_.dense[config.bits_base + index])));
    }
  }

  void PrintIntervals(const sluice_hook_config& config, uint32_t subject) {
    for (uint32_t i = 0; i < config.int_count[subject]; ++i) {
      const sluice_interval& interval = plan_.intervals[config.int_base[subject] + i];
      const std::string first = i == 0 ? "lowest" : fmt::format("{}", interval.first);
      Line(fmt::format("from {} {}", first, Set(interval.class_id)));
    }
  }

  void PrintAtoms(const sluice_hook_config& config, uint32_t place) {
    for (uint32_t atom = 0; atom < SLUICE_ATOMS; ++atom) {
      if ((config.atoms_used[place] >> atom & 1) == 0) continue;
      const uint32_t base = config.atoms_base[place] + 2 * atom;
      Line(fmt::format("atom {} clear {} set {}", atom, Set(plan_.dense[base]), Set(plan_.dense[base + 1])));
    }
  }

  void PrintCompanions() {
    const Companions& companions = plan_.companions;
    if (companions == Companions{}) return;
    text_ += "returns:";
    for (const check::EventType type : companions.results)
      text_ += fmt::format(" {}", check::EventName(type));
    for (const check::EventType type : companions.calls)
      text_ += fmt::format(" {} (whole)", check::EventName(type));
    if (companions.failed_opens) text_ += " failed-opens";
    if (companions.accepts) text_ += " accepts";
    text_ += '\n';
  }

  void PrintTexts() {
    for (size_t atom = 0; atom < plan_.texts.size(); ++atom) {
      text_ += fmt::format("contains, atom {}:", atom);
      for (const std::string& text : plan_.texts[atom]) text_ += ' ' + Quote(text);
      text_ += '\n';
    }
  }

  void PrintFiles() {
    if (plan_.files.empty()) return;
    text_ += "files:";
    for (size_t i = 0; i < plan_.files.size() && i < kValuesShown; ++i) text_ += ' ' + Quote(plan_.files[i]);
    if (plan_.files.size() > kValuesShown)
      text_ += fmt::format(" and {} more", plan_.files.size() - kValuesShown);
    text_ += '\n';
  }

  // Classes in the order of their first value, which is byte order and so does not depend on class numbers.
  void PrintValues(uint32_t key_lookup) {
    std::vector<std::pair<std::string, uint32_t>> by_first;
    for (auto& [id, values] : values_[key_lookup]) {
      std::sort(values.begin(), values.end());
      by_first.emplace_back(values.front(), id);
    }
    std::sort(by_first.begin(), by_first.end());
    for (const auto& [first, id] : by_first) {
      const std::vector<std::string>& values = values_[key_lookup][id];
      std::string line;
      for (size_t i = 0; i < values.size() && i < kValuesShown; ++i) line += Quote(values[i]) + ' ';
      if (values.size() > kValuesShown) line += fmt::format("and {} more ", values.size() - kValuesShown);
      Line(line + Set(id));
    }
  }

  const KernelPlan& plan_;
  const split::Partition& partition_;
  std::map<uint32_t, std::map<uint32_t, std::vector<std::string>>> values_;  // by key's lookup, by class
  std::string text_;
};

}  // namespace

std::string Print(const KernelPlan& plan, const split::Partition& partition) {
  return Printer(plan, partition).Print();
}

}  // namespace sluice::kplan
