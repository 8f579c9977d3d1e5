// sink/body.h - alerts as the body of a webhook's request.
//
//   falco         Falco's JSON object, as its own HTTP output; several alerts: an array
//   slack         a message with an attachment an alert
//   alertmanager  Alertmanager's API v2
//   otlp          OpenTelemetry logs, OTLP/HTTP with JSON
//   template      the configuration's text with `{{KEY}}` filled in; several alerts: an array of them
//
// In a template KEY is a key of the alert's JSON, an output field, or `alert` for the whole object. A text is
// filled in escaped for a JSON string, without quotes; anything else as JSON. An absent key is empty.
//
// Threads: pure functions. Errors: none.
#pragma once

#include <string>
#include <string_view>

#include "runtime/sink/delivery.h"

namespace sluice::sink {

std::string WebhookBody(const config::Webhook& options, const Batch& batch);

}  // namespace sluice::sink
