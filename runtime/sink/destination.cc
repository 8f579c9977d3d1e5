#include <unistd.h>

#include <cstdlib>

#include "runtime/sink/delivery.h"
#include "runtime/sink/lines.h"
#include "runtime/sink/syslog.h"
#include "runtime/sink/webhook.h"

namespace sluice::sink {
namespace {

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// Text for people at a terminal, JSON for whatever else reads.
LineForm FormOfStdout(config::Format format) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  if (format == config::Format::kJson || (format == config::Format::kAuto && !terminal))
    return LineForm::kJson;
  return !IsSet("NO_COLOR") && (terminal || IsSet("CLICOLOR_FORCE")) ? LineForm::kColourText
                                                                     : LineForm::kText;
}

}  // namespace

std::unique_ptr<Destination> MakeDestination(const config::Output& output) {
  const bool text = output.format == config::Format::kText;
  switch (output.type) {
    case config::OutputType::kStdout:
      return std::make_unique<StdoutLines>(STDOUT_FILENO, FormOfStdout(output.format));
    case config::OutputType::kFile:
      return std::make_unique<FileLines>(output.path, text ? LineForm::kText : LineForm::kJson);
    case config::OutputType::kSyslog:
      return MakeSyslog(output.syslog, text);
    case config::OutputType::kWebhook:
      return MakeWebhook(output.webhook);
  }
  return nullptr;
}

}  // namespace sluice::sink
