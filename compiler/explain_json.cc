// The explanation as JSON. nlohmann-json stays in this file.
#include <nlohmann/json.hpp>

#include "compiler/explain.h"

namespace sluice {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const std::vector<PredicateLine>& lines) {
  Json predicates = Json::array();
  for (const PredicateLine& line : lines) {
    Json predicate = {{"text", line.text}, {"where", line.where}};
    predicate[line.where == "kernel" ? "how" : "reason"] = line.why;
    if (!line.code.empty()) predicate["code"] = line.code;
    predicates.push_back(std::move(predicate));
  }
  return predicates;
}

Json ToJson(const HookLines& hook) {
  return {{"hook", hook.hook},
          {"exact", hook.exact},
          {"kernel", hook.kernel},
          {"asked", hook.asked},
          {"every_event", hook.every_event},
          {"predicates", ToJson(hook.predicates)}};
}

}  // namespace

std::string ExplainJson(const Compilation& compilation) {
  Json rules = Json::array();
  for (const RuleLines& rule : Explain(compilation)) {
    Json hooks = Json::array();
    for (const HookLines& hook : rule.hooks) hooks.push_back(ToJson(hook));
    rules.push_back({{"name", rule.name},
                     {"action", rule.action},
                     {"bounds", rule.bounds},
                     {"assumed", ToJson(rule.assumed)},
                     {"hooks", std::move(hooks)}});
  }
  // Values of rules are bytes; what is not UTF-8 is shown as U+FFFD.
  return Json{{"rules", std::move(rules)}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sluice
