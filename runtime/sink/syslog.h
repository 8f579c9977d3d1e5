// sink/syslog.h - alerts to a syslog receiver: the local socket, UDP, TCP or TLS.
//
// Syslog has no answer. Of a stream, a batch counts as delivered once the receiver's kernel has confirmed every
// byte and the connection has stayed open for `settle` after that; a receiver that is stopped in between
// gets the batch again. A datagram counts as delivered when the kernel took it, so UDP may lose what the network
// drops.
//
// Threads, errors: as Destination.
#pragma once

#include <memory>

#include "runtime/sink/delivery.h"

namespace sluice::sink {

std::unique_ptr<Destination> MakeSyslog(const config::Syslog& options, bool text);

}  // namespace sluice::sink
