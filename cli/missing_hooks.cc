#include "cli/missing_hooks.h"

#include <fmt/format.h>

namespace sluice::cli {

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

}  // namespace sluice::cli
