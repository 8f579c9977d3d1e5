// The plan as text: slots, predicates in use, conditions as steps, and each hook's candidates.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstring>
#include <map>
#include <set>

#include "compiler/uplan/user_plan.h"

namespace sluice::uplan {
namespace {

constexpr size_t kMaxValues = 20;

std::string TargetText(uint32_t target) {
  if (target == kAccept) return "accept";
  if (target == kReject) return "reject";
  return fmt::format("{}", target);
}

std::string PredicateText(const check::Predicate& predicate) {
  if (predicate.values.size() <= kMaxValues) return check::Print(predicate);
  check::Predicate cut = predicate;
  cut.values.resize(kMaxValues);
  return fmt::format("{} and {} more", check::Print(cut), predicate.values.size() - kMaxValues);
}

std::string ConditionText(ConditionId id) {
  return id == kAlways ? "always" : fmt::format("condition {}", id);
}

void AppendConditions(const UserPlan& plan, std::string& out) {
  for (ConditionId id = kAlways + 1; id < plan.conditions.size(); ++id) {
    out += fmt::format("condition {}\n", id);
    for (uint32_t i = plan.conditions[id].begin; i < plan.conditions[id].end; ++i) {
      const Step& step = plan.steps[i];
      out += fmt::format("  {}: {}predicate {}  true: {}  false: {}\n", i, step.negated ? "not " : "",
                         step.predicate, TargetText(step.on_true), TargetText(step.on_false));
    }
  }
}

std::string MarkText(const Index& index, MarkId id) {
  const Mark& mark = index.marks[id];
  const std::string_view bytes = std::string_view(index.bytes).substr(mark.begin, mark.size);
  const std::string text = fmt::format("\"{}\"", bytes);
  switch (mark.kind) {
    case Mark::Kind::kText:
      return text;
    case Mark::Kind::kNumber: {
      int64_t number = 0;
      std::memcpy(&number, bytes.data(), sizeof(number));
      return fmt::format("{}", number);
    }
    case Mark::Kind::kNet: {
      MarkedNet net;
      std::memcpy(&net, bytes.data(), sizeof(net));
      char shown[INET6_ADDRSTRLEN] = "";
      const uint8_t* address = net.address.data();
      inet_ntop(net.v4 ? AF_INET : AF_INET6, net.v4 ? address + 12 : address, shown, sizeof shown);
      return fmt::format("{}/{}", shown, net.prefix);
    }
    case Mark::Kind::kPrefix:
      return "prefix " + text;
    case Mark::Kind::kPath:
      return "path " + text;
    case Mark::Kind::kSuffix:
      return "suffix " + text;
    case Mark::Kind::kSubstring:
      break;
  }
  return "part " + text;
}

std::string MarksText(const Index& index, const std::vector<MarkId>& marks) {
  std::string text;
  for (size_t i = 0; i < marks.size() && i < kMaxValues; ++i)
    text += (i == 0 ? "" : " or ") + MarkText(index, marks[i]);
  if (marks.size() > kMaxValues) text += fmt::format(" or {} more", marks.size() - kMaxValues);
  return text;
}

// A node and all that is below it.
void AppendNode(const UserPlan& plan, uint32_t id, size_t indent, std::string& out) {
  const Index& index = plan.index;
  const Node& node = index.nodes[id];
  const std::string margin(indent, ' ');
  for (uint32_t i = node.leaves.begin; i < node.leaves.end; ++i) {
    const Leaf& leaf = index.leaves[i];
    out += fmt::format("{}judge \"{}\" {}\n", margin, plan.checked.rules[leaf.rule].rule.name.text,
                       ConditionText(leaf.condition));
  }
  for (uint32_t i = node.groups.begin; i < node.groups.end; ++i) {
    const Group& group = index.groups[i];
    std::map<uint32_t, std::vector<MarkId>> by_node;
    for (uint32_t at = group.branches.begin; at < group.branches.end; ++at)
      by_node[index.branches[at].node].push_back(index.branches[at].mark);
    for (const auto& [child, marks] : by_node) {
      out += fmt::format("{}slot {} has {}\n", margin, group.slot, MarksText(index, marks));
      AppendNode(plan, child, indent + 2, out);
    }
  }
  for (uint32_t i = node.switches.begin; i < node.switches.end; ++i) {
    const Switch& literal = index.switches[i];
    out += fmt::format("{}ask {}predicate {}\n", margin, literal.negated ? "not " : "", literal.predicate);
    AppendNode(plan, literal.node, indent + 2, out);
  }
}

// Types that share a tree stand together.
void AppendTree(const UserPlan& plan, const HookPlan& hook, std::string& out) {
  std::set<uint32_t> roots(hook.typed.begin(), hook.typed.end());
  roots.erase(kNoNode);
  for (const uint32_t root : roots) {
    std::string types;
    for (check::EventType type = 0; type < hook.typed.size(); ++type) {
      if (hook.typed[type] != root) continue;
      types += (types.empty() ? "" : ", ") +
               std::string(type == check::kNoType ? "no type" : check::EventName(type));
    }
    out += fmt::format("  at {}\n", types);
    AppendNode(plan, root, 4, out);
  }
  if (hook.untyped == kNoNode) return;
  out += "  at every type\n";
  AppendNode(plan, hook.untyped, 4, out);
}

void AppendHook(const UserPlan& plan, const HookPlan& hook, std::string& out) {
  const auto name = [&](check::RuleId rule) { return plan.checked.rules[rule].rule.name.text; };
  if (hook.hook == check::kNoHook) {
    out += "without a hook\n";
  } else {
    out += fmt::format("hook {}\n", check::FindHook(hook.hook)->name);
  }
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    for (uint32_t i = hook.bits[bit].begin; i < hook.bits[bit].end; ++i) {
      const Candidate& candidate = hook.candidates[i];
      out +=
          fmt::format("  bit {}: \"{}\" {}\n", bit, name(candidate.rule), ConditionText(candidate.residue));
    }
  }
  for (uint32_t bit = 0; bit < hook.bit_nodes.size(); ++bit) {
    if (hook.bit_nodes[bit] == kNoNode) continue;
    out += fmt::format("  behind bit {}\n", bit);
    AppendNode(plan, hook.bit_nodes[bit], 4, out);
  }
  for (const Candidate& rule : hook.rules) {
    out += fmt::format("  whole: \"{}\" {}\n", name(rule.rule), ConditionText(rule.whole));
  }
  AppendTree(plan, hook, out);
}

}  // namespace

std::string Print(const UserPlan& plan) {
  std::string out;
  std::set<check::PredicateId> used;
  for (const Step& step : plan.steps) used.insert(step.predicate);
  for (const check::PredicateId id : used) {
    out += fmt::format("predicate {}: {}  slot {}", id, PredicateText(plan.checked.predicates[id]),
                       plan.left_slot[id]);
    if (plan.right_slot[id] != kNoSlot) out += fmt::format(" and {}", plan.right_slot[id]);
    out += '\n';
  }
  AppendConditions(plan, out);
  for (const HookPlan& hook : plan.hooks) {
    if (!hook.rules.empty()) AppendHook(plan, hook, out);
  }
  out += fmt::format("slots: {}{}{}\n", plan.slots.size(), plan.needs_env ? ", environment" : "",
                     plan.needs_cwd ? ", working directory" : "");
  return out;
}

}  // namespace sluice::uplan
