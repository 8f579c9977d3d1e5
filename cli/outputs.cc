#include "cli/outputs.h"

#include <fmt/format.h>

#include "cli/log.h"
#include "cli/rules.h"
#include "cli/verbs.h"

namespace sluice::cli {

std::unique_ptr<sink::Outputs> OpenOutputs(const config::Config& config, int& status) {
  source::Result<std::unique_ptr<sink::Outputs>> outputs =
      sink::Outputs::Open(config, [](Severity severity, const std::string& what) { Log(severity, what); });
  if (outputs.ok()) return std::move(*outputs);
  TellError(outputs.status());
  status = kHost;
  return nullptr;
}

void TellOutputs(const std::vector<sink::OutputStats>& outputs, uint64_t suppressed) {
  uint64_t raised = 0, delivered = 0, lost = 0;
  for (const sink::OutputStats& output : outputs) {
    raised += output.raised, delivered += output.delivered, lost += output.lost;
  }
  Tell(fmt::format("alerts raised={} delivered={} lost={}\n", raised, delivered, lost));
  if (suppressed > 0) Tell(fmt::format("throttle suppressed={}\n", suppressed));
  for (const sink::OutputStats& output : outputs) {
    Tell(fmt::format(
        "output name={} raised={} recovered={} delivered={} waiting={} dead_lettered={} lost={} "
        "filtered={} limited={} attempts={} failures={}\n",
        output.name, output.raised, output.recovered, output.delivered, output.waiting, output.dead_lettered,
        output.lost, output.filtered, output.limited, output.attempts, output.failures));
  }
}

}  // namespace sluice::cli
