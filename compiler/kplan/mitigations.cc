#include "compiler/kplan/mitigations.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>

namespace sluice::kplan {
namespace {

std::vector<std::string_view> NamesOf(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty()) {
    const std::string_view name = path.substr(0, path.find('/'));
    if (!name.empty()) names.push_back(name);
    path.remove_prefix(std::min(name.size() + 1, path.size()));
  }
  return names;
}

class MitigationLowering {
 public:
  MitigationLowering(const split::Partition& partition, KernelPlan& plan)
      : partition_(partition), plan_(plan) {}

  void Lower() {
    std::set<check::RuleId> rules;
    ForEach([&](const split::HookPartition&, const split::Entry& entry) { rules.insert(entry.rule); });
    if (rules.empty()) return;
    for (const check::RuleId rule : rules) {
      numbers_[rule] = static_cast<uint32_t>(plan_.mitigations.size());
      plan_.mitigations.push_back(Bounded(rule));
    }
    plan_.actions.resize(size_t{SLUICE_HOOKS} * SLUICE_CLAUSES);
    for (const split::HookPartition& hook : partition_.hooks) LowerHook(hook);
  }

 private:
  const ast::RuleKeys& RuleOf(check::RuleId id) const { return partition_.normal.checked.rules[id].rule; }

  template <typename Visit>
  void ForEach(Visit visit) {
    for (const split::HookPartition& hook : partition_.hooks) {
      for (const split::Entry& entry : hook.entries) {
        const bool mitigates = RuleOf(entry.rule).action != ast::Action::kAlert;
        if (mitigates && entry.bit < SLUICE_CLAUSES) visit(hook, entry);
      }
    }
  }

  Mitigation Bounded(check::RuleId id) {
    const ast::RuleKeys& rule = RuleOf(id);
    Mitigation made;
    made.rule = id;
    made.name = rule.name.text;
    made.audited = rule.mode == ast::Mode::kAudit;
    const ast::Scope& scope = ast::ScopeOf(rule);
    made.bounds.scope_value = static_cast<uint32_t>(scope.number);
    switch (scope.kind) {
      case ast::Scope::Kind::kAll:
        made.bounds.scope = SLUICE_SCOPE_ALL;
        break;
      case ast::Scope::Kind::kUid:
        made.bounds.scope = SLUICE_SCOPE_UID;
        break;
      case ast::Scope::Kind::kPercent:
        made.bounds.scope = SLUICE_SCOPE_PERCENT;
        break;
      case ast::Scope::Kind::kCgroup:
        made.bounds.scope = SLUICE_SCOPE_CGROUP;
        made.bounds.scope_value = CgroupNumber(scope.path);
        break;
    }
    if (rule.fuse) {
      made.bounds.fuse_count = static_cast<uint32_t>(rule.fuse->count);
      made.bounds.fuse_processes = rule.fuse->of_processes ? 1 : 0;
      made.bounds.fuse_period_ns = rule.fuse->period_ns;
    }
    return made;
  }

  uint32_t CgroupNumber(const std::string& path) {
    const sluice_cgroup_scope packed = PackCgroup(path);
    const auto same = [&](const sluice_cgroup_scope& known) {
      return std::memcmp(&known, &packed, sizeof packed) == 0;
    };
    const auto known = std::find_if(plan_.cgroup_scopes.begin(), plan_.cgroup_scopes.end(), same);
    const auto number = static_cast<uint32_t>(std::distance(plan_.cgroup_scopes.begin(), known));
    if (known == plan_.cgroup_scopes.end()) plan_.cgroup_scopes.push_back(packed);
    return number;
  }

  void LowerHook(const split::HookPartition& hook) {
    sluice_hook_config& config = plan_.hooks[hook.hook];
    std::set<check::RuleId> rules;
    for (const split::Entry& entry : hook.entries) {
      if (RuleOf(entry.rule).action != ast::Action::kAlert) rules.insert(entry.rule);
    }
    for (const split::Entry& entry : hook.entries) {
      const ast::RuleKeys& rule = RuleOf(entry.rule);
      if (rule.action == ast::Action::kAlert || entry.bit >= SLUICE_CLAUSES) continue;
      const uint64_t bit = 1ull << (entry.bit % 64);
      const uint32_t word = entry.bit / 64;
      config.flags |= SLUICE_HOOK_MITIGATES;
      if (ast::ScopeOf(rule).kind != ast::Scope::Kind::kAll) config.flags |= SLUICE_HOOK_SCOPES;
      config.deny[word] |= bit;
      if (rule.action == ast::Action::kKill) config.kill[word] |= bit;
      if (rule.on_unknown == ast::OnUnknown::kDeny) config.unknown_deny[word] |= bit;
      sluice_action& action = plan_.actions[size_t{hook.hook} * SLUICE_CLAUSES + entry.bit];
      // A rank instead of the rule's number, which may exceed 16 bits.
      action.order = static_cast<uint16_t>(std::distance(rules.begin(), rules.find(entry.rule)));
      action.errno_value = static_cast<uint16_t>(rule.errno_value);
      action.mitigation = numbers_.at(entry.rule);
    }
  }

  const split::Partition& partition_;
  KernelPlan& plan_;
  std::map<check::RuleId, uint32_t> numbers_;
};

}  // namespace

void LowerMitigations(const split::Partition& partition, KernelPlan& plan) {
  MitigationLowering(partition, plan).Lower();
}

bool IsBelowCgroup(std::string_view path, std::string_view scope) {
  const std::vector<std::string_view> names = NamesOf(path), first = NamesOf(scope);
  return first.size() <= names.size() && std::equal(first.begin(), first.end(), names.begin());
}

bool FitsCgroupScope(std::string_view path) {
  size_t bytes = 0;
  const std::vector<std::string_view> names = NamesOf(path);
  for (const std::string_view name : names) bytes += name.size() + 1;
  return names.size() <= SLUICE_CGROUP_DEPTH && bytes <= SLUICE_CGROUP_BYTES;
}

sluice_cgroup_scope PackCgroup(std::string_view path) {
  sluice_cgroup_scope packed{};
  const std::vector<std::string_view> names = NamesOf(path);
  packed.names = static_cast<uint32_t>(names.size());
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    std::memcpy(packed.value + packed.bytes, name->data(), name->size());
    packed.bytes += static_cast<uint32_t>(name->size()) + 1;
  }
  return packed;
}

}  // namespace sluice::kplan
