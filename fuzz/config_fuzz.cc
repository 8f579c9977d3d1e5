// Any text as a configuration file: it is read or told about, each complaint has a place and can be rendered.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "compiler/diag/render.h"
#include "runtime/config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  static const bool once = setenv("SECRET", "s3cret: \"x\"\n", 1) == 0;
  if (!once || size > 1 << 16) return 0;
  const int file = memfd_create("config", MFD_CLOEXEC);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  const auto loaded = config::Read("/proc/self/fd/" + std::to_string(file));
  close(file);
  if (!loaded.ok()) return 0;
  const config::Config& config = (*loaded)->config;
  const std::string text = diag::RenderText((*loaded)->diagnostics, (*loaded)->files, false);
  if ((*loaded)->diagnostics.ok()) {
    for (const config::Output& output : config.outputs) {
      const bool bounded = output.queue >= 1 && output.queue <= 1'000'000 && output.retry.initial_ns > 0 &&
                           output.retry.max_ns >= output.retry.initial_ns && output.batch_size >= 1;
      if (output.name.empty() || !bounded) std::abort();
    }
    if (config.drain_ns < 0 || config.state_directory.empty()) std::abort();
  } else if (text.find("error[") == std::string::npos) {
    std::abort();
  }
  return 0;
}
