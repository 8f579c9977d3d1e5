#include "cli/introspection.h"

#include <fmt/format.h>

#include "cli/log.h"
#include "cli/rules.h"
#include "cli/verbs.h"

namespace sluice::cli {

std::optional<Introspection> Introspect(const config::Config& config, Agent agent,
                                        const std::function<EngineSnapshot()>& engine,
                                        const status::Commands& commands, const sink::Outputs& outputs,
                                        int& exit_status) {
  const int64_t started_ns = status::OfThisProcess(SLUICE_VERSION, 0).now_ns;
  const status::Source source = [engine, &outputs, started_ns] {
    status::Status status = status::OfThisProcess(SLUICE_VERSION, started_ns);
    if (engine) status.engine = engine();
    status.outputs = outputs.Stats();
    return status;
  };
  const auto failed = [&exit_status](const source::Status& fault) {
    TellError(fault);
    exit_status = kHost;
    return std::nullopt;
  };
  Introspection introspection;
  auto service = status::Service::Open(source);
  if (!service.ok()) return failed(service.status());
  introspection.service = std::move(*service);
  if (!config.metrics_address.empty()) {
    auto http = status::HttpServer::Open(config.metrics_address, source,
                                         [](const std::string& what) { Log(Severity::kWarning, what); });
    if (!http.ok()) return failed(http.status());
    introspection.http = std::move(*http);
  }
  const bool asked = !config.control_socket.empty();
  if (!asked && agent == Agent::kReplay) return introspection;
  auto control =
      status::ControlSocket::Open(asked ? config.control_socket : status::kDefaultSocket, source, commands);
  if (control.ok()) {
    introspection.control = std::move(*control);
  } else if (asked) {
    return failed(control.status());
  } else {
    Log(Severity::kWarning, fmt::format("no control socket: {}", MessageOf(control.status())));
  }
  return introspection;
}

}  // namespace sluice::cli
