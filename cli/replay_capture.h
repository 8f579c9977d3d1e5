// replay_capture.h - the alerts of a capture that `sluice record` wrote.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "compiler/compile.h"
#include "runtime/alert/alert.h"

namespace sluice::cli {

// Alerts of the rules over the capture, in order; `line` gets each as its line of JSON, without the newline. With
// the rules that it was recorded with they are those of the recording, byte for byte. Returns an exit status: a
// capture that cannot be read, or not to its end, has been told.
int ReplayCapture(const std::string& path, std::unique_ptr<Compilation> compilation,
                  const std::function<void(std::string_view line)>& line);

}  // namespace sluice::cli
