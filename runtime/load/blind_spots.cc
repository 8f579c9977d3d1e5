#include "runtime/load/blind_spots.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::load {

std::string MissingHooksText(const split::Partition& partition, check::HookMask missing) {
  std::string text;
  for (const split::HookPartition& hook : partition.hooks) {
    if ((missing >> hook.hook & 1) == 0) continue;
    std::string rules;
    for (const auto& [rule, whole] : hook.whole) {
      rules += fmt::format("{}\"{}\"", rules.empty() ? "" : ", ",
                           partition.normal.checked.rules[rule].rule.name.text);
    }
    text += fmt::format("warning: this kernel has no hook {}, so that nothing is seen or refused there: {}\n",
                        check::FindHook(hook.hook)->name, rules);
  }
  return text;
}

std::string UnseenCallsText(const std::vector<std::string>& calls) {
  if (calls.empty()) return "";
  return fmt::format(
      "warning: this kernel has no function to watch for {}, so that rules about {} see nothing of {}\n",
      fmt::join(calls, ", "), calls.size() == 1 ? "this call" : "these calls",
      calls.size() == 1 ? "it" : "them");
}

}  // namespace sluice::load
