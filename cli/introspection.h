// introspection.h - metrics over HTTP, the control socket and what systemd is told, for as long as the object lives.
#pragma once

#include <memory>
#include <optional>

#include "runtime/config/config.h"
#include "runtime/status/control.h"
#include "runtime/status/http.h"
#include "runtime/status/service.h"

namespace sluice::cli {

struct Introspection {
  std::unique_ptr<status::HttpServer> http;
  std::unique_ptr<status::ControlSocket> control;
  std::unique_ptr<status::Service> service;  // never null
};

// A running agent has a control socket even when none is configured, if that can be had.
enum class Agent : uint8_t { kRun, kReplay };

// Nothing after a fault that has been told: then `exit_status` is set. `engine` and the commands may be null.
std::optional<Introspection> Introspect(const config::Config& config, Agent agent,
                                        const std::function<EngineSnapshot()>& engine,
                                        const status::Commands& commands, const sink::Outputs& outputs,
                                        int& exit_status);

}  // namespace sluice::cli
