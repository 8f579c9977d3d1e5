#include "runtime/sink/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "runtime/alert/text.h"

namespace sluice::sink {
namespace {

namespace fs = std::filesystem;

// Left by an output that was renamed, removed or lost its spool.
void TellStranded(const config::Config& config, const std::string& folder, const Log& log) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    std::error_code no_folder;
    const bool used = std::any_of(
        config.outputs.begin(), config.outputs.end(),
        [&name](const config::Output& output) { return output.spool.enabled && output.name == name; });
    if (used || !at->is_directory(no_folder)) continue;
    const std::string shown = alert::Printable(at->path().string());
    const source::Result<uint64_t> waiting = Spool::Waiting(at->path());
    if (!waiting.ok()) {
      log(Severity::kWarning,
          fmt::format("no output uses the spool {}, and what waits there cannot be counted: {}", shown,
                      std::string(waiting.status().message())));
    } else if (*waiting > 0) {
      log(Severity::kWarning,
          fmt::format("alerts that wait in {} and are not delivered: {}; no output named `{}` "
                      "has a spool. Configure one to "
                      "deliver them, or remove the folder",
                      shown, *waiting, alert::Printable(name)));
    }
  }
}

}  // namespace

source::Result<std::unique_ptr<Outputs>> Outputs::Open(const config::Config& config, const Log& log) {
  std::unique_ptr<Outputs> outputs(new Outputs(config.drain_ns));
  const std::string spools = config.state_directory + "/outputs";
  if (!config.state_directory.empty()) TellStranded(config, spools, log);
  for (const config::Output& options : config.outputs) {
    source::Result<std::unique_ptr<Output>> output =
        Output::Open(options, fmt::format("{}/{}", spools, options.name), MakeDestination(options), log);
    if (!output.ok()) return output.status();
    outputs->outputs_.push_back(std::move(*output));
  }
  return outputs;
}

Outputs::~Outputs() {
  for (std::unique_ptr<Output>& output : outputs_) {
    output->BeginClose(std::chrono::steady_clock::now());
    output->Finish();
    if (output->hangs()) static_cast<void>(output.release());  // its threads use it
  }
}

void Outputs::Push(const alert::Alert& alert, const std::string& json) {
  const auto shared = std::make_shared<const alert::Alert>(alert);
  for (const auto& output : outputs_) output->Push(shared, json);
}

bool Outputs::WaitForRoom(std::chrono::milliseconds timeout) {
  for (const auto& output : outputs_) {
    if (!output->WaitForRoom(timeout)) return false;
  }
  return true;
}

void Outputs::Reopen() {
  for (const auto& output : outputs_) output->Reopen();
}

std::vector<OutputStats> Outputs::Stats() const {
  std::vector<OutputStats> stats;
  for (const auto& output : outputs_) stats.push_back(output->stats());
  return stats;
}

void Outputs::Hurry() {
  for (const auto& output : outputs_) output->Hurry();
}

std::vector<OutputStats> Outputs::Close() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(drain_ns_);
  std::vector<OutputStats> stats;
  for (const auto& output : outputs_) output->BeginClose(deadline);
  for (const auto& output : outputs_) stats.push_back(output->Finish());
  return stats;
}

}  // namespace sluice::sink
