// alert/own.h - alerts of the agent's own: about itself, not about an event that a rule matched.
//
// Threads: any. Errors: none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/alert/alert.h"

namespace sluice::alert {

// "Sluice internal: `what`", from now, with `evt.time` for its first field; the rest is the caller's to fill in. `topic` begins its id,
// which no other alert has.
Alert Own(std::string_view what, ast::Priority priority, std::string_view topic, const Host& host,
          int64_t now_boot_ns);

OutputField NumberField(std::string name, int64_t number);
OutputField TextField(std::string name, std::string text);

}  // namespace sluice::alert
