#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "compiler/kplan/automaton.h"
#include "compiler/kplan/ends.h"
#include "compiler/kplan/kernel_plan.h"
#include "compiler/kplan/lower_hook.h"
#include "compiler/kplan/mitigations.h"
#include "fmt/format.h"

namespace sluice::kplan {
namespace {

// Above these a map of the kernel would take more memory than a rule set is worth (64 MB of sets; entries:
// 512 MB).
constexpr size_t kMaxClasses = 1u << 19;
constexpr size_t kMaxEntries = 2'000'000;

// What an exec has to carry besides argv, by the fields that rules mention anywhere: any hook's event may ask
// for the environment or folder of its process, and the tree knows them from the exec alone.
uint32_t NeedsOfName(std::string_view name, std::string_view argument) {
  constexpr uint32_t kBoth = SLUICE_HOOK_NEEDS_ENV | SLUICE_HOOK_NEEDS_CWD;
  if (name == "proc.env" || name == "proc.aenv") return SLUICE_HOOK_NEEDS_ENV;
  if (name == "proc.cwd") return SLUICE_HOOK_NEEDS_CWD;
  if (name == "fd.nameraw") return SLUICE_HOOK_NEEDS_GIVEN;
  if (name == "evt.args" || name == "evt.info") return kBoth;
  if (name != "evt.arg" && name != "evt.rawarg") return 0;
  const bool by_number =
      !argument.empty() && argument.find_first_not_of("0123456789") == std::string_view::npos;
  if (by_number) return kBoth;
  if (argument == "env") return SLUICE_HOOK_NEEDS_ENV;
  return argument == "cwd" ? SLUICE_HOOK_NEEDS_CWD : 0;
}

uint32_t NeedsOf(const check::FieldUse& field) {
  return NeedsOfName(check::RowOf(field.field).name, field.argument);
}

uint32_t NeedsOf(const check::Term& term) {
  uint32_t needs = term.kind == check::Term::Kind::kField ? NeedsOf(term.field) : 0;
  for (const check::Term& argument : term.arguments) needs |= NeedsOf(argument);
  return needs;
}

uint32_t NeedsOf(const norm::Condition& condition, const check::CheckedRules& checked) {
  uint32_t needs = 0;
  std::vector<const norm::Condition*> open = {&condition};
  while (!open.empty()) {
    const norm::Condition& next = *open.back();
    open.pop_back();
    for (const norm::Condition& child : next.children) open.push_back(&child);
    if (next.kind != norm::Condition::Kind::kLiteral) continue;
    const check::Predicate& predicate = checked.predicates[next.predicate];
    needs |= NeedsOf(predicate.left);
    for (const check::Term& term : predicate.right) needs |= NeedsOf(term);
  }
  return needs;
}

uint32_t Needs(const split::Partition& partition) {
  uint32_t needs = 0;
  const check::CheckedRules& checked = partition.normal.checked;
  for (const norm::Condition& condition : partition.normal.conditions) needs |= NeedsOf(condition, checked);
  for (const check::CheckedRule& rule : checked.rules) {
    for (const auto& piece : rule.output) {
      if (piece->term) needs |= NeedsOf(*piece->term);
    }
    for (const check::FieldUse& field : rule.throttle_by) needs |= NeedsOf(field);
    if (rule.rule.then) needs |= NeedsOfName(rule.rule.then->field.name.text, "");
  }
  return needs;
}

bool Admits(const split::KernelCondition& condition, check::EventType type) {
  return std::all_of(condition.begin(), condition.end(), [&](const split::AnyOf& any_of) {
    return any_of.lookup != SLUICE_LOOKUP_TYPE ||
           std::any_of(any_of.tests.begin(), any_of.tests.end(), [&](const split::Test& test) {
             const bool member = std::find(test.types.begin(), test.types.end(), type) != test.types.end();
             return test.negated != (test.complement != member);
           });
  });
}

// The bits whose events wait or that look at early failures, and the calls that these can be.
void LowerReturns(const split::HookPartition& hook, KernelPlan& plan) {
  sluice_hook_config& config = plan.hooks[hook.hook];
  const bool whole = hook.hook == SLUICE_HOOK_SYS_EXIT;
  std::set<check::EventType> results, calls;
  for (const split::Entry& entry : hook.entries) {
    if (entry.bit >= SLUICE_CLAUSES || (!entry.wants_result && !entry.sees_failures && !whole)) continue;
    const uint64_t bit = 1ull << (entry.bit % 64);
    if (entry.wants_result) config.results[entry.bit / 64] |= bit;
    if (entry.sees_failures) config.failures[entry.bit / 64] |= bit;
    if (entry.sees_failures) config.flags |= SLUICE_HOOK_FAILURES;
    const bool told = whole || (entry.sees_failures && hook.hook != SLUICE_HOOK_FILE_OPEN);
    for (const check::EventRow& row : check::Events()) {
      if (row.IsAt(hook.hook) && Admits(hook.bits[entry.bit], row.type))
        (told ? calls : results).insert(row.type);
    }
  }
  Companions& companions = plan.companions;
  for (const check::EventType type : calls) results.erase(type);
  companions.results.insert(companions.results.end(), results.begin(), results.end());
  companions.calls.insert(companions.calls.end(), calls.begin(), calls.end());
  if (hook.hook == SLUICE_HOOK_FILE_OPEN)
    companions.failed_opens = (config.flags & SLUICE_HOOK_FAILURES) != 0;
  if (hook.hook == SLUICE_HOOK_SOCKET_ACCEPT) companions.accepts = !results.empty() || !calls.empty();
}

// The texts of the tests of variables; a prefix's entry holds the tests of the shorter ones too.
void LowerVariables(const std::vector<split::VariableTest>& variables, KernelPlan& plan) {
  constexpr uint32_t kLookup = SLUICE_HOOK_BPRM_COMMITTED * uint32_t{SLUICE_LOOKUPS} + SLUICE_LOOKUP_STRING +
                               SLUICE_STR_PATH * uint32_t{SLUICE_MODES};
  std::map<std::string, uint32_t> exact, prefixes;
  for (size_t i = 0; i < variables.size(); ++i) {
    for (const std::string& text : variables[i].exact) exact[text] |= 1u << i;
    for (const std::string& text : variables[i].prefixes) prefixes[text] |= 1u << i;
    exact[variables[i].name + "="] = SLUICE_VARIABLE_EMPTY;
  }
  for (const auto& [text, tests] : exact) {
    if (text.size() < sizeof(sluice_short_key::value)) {
      auto& [key, value] = plan.short_exact.emplace_back();
      key.lookup = kLookup + SLUICE_MODE_EXACT;
      std::memcpy(key.value, text.data(), text.size());
      value = tests;
    } else {
      auto& [key, value] = plan.long_exact.emplace_back();
      key.lookup = kLookup + SLUICE_MODE_EXACT;
      std::memcpy(key.value, text.data(), text.size());
      value = tests;
    }
  }
  for (const auto& [text, tests] : prefixes) {
    auto& [key, value] = plan.prefixes.emplace_back();
    key.prefixlen = 8 * (4 + static_cast<uint32_t>(text.size()));
    key.lookup = kLookup + SLUICE_MODE_PREFIX;
    std::memcpy(key.value, text.data(), text.size());
    for (const auto& [shorter, more] : prefixes) {
      if (text.starts_with(shorter)) value |= more;
    }
  }
}

void CheckCapacity(const KernelPlan& plan, diag::Diagnostics& diagnostics) {
  const std::pair<const char*, std::pair<size_t, size_t>> tables[] = {
      {"distinct sets of clauses", {plan.classes.size(), kMaxClasses}},
      {"integer intervals", {plan.intervals.size(), kMaxEntries}},
      {"exact values", {plan.short_exact.size(), kMaxEntries}},
      {"long exact values", {plan.long_exact.size(), kMaxEntries}},
      {"prefixes", {plan.prefixes.size(), kMaxEntries}},
      {"suffixes", {plan.suffixes.size(), kMaxEntries}},
      {"nets", {plan.nets.size(), kMaxEntries}},
      {"states of its automaton", {plan.automaton.size(), SLUICE_AUTOMATON_STATES}},
      {"mitigations", {plan.mitigations.size(), SLUICE_MITIGATIONS}},
      {"cgroups of scopes", {plan.cgroup_scopes.size(), SLUICE_CGROUP_SCOPES}},
  };
  for (const auto& [name, sizes] : tables) {
    if (sizes.first <= sizes.second) continue;
    diagnostics
        .Add(
            diag::Code::E304, {},
            fmt::format("The rules need {} {}, the kernel's table holds {}", sizes.first, name, sizes.second))
        .help = "Split the largest lists, or test them by a prefix";
  }
}

}  // namespace

uint64_t KernelPlan::HookMask() const {
  uint64_t mask = 0;
  for (uint32_t hook = 1; hook < SLUICE_HOOKS; ++hook) {
    if ((hooks[hook].flags & SLUICE_HOOK_ACTIVE) != 0) mask |= 1ull << hook;
  }
  // A denied creating open must not leave the file behind: the creation is judged before file_open is
  // reached.
  if ((hooks[SLUICE_HOOK_FILE_OPEN].flags & SLUICE_HOOK_MITIGATES) != 0)
    mask |= 1ull << SLUICE_HOOK_PATH_MKNOD;
  // Who gives a protected path to another file, or another name to its file.
  if (!files.empty())
    mask |= 1ull << SLUICE_HOOK_PATH_RENAME | 1ull << SLUICE_HOOK_PATH_LINK | SLUICE_POINT_NAMES;
  return mask;
}

uint64_t KernelPlan::MitigationMask() const {
  uint64_t mask = 0;
  for (uint32_t hook = 1; hook < SLUICE_HOOKS; ++hook) {
    uint64_t any = 0;
    for (uint32_t word = 0; word < SLUICE_WORDS; ++word)
      any |= hooks[hook].deny[word] | hooks[hook].kill[word];
    if (any != 0) mask |= 1ull << hook;
  }
  if ((mask >> SLUICE_HOOK_FILE_OPEN & 1) != 0) mask |= 1ull << SLUICE_HOOK_PATH_MKNOD;  // as above
  if (!files.empty())
    mask |= 1ull << SLUICE_HOOK_PATH_RENAME | 1ull << SLUICE_HOOK_PATH_LINK | SLUICE_POINT_NAMES;
  return mask;
}

KernelPlan LowerKernel(const split::Partition& partition, diag::Diagnostics& diagnostics) {
  KernelPlan plan;
  ClassTable classes(plan.classes);
  for (const split::HookPartition& hook : partition.hooks) {
    LowerHook(partition, hook, plan, classes, diagnostics);
    LowerReturns(hook, plan);
  }
  std::sort(plan.files.begin(), plan.files.end());
  plan.files.erase(std::unique(plan.files.begin(), plan.files.end()), plan.files.end());
  LowerMitigations(partition, plan);
  FillEnds(plan);
  LowerVariables(partition.variables, plan);
  plan.automaton = BuildAutomaton(plan.texts);
  const uint32_t needs = Needs(partition);
  plan.hooks[SLUICE_HOOK_BPRM_CHECK].flags |= needs & ~SLUICE_HOOK_NEEDS_GIVEN;
  plan.hooks[SLUICE_HOOK_FILE_OPEN].flags |= needs & SLUICE_HOOK_NEEDS_GIVEN;
  CheckCapacity(plan, diagnostics);
  return plan;
}

}  // namespace sluice::kplan
