// The stages as JSON, for tools. nlohmann-json stays in this file.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "compiler/explain.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

template <typename List, typename Show>
Json Listed(const List& list, const Show& show) {
  Json json = Json::array();
  for (const auto& item : list) json.push_back(show(item));
  return json;
}

// ---- parse: what was written --------------------------------------------------------------------------

class WrittenJson {
 public:
  explicit WrittenJson(const source::Files& files) : files_(files) {}

  Json Of(const ast::RuleSet& rules) const {
    return {{"lists", Listed(rules.lists, [this](const ast::List& list) { return Of(list); })},
            {"macros", Listed(rules.macros, [this](const ast::Macro& macro) { return Of(macro); })},
            {"rules", Listed(rules.rules, [this](const ast::Rule& rule) { return Of(rule); })},
            {"tests", Listed(rules.tests, [this](const ast::Test& test) { return Of(test); })}};
  }

 private:
  std::string At(const source::Span& span) const {
    const source::Span place = files_.Resolve(span);
    if (!place.valid()) return "";
    const source::Position position = files_.PositionOf(place.file, place.begin);
    return fmt::format("{}:{}:{}", files_.name(place.file), position.line, position.column);
  }

  static Json Words(const std::vector<ast::Word>& words) {
    return Listed(words, [](const ast::Word& word) { return Json(word.text); });
  }

  Json Of(const ast::List& list) const {
    return {{"name", list.name.text}, {"at", At(list.span)}, {"items", Words(list.items)}};
  }

  Json Of(const ast::Macro& macro) const {
    return {{"name", macro.name.text}, {"at", At(macro.span)}, {"condition", Of(macro.condition)}};
  }

  Json Of(const ast::Rule& rule) const {
    return {{"name", rule.name.text},
            {"at", At(rule.span)},
            {"desc", rule.desc.text},
            {"condition", Of(rule.condition)},
            {"output", rule.output.text},
            {"priority", ast::PriorityName(rule.priority)},
            {"action", ast::ActionName(rule.action)},
            {"errno", rule.errno_value},
            {"on_unknown", rule.on_unknown == ast::OnUnknown::kDeny ? "deny" : "allow"},
            {"mode", rule.mode == ast::Mode::kAudit ? "audit" : "enforce"},
            {"tags", Words(rule.tags)},
            {"enabled", rule.enabled},
            {"source", ast::SourceOf(rule)},
            {"exceptions", Listed(rule.exceptions, [this](const ast::Exception& e) { return Of(e); })}};
  }

  Json Of(const ast::Exception& exception) const {
    const auto row = [](const std::vector<std::vector<ast::Word>>& fields) { return Listed(fields, Words); };
    return {{"name", exception.name.text},
            {"fields", Listed(exception.fields, [this](const ast::Operand& field) { return Of(field); })},
            {"comps", Words(exception.comps)},
            {"values", Listed(exception.values, row)}};
  }

  Json Of(const ast::Test& test) const {
    const auto event = [this](const ast::TestEvent& written) {
      Json values = Json::object();
      for (const ast::TestValue& value : written.values)
        values[value.key.text] = value.array ? Words(value.words) : Json(value.words.front().text);
      Json json = {{"at", At(written.span)}};
      if (written.chain.empty()) {
        json["type"] = written.type.text;
      } else {
        json["chain"] = Words(written.chain);
      }
      json["values"] = std::move(values);
      return json;
    };
    const auto expectation = [](const ast::Expectation& expected) {
      Json json = {{"what", ast::ExpectedName(expected.what)}};
      if (ast::NamesRule(expected.what)) json["rule"] = expected.rule.text;
      if (expected.output) json["output"] = expected.output->text;
      if (expected.times) json["times"] = *expected.times;
      return json;
    };
    Json json = {{"name", test.name.text},
                 {"at", At(test.span)},
                 {"events", Listed(test.events, event)},
                 {"expect", Listed(test.expectations, expectation)}};
    if (test.capture) json["capture"] = test.capture->text;
    if (test.trigger) json["trigger"] = test.trigger->text;
    return json;
  }

  Json Of(const ast::Expr& expr) const {
    const auto all = [this](const std::vector<ast::Expr>& children) {
      return Listed(children, [this](const ast::Expr& child) { return Of(child); });
    };
    switch (expr.kind) {
      case ast::Expr::Kind::kAnd:
        return {{"and", all(expr.children)}};
      case ast::Expr::Kind::kOr:
        return {{"or", all(expr.children)}};
      case ast::Expr::Kind::kNot:
        return {{"not", Of(expr.children.front())}};
      case ast::Expr::Kind::kMacro:
        return {{"macro", expr.macro->text}, {"at", At(expr.span)}};
      case ast::Expr::Kind::kCheck:
        break;
    }
    return expr.check ? Of(*expr.check, expr.span) : Json(nullptr);
  }

  Json Of(const ast::Check& check, const source::Span& span) const {
    static constexpr const char* kQuantifiers[] = {"", "oneof", "anyof", "allof"};
    Json json = {{"op", ast::OpName(check.op)}, {"left", Of(check.left)}};
    if (check.quantifier != ast::Quantifier::kNone)
      json["quantifier"] = kQuantifiers[static_cast<size_t>(check.quantifier)];
    if (check.right) {
      json["right"] = Of(*check.right);
    } else if (check.op != ast::Op::kExists) {
      json["values"] = Words(check.values);
    }
    json["at"] = At(span);
    return json;
  }

  Json Of(const ast::Operand& operand) const {
    const auto all = [this](const std::vector<ast::Operand>& operands) {
      return Listed(operands, [this](const ast::Operand& one) { return Of(one); });
    };
    switch (operand.kind) {
      case ast::Operand::Kind::kField: {
        Json json = {{"field", operand.field.name.text}};
        if (operand.field.argument) json["argument"] = operand.field.argument->text;
        return json;
      }
      case ast::Operand::Kind::kLiteral:
        return operand.literal->text;
      case ast::Operand::Kind::kTuple:
        return all(operand.tuple);
      case ast::Operand::Kind::kTransform:
        break;
    }
    Json json = {{"transform", operand.transform->name.text},
                 {"arguments", all(operand.transform->arguments)}};
    if (operand.transform->index) json["index"] = operand.transform->index->text;
    return json;
  }

  const source::Files& files_;
};

// ---- check, norm: conditions over predicates --------------------------------------------------------------

Json ToJson(const check::Condition& condition, const check::CheckedRules& checked) {
  const auto child = [&](const check::Condition& one) { return ToJson(one, checked); };
  switch (condition.kind) {
    case check::Condition::Kind::kTrue:
      return true;
    case check::Condition::Kind::kFalse:
      return false;
    case check::Condition::Kind::kAnd:
      return {{"and", Listed(condition.children, child)}};
    case check::Condition::Kind::kOr:
      return {{"or", Listed(condition.children, child)}};
    case check::Condition::Kind::kNot:
      return {{"not", child(condition.children.front())}};
    case check::Condition::Kind::kPredicate:
      break;
  }
  return {{"predicate", check::Print(checked.predicates[condition.predicate])}, {"id", condition.predicate}};
}

Json ToJson(const norm::Condition& condition, const check::CheckedRules& checked) {
  const auto child = [&](const norm::Condition& one) { return ToJson(one, checked); };
  switch (condition.kind) {
    case norm::Condition::Kind::kTrue:
      return true;
    case norm::Condition::Kind::kFalse:
      return false;
    case norm::Condition::Kind::kAnd:
      return {{"and", Listed(condition.children, child)}};
    case norm::Condition::Kind::kOr:
      return {{"or", Listed(condition.children, child)}};
    case norm::Condition::Kind::kLiteral:
      break;
  }
  return {{"predicate", check::Print(checked.predicates[condition.predicate])},
          {"id", condition.predicate},
          {"negated", condition.negated}};
}

template <typename ConditionOf>
Json RulesJson(const check::CheckedRules& checked, const ConditionOf& condition_of) {
  Json rules = Json::array();
  for (check::RuleId id = 0; id < checked.rules.size(); ++id) {
    const ast::RuleKeys& rule = checked.rules[id].rule;
    rules.push_back({{"name", rule.name.text},
                     {"action", ast::ActionName(rule.action)},
                     {"condition", ToJson(condition_of(id), checked)}});
  }
  return {{"rules", std::move(rules)}};
}

// ---- split: what the kernel decides -----------------------------------------------------------------------

std::string NetText(const check::Net& net) {
  char text[INET6_ADDRSTRLEN] = "";
  const uint8_t* bytes = net.address.bytes.data();
  inet_ntop(net.address.v4 ? AF_INET : AF_INET6, net.address.v4 ? bytes + 12 : bytes, text, sizeof text);
  return fmt::format("{}/{}", text, net.prefix);
}

Json ToJson(const split::Test& test) {
  Json json = Json::object();
  if (!test.strings.empty()) json["strings"] = test.strings;
  if (!test.ranges.empty()) json["ranges"] = test.ranges;
  if (!test.types.empty()) json["types"] = Listed(test.types, check::EventName);
  if (test.flags != 0) json["flags"] = test.flags;
  if (test.flags != 0) json["word"] = test.word;
  if (!test.nets.empty()) json["nets"] = Listed(test.nets, NetText);
  if (test.atom) json["atom"] = *test.atom;
  json["complement"] = test.complement;
  json["negated"] = test.negated;
  return json;
}

Json ToJson(const split::KernelCondition& condition) {
  return Listed(condition, [](const split::AnyOf& any_of) {
    return Json{{"lookup", split::LookupName(any_of.lookup)},
                {"any_of", Listed(any_of.tests, [](const split::Test& test) { return ToJson(test); })}};
  });
}

std::string_view HookName(check::HookId hook) {
  const check::HookRow* row = check::FindHook(hook);
  return row == nullptr ? std::string_view("image") : row->name;
}

Json ToJson(const split::HookPartition& hook, const check::CheckedRules& checked) {
  Json bits = Json::array();
  size_t next = 0;
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    Json rules = Json::array();
    for (; next < hook.entries.size() && hook.entries[next].bit == bit; ++next) {
      const split::Entry& entry = hook.entries[next];
      rules.push_back({{"rule", checked.rules[entry.rule].rule.name.text},
                       {"judge_whole", entry.judge_whole},
                       {"residue", ToJson(entry.residue, checked)}});
    }
    bits.push_back({{"bit", bit}, {"condition", ToJson(hook.bits[bit])}, {"rules", std::move(rules)}});
  }
  return {{"hook", HookName(hook.hook)}, {"bits", std::move(bits)}};
}

Json ToJson(const split::Partition& partition) {
  Json hooks = Json::array(), atoms = Json::array();
  for (const split::HookPartition& hook : partition.hooks) {
    if (hook.hook != SLUICE_HOOK_IMAGE) hooks.push_back(ToJson(hook, partition.normal.checked));
  }
  for (const split::KernelCondition& atom : partition.atoms) atoms.push_back(ToJson(atom));
  return {{"atoms", std::move(atoms)}, {"hooks", std::move(hooks)}};
}

// ---- kplan: what the maps hold ----------------------------------------------------------------------------

Json BitsOf(const __u64* words) {
  Json bits = Json::array();
  for (uint32_t bit = 0; bit < SLUICE_CLAUSES; ++bit) {
    if ((words[bit / 64] >> (bit % 64) & 1) != 0) bits.push_back(bit);
  }
  return bits;
}

// An IPv4 address is looked up as its IPv4-mapped IPv6 address.
constexpr uint8_t kMappedBits = 96;
constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

class KernelPlanJson {
 public:
  KernelPlanJson(const kplan::KernelPlan& plan, const split::Partition& partition)
      : plan_(plan), partition_(partition) {
    for (const auto& [key, id] : plan.short_exact) AddValue(key.lookup, id, key.value, sizeof key.value);
    for (const auto& [key, id] : plan.long_exact) AddValue(key.lookup, id, key.value, sizeof key.value);
    for (const auto& [key, id] : plan.prefixes)
      values_[key.lookup][id].emplace_back(key.value, (key.prefixlen - 32) / 8);
    for (const auto& [key, id] : plan.suffixes) {
      std::string& value = values_[key.lookup][id].emplace_back(key.value, (key.prefixlen - 32) / 8);
      std::reverse(value.begin(), value.end());
    }
    for (const auto& [key, id] : plan.nets) {
      check::Net net;
      std::memcpy(net.address.bytes.data(), key.address, sizeof key.address);
      net.prefix = static_cast<uint8_t>(key.prefixlen - 32);
      net.address.v4 =
          net.prefix >= kMappedBits && std::equal(std::begin(kMapped), std::end(kMapped), key.address);
      if (net.address.v4) net.prefix -= kMappedBits;
      values_[key.lookup][id].push_back(NetText(net));
    }
  }

  Json Make() const {
    return {{"hooks",
             Listed(partition_.hooks, [this](const split::HookPartition& hook) { return Of(hook.hook); })},
            {"mitigations", Listed(plan_.mitigations, [](const kplan::Mitigation& m) { return Of(m); })},
            {"sizes",
             {{"classes", plan_.classes.size()},
              {"dense", plan_.dense.size()},
              {"intervals", plan_.intervals.size()},
              {"exact", plan_.short_exact.size()},
              {"long_exact", plan_.long_exact.size()},
              {"prefixes", plan_.prefixes.size()},
              {"suffixes", plan_.suffixes.size()},
              {"nets", plan_.nets.size()}}}};
  }

 private:
  void AddValue(uint32_t lookup, uint32_t id, const char* value, size_t most) {
    values_[lookup][id].emplace_back(value, strnlen(value, most));
  }

  Json Set(uint32_t class_id) const { return BitsOf(plan_.classes[class_id].words); }

  static Json Of(const kplan::Mitigation& mitigation) {
    const sluice_mitigation& bounds = mitigation.bounds;
    static constexpr const char* kScopes[] = {"all", "uid", "cgroup", "percent"};
    return {{"rule", mitigation.name},
            {"mode", mitigation.audited ? "audit" : "enforce"},
            {"scope", kScopes[bounds.scope]},
            {"scope_value", bounds.scope_value},
            {"fuse_count", bounds.fuse_count},
            {"fuse_counts", bounds.fuse_processes != 0 ? "processes" : "refusals"},
            {"fuse_period_ns", bounds.fuse_period_ns}};
  }

  Json Of(check::HookId hook) const {
    const sluice_hook_config& config = plan_.hooks[hook];
    Json lookups = Json::array();
    for (uint32_t lookup = 0; lookup < SLUICE_LOOKUPS; ++lookup) {
      if ((config.used >> lookup & 1) != 0) lookups.push_back(Of(hook, config, lookup));
    }
    return {{"hook", HookName(hook)},
            {"clauses", BitsOf(config.all.words)},
            {"deny", BitsOf(config.deny)},
            {"kill", BitsOf(config.kill)},
            {"unknown_deny", BitsOf(config.unknown_deny)},
            {"lookups", std::move(lookups)}};
  }

  Json Of(check::HookId hook, const sluice_hook_config& config, uint32_t lookup) const {
    const sluice_lookup_classes& row = config.lookups[lookup];
    Json entries = Json::array();
    const auto add = [&](const Json& value, uint32_t id) {
      entries.push_back({{"value", value}, {"clauses", Set(id)}});
    };
    if (lookup == SLUICE_LOOKUP_TYPE) {
      for (uint32_t type = 1; type < config.type_count; ++type) {
        const uint32_t id = plan_.dense[config.type_base + type];
        if (id != row.other) add(check::EventName(static_cast<check::EventType>(type)), id);
      }
    } else if (lookup == SLUICE_LOOKUP_BITS) {
      for (uint32_t index = 0; index < config.bits_count; ++index)
        add(index, plan_.dense[config.bits_base + index]);
    } else if (lookup < SLUICE_LOOKUP_LINEAGE) {
      const uint32_t subject = lookup - SLUICE_LOOKUP_INT;
      for (uint32_t i = 0; i < config.int_count[subject]; ++i) {
        const sluice_interval& interval = plan_.intervals[config.int_base[subject] + i];
        add({{"from", interval.first}}, interval.class_id);
      }
    } else if (split::HasAtoms(lookup)) {
      AddAtoms(config, kplan::PlaceOfAtoms(lookup), add);
    } else if (const auto found = values_.find(hook * SLUICE_LOOKUPS + lookup); found != values_.end()) {
      for (const auto& [id, values] : found->second) {
        for (const std::string& value : values) add(value, id);
      }
    }
    return {{"lookup", split::LookupName(lookup)},
            {"other", Set(row.other)},
            {"absent", Set(row.absent)},
            {"users", Set(row.users)},
            {"entries", std::move(entries)}};
  }

  template <typename Add>
  void AddAtoms(const sluice_hook_config& config, uint32_t place, const Add& add) const {
    for (uint32_t atom = 0; atom < SLUICE_ATOMS; ++atom) {
      if ((config.atoms_used[place] >> atom & 1) == 0) continue;
      const uint32_t base = config.atoms_base[place] + 2 * atom;
      add({{"atom", atom}, {"set", false}}, plan_.dense[base]);
      add({{"atom", atom}, {"set", true}}, plan_.dense[base + 1]);
    }
  }

  const kplan::KernelPlan& plan_;
  const split::Partition& partition_;
  std::map<uint32_t, std::map<uint32_t, std::vector<std::string>>> values_;  // by key's lookup, by class
};

// ---- uplan: what the evaluator runs -----------------------------------------------------------------------

Json TargetJson(uint32_t target) {
  if (target == uplan::kAccept) return "accept";
  if (target == uplan::kReject) return "reject";
  return target;
}

Json ToJson(const uplan::UserPlan& plan, const uplan::HookPlan& hook) {
  const auto name = [&](check::RuleId rule) { return plan.checked.rules[rule].rule.name.text; };
  Json bits = Json::array();
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    for (uint32_t i = hook.bits[bit].begin; i < hook.bits[bit].end; ++i)
      bits.push_back(
          {{"bit", bit}, {"rule", name(hook.candidates[i].rule)}, {"condition", hook.candidates[i].residue}});
  }
  const auto whole = [&](const uplan::Candidate& rule) {
    return Json{{"rule", name(rule.rule)}, {"condition", rule.whole}};
  };
  return {{"hook", hook.hook == check::kNoHook ? Json(nullptr) : Json(HookName(hook.hook))},
          {"bits", std::move(bits)},
          {"whole", Listed(hook.rules, whole)}};
}

Json ToJson(const uplan::UserPlan& plan) {
  Json conditions = Json::array(), hooks = Json::array(), predicates = Json::array();
  for (check::PredicateId id = 0; id < plan.checked.predicates.size(); ++id)
    predicates.push_back(check::Print(plan.checked.predicates[id]));
  for (uplan::ConditionId id = 0; id < plan.conditions.size(); ++id) {
    Json steps = Json::array();
    for (uint32_t i = plan.conditions[id].begin; i < plan.conditions[id].end; ++i) {
      const uplan::Step& step = plan.steps[i];
      steps.push_back({{"step", i},
                       {"predicate", step.predicate},
                       {"negated", step.negated},
                       {"true", TargetJson(step.on_true)},
                       {"false", TargetJson(step.on_false)}});
    }
    conditions.push_back(std::move(steps));
  }
  for (const uplan::HookPlan& hook : plan.hooks) {
    if (!hook.rules.empty()) hooks.push_back(ToJson(plan, hook));
  }
  return {{"predicates", std::move(predicates)}, {"conditions", std::move(conditions)},
          {"hooks", std::move(hooks)},           {"slots", plan.slots.size()},
          {"needs_env", plan.needs_env},         {"needs_cwd", plan.needs_cwd}};
}

Json StageOf(const Compilation& compilation, std::string_view stage) {
  const norm::NormalRules& normal = compilation.partition.normal;
  const auto checked = [&](check::RuleId id) { return normal.checked.rules[id].condition; };
  const auto normalized = [&](check::RuleId id) { return normal.conditions[id]; };
  if (stage == "parse") return WrittenJson(compilation.files).Of(compilation.ast);
  if (stage == "check") return RulesJson(normal.checked, checked);
  if (stage == "norm") return RulesJson(normal.checked, normalized);
  if (stage == "split") return ToJson(compilation.partition);
  if (stage == "kplan") return KernelPlanJson(compilation.kernel, compilation.partition).Make();
  if (stage == "uplan") return ToJson(compilation.user);
  return nullptr;
}

}  // namespace

std::optional<std::string> StageJson(const Compilation& compilation, std::string_view stage) {
  const Json json = StageOf(compilation, stage);
  if (json.is_null()) return std::nullopt;
  // Values of rules are bytes; what is not UTF-8 is shown as U+FFFD.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sluice
