// replay_capture.h - the alerts of a capture that `sluice record` wrote.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "compiler/compile.h"
#include "runtime/alert/alert.h"

namespace sluice::cli {

// Gets an alert; one of the agent's own that stands in the capture comes with its JSON object, and of the alert itself
// with no more than what filters look at.
using Raise = std::function<void(const alert::Alert&, const std::string& json)>;

// Alerts of the rules over the capture, in order, and how many the rules' throttles held back. With
// the rules that it was recorded with they are those of the recording, byte for byte. Returns an exit status: a
// capture that cannot be read, or not to its end, has been told. `compile`: how the rules were compiled.
int ReplayCapture(const std::string& path, std::unique_ptr<Compilation> compilation, const Options& compile,
                  const Raise& raise, uint64_t& suppressed);

}  // namespace sluice::cli
