// sink/webhook.h - alerts to a web server.
//
// 2xx is delivered. 400, 413 and 422 say that these very alerts are not wanted, now or later: refused. Everything else,
// redirects that are not followed among it, is a failure and comes again; Retry-After is honoured.
//
// Threads, errors: as Destination.
#pragma once

#include <memory>

#include "runtime/sink/delivery.h"

namespace sluice::sink {

std::unique_ptr<Destination> MakeWebhook(const config::Webhook& options);

// sha256=HEX, the signature of a body.
std::string HmacSignature(const std::string& secret, const std::string& body);

}  // namespace sluice::sink
