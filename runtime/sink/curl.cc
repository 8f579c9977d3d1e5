#include "runtime/sink/curl.h"

#include <mutex>

namespace sluice::sink {
namespace {

int Progress(void* cancel, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const Cancel*>(cancel) ? 1 : 0;
}

}  // namespace

CurlHandle NewCurl(const Cancel& cancel) {
  static std::once_flag started;
  std::call_once(started, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  CurlHandle handle(curl_easy_init());
  CURL* curl = handle.get();
  if (curl == nullptr) return handle;
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a name server that is silent is not waited for
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // with the next line: the environment's variables are not asked
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, Progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &cancel);
  return handle;
}

void SetTls(CURL* curl, const config::Tls& tls) {
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<CurlLong>(CURL_SSLVERSION_TLSv1_2));
  if (!tls.ca.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, tls.ca.c_str());
  if (!tls.certificate.empty()) curl_easy_setopt(curl, CURLOPT_SSLCERT, tls.certificate.c_str());
  if (!tls.key.empty()) curl_easy_setopt(curl, CURLOPT_SSLKEY, tls.key.c_str());
}

}  // namespace sluice::sink
