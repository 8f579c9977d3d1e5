// sink/syslog_message.h - an alert as a syslog message.
//
// RFC 5424: `<PRI>1 TIME HOST APP PID DECISION [ID id="..." rule="..." ...] text`; the output's fields are
// parameters of the structured data. RFC 3164: `<PRI>Mmm dd hh:mm:ss HOST APP[PID]: text`, local time. The text
// is the alert's output, or its JSON object.
//
// Threads: pure functions. Time: from the alert.
// Errors:  none. A message that is too long loses what it can spare first: of JSON the ancestors, then the fields;
//          of structured data the last parameters; then the end of its text.
#pragma once

#include <string>

#include "runtime/config/config.h"

namespace sluice::sink {

// Without framing; never a line break or another control character.
std::string SyslogMessage(const config::Syslog& options, bool text, const std::string& alert_json,
                          int process_id);

// As RFC 6587: `LENGTH MESSAGE`, or `MESSAGE\n`.
std::string Framed(const std::string& message, config::Syslog::Framing framing);

}  // namespace sluice::sink
