#include "runtime/sink/stream.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <array>
#include <chrono>
#include <cstring>

#include "runtime/sink/curl.h"

namespace sluice::sink {
namespace {

using Clock = std::chrono::steady_clock;

source::Status Unavailable(std::string_view what) {
  return absl::UnavailableError({what.data(), what.size()});
}

}  // namespace

struct Stream::State {
  CurlHandle curl;
  curl_socket_t socket = CURL_SOCKET_BAD;
};

Stream::Stream() : state_(std::make_unique<State>()) {}
Stream::~Stream() = default;

bool Stream::open() const { return state_->socket != CURL_SOCKET_BAD; }

void Stream::Close() {
  state_->curl.reset();
  state_->socket = CURL_SOCKET_BAD;
}

source::Status Stream::Connect(const std::string& host_and_port, const config::Tls* tls, int64_t timeout_ns,
                               const Cancel& cancel) {
  Close();
  state_->curl = NewCurl(cancel);
  CURL* curl = state_->curl.get();
  if (curl == nullptr) return Unavailable("libcurl cannot start");
  std::array<char, CURL_ERROR_SIZE> error{};
  const std::string url = (tls != nullptr ? "https://" : "http://") + host_and_port;
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error.data());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<CurlLong>(timeout_ns / config::kMillisecondNs));
  if (tls != nullptr) SetTls(curl, *tls);
  const CURLcode code = curl_easy_perform(curl);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
  if (code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &state_->socket);
  if (open()) return absl::OkStatus();
  Close();
  return Unavailable(error[0] != '\0' ? error.data() : curl_easy_strerror(code));
}

source::Status Stream::Send(std::string_view bytes, int64_t timeout_ns, const Cancel& cancel) {
  Clock::time_point deadline = Clock::now() + std::chrono::nanoseconds(timeout_ns);
  while (!bytes.empty()) {
    size_t sent = 0;
    const CURLcode code = curl_easy_send(state_->curl.get(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_OK && sent > 0) {
      bytes.remove_prefix(sent);
      deadline = Clock::now() + std::chrono::nanoseconds(timeout_ns);
      continue;
    }
    if (code != CURLE_OK && code != CURLE_AGAIN) return Unavailable(curl_easy_strerror(code));
    if (cancel) return absl::CancelledError("the end of the run");
    if (Clock::now() >= deadline) return Unavailable("the receiver takes nothing");
    pollfd slot{.fd = state_->socket, .events = POLLOUT, .revents = 0};
    poll(&slot, 1, kCancelPollMs);
  }
  return absl::OkStatus();
}

source::Status Stream::Settle(int64_t settle_ns, int64_t timeout_ns, const Cancel& cancel) {
  const Clock::time_point deadline = Clock::now() + std::chrono::nanoseconds(timeout_ns);
  Clock::time_point settled = Clock::now() + std::chrono::nanoseconds(settle_ns);
  while (true) {
    if (ClosedByPeer()) return Unavailable("the receiver closed the connection");
    int unsent = 0;
    const bool confirmed = ioctl(state_->socket, SIOCOUTQ, &unsent) != 0 || unsent == 0;
    const Clock::time_point now = Clock::now();
    if (!confirmed) settled = now + std::chrono::nanoseconds(settle_ns);
    if (confirmed && now >= settled) return absl::OkStatus();
    if (!confirmed && now >= deadline) return Unavailable("the receiver does not confirm what was sent");
    if (cancel) return absl::CancelledError("the end of the run");
    pollfd slot{.fd = state_->socket, .events = POLLIN, .revents = 0};
    poll(&slot, 1, confirmed ? 10 : 1);
  }
}

bool Stream::ClosedByPeer() {
  std::array<char, 4096> unread{};
  while (true) {
    size_t got = 0;
    const CURLcode code = curl_easy_recv(state_->curl.get(), unread.data(), unread.size(), &got);
    if (code == CURLE_AGAIN) return false;
    if (code != CURLE_OK || got == 0) return true;
  }
}

}  // namespace sluice::sink
