// outputs.h - what verbs that send alerts share.
#pragma once

#include <memory>

#include "runtime/sink/outputs.h"

namespace sluice::cli {

// Null after a fault that has been told: then `status` is set.
std::unique_ptr<sink::Outputs> OpenOutputs(const config::Config& config, int& status);

// A line for all outputs, and one for each.
void TellOutputs(const std::vector<sink::OutputStats>& outputs);

}  // namespace sluice::cli
