#include "runtime/sink/outputs.h"

namespace sluice::sink {

source::Result<std::unique_ptr<Outputs>> Outputs::Open(const config::Config& config, const Log& log) {
  std::unique_ptr<Outputs> outputs(new Outputs(config.drain_ns));
  for (const config::Output& options : config.outputs) {
    source::Result<std::unique_ptr<Output>> output = Output::Open(
        options, config.state_directory + "/outputs/" + options.name, MakeDestination(options), log);
    if (!output.ok()) return output.status();
    outputs->outputs_.push_back(std::move(*output));
  }
  return outputs;
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
