// unpin.cc - sluice unpin: takes away what an agent with `pin: true` left in force when it ended.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <numeric>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "runtime/load/pins.h"

namespace sluice::cli {
namespace {

int Unpin() {
  const source::Result<std::unique_ptr<load::Pins>> pins = load::Pins::Open(load::kPinFolder);
  if (!pins.ok()) {
    TellError(pins.status());
    return kHost;
  }
  const source::Result<load::TakenOver> taken = (*pins)->TakeAwayOthers();
  if (!taken.ok()) {
    TellError(taken.status());
    return kHost;
  }
  const uint64_t mitigated = std::accumulate(taken->mitigated.begin(), taken->mitigated.end(), uint64_t{0});
  Tell(fmt::format("sluice: {} taken away; {} refused or killed that no agent told of\n",
                   Count(taken->programs, "program"), Count(mitigated, "call")));
  for (const std::string& path : taken->strangers)
    Tell(fmt::format("sluice: {} is not an agent's and stays\n", path));
  return kFine;
}

}  // namespace

Verb AddUnpin(CLI::App& app) {
  app.footer("Needs root, and that no agent with `pin: true` runs. Afterwards nothing is denied or killed.");
  return [] { return Unpin(); };
}

}  // namespace sluice::cli
