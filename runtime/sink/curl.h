// sink/curl.h - libcurl handles as all destinations want them. Private to sink/.
//
// Threads: a handle belongs to one thread; NewCurl() from any. Errors: null when libcurl cannot start.
#pragma once

#include <curl/curl.h>

#include <memory>

#include "runtime/sink/delivery.h"

namespace sluice::sink {

struct CurlClose {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using CurlHandle = std::unique_ptr<CURL, CurlClose>;

using CurlLong = long;  // NOLINT(google-runtime-int): what libcurl's numeric options take

// No signals, no wait for a name server past the time limit, no proxy from the environment, nothing but HTTP and HTTPS; transfers end with `cancel`, which
// has to live as long.
CurlHandle NewCurl(const Cancel& cancel);
// TLS 1.2 at least.
void SetTls(CURL* curl, const config::Tls& tls);

}  // namespace sluice::sink
