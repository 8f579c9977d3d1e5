// outputs.h - what verbs that send alerts share.
#pragma once

#include <memory>

#include "runtime/sink/outputs.h"

namespace sluice::cli {

// Null after a fault that has been told: then `status` is set.
std::unique_ptr<sink::Outputs> OpenOutputs(const config::Config& config, int& status);

// A line for all outputs, one for what rules' throttles held back, when that is not zero, and one for each output.
void TellOutputs(const std::vector<sink::OutputStats>& outputs, uint64_t suppressed);

}  // namespace sluice::cli
