#include "cli/replay_capture.h"

#include <fmt/format.h>

#include "cli/rules.h"
#include "cli/verbs.h"
#include "runtime/capture/writer.h"
#include "runtime/replay.h"

namespace sluice::cli {

int ReplayCapture(const std::string& path, std::unique_ptr<Compilation> compilation, const Options& compile,
                  const Raise& raise, uint64_t& suppressed) {
  ReplayOptions options;
  options.fingerprint = capture::FingerprintOf(*compilation);
  options.grow = Recompiling(*compilation, compile);
  options.plan = std::make_shared<const uplan::UserPlan>(std::move(compilation->user));
  options.raise = raise;
  const source::Result<Replayed> done = Replay(path, options);
  if (!done.ok()) {
    TellError(done.status());
    return kUsage;
  }
  suppressed = done->suppressed;
  if (done->lacks_events)
    Tell(fmt::format(
        "{}: warning: recorded with other rules; events that those did not ask for are not in it\n", path));
  if (done->sets_failed)
    Tell(
        fmt::format("{}: warning: the rules do not compile with all that alerts added to sets, and are asked "
                    "without it\n",
                    path));
  if (done->left_out != 0)
    Tell(fmt::format("{}: warning: {} left out by the recorder, which could not keep up\n", path,
                     Count(done->left_out, "record")));
  if (done->undecodable != 0)
    TellError(fmt::format("{}: {} left out", path, Count(done->undecodable, "record that does not parse")));
  if (!done->read.ok()) TellError(fmt::format("{}: {}", path, MessageOf(done->read)));
  return done->read.ok() && done->undecodable == 0 ? kFine : kUsage;
}

}  // namespace sluice::cli
