#include "runtime/status/http.h"

#include <civetweb.h>
#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "compiler/source/thread.h"

namespace sluice::status {
namespace {

void Answer(mg_connection* connection, const char* status, const char* type, const std::string& body) {
  mg_printf(connection,
            "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
            "Cache-Control: no-store\r\n\r\n",
            status, type, body.size());
  mg_write(connection, body.data(), body.size());
}

}  // namespace

struct HttpServer::State {
  std::string address;
  Source source;
  Tell tell;
  mg_context* context = nullptr;
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;  // under mutex, as is the next
  std::string error;      // the first of the last try; civetweb's threads tell theirs at any time
  std::thread again;      // until it listens

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    if (again.joinable()) again.join();
    if (context != nullptr) mg_stop(context);
  }

  static int Serve(mg_connection* connection, void* self) {
    const auto& state = *static_cast<const State*>(self);
    const mg_request_info* request = mg_get_request_info(connection);
    const std::string_view method = request->request_method, path = request->local_uri;
    if (method != "GET" && method != "HEAD") {
      Answer(connection, "405 Method Not Allowed", "text/plain", "only GET\n");
    } else if (path == "/metrics") {
      Answer(connection, "200 OK", "text/plain; version=0.0.4; charset=utf-8", MetricsText(state.source()));
    } else if (path == "/healthz") {
      const std::string fault = Health(state.source());
      Answer(connection, fault.empty() ? "200 OK" : "503 Service Unavailable", "text/plain",
             fault.empty() ? "ok\n" : fault + "\n");
    } else {
      Answer(connection, "404 Not Found", "text/plain", "there is /metrics and /healthz\n");
    }
    return 1;
  }

  static int Log(const mg_connection* connection, const char* message) {
    auto& state = *static_cast<State*>(mg_get_user_data(mg_get_context(connection)));
    const std::lock_guard lock(state.mutex);
    if (state.error.empty()) state.error = message;
    return 1;
  }

  std::string TakeError() {
    const std::lock_guard lock(mutex);
    return std::exchange(error, {});
  }

  source::Status Listen() {
    const char* options[] = {"listening_ports",
                             address.c_str(),
                             "num_threads",
                             "8",
                             "request_timeout_ms",
                             "1000",
                             "enable_directory_listing",
                             "no",
                             nullptr};
    mg_callbacks callbacks{};
    callbacks.log_message = Log;
    mg_init_data init{.callbacks = &callbacks, .user_data = this, .configuration_options = options};
    std::array<char, 256> text{};
    mg_error_data fault{.code = 0, .text = text.data(), .text_buffer_size = text.size()};
    TakeError();
    context = mg_start2(&init, &fault);
    if (context == nullptr) {
      const std::string error_told = TakeError();
      return absl::UnavailableError(fmt::format("metrics cannot listen on {}: {}", address,
                                                error_told.empty() ? std::string(text.data()) : error_told));
    }
    mg_set_request_handler(context, "**", Serve, this);
    return absl::OkStatus();
  }

  void ListenAgain() {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, kTryAgain, [this] { return stopping; })) {
      lock.unlock();
      const bool listens = Listen().ok();
      if (listens) tell(fmt::format("metrics listen on {} now", address));
      lock.lock();
      if (listens) return;
    }
  }
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;

source::Result<std::unique_ptr<HttpServer>> HttpServer::Open(const std::string& address, Source source,
                                                             Tell tell) {
  auto state = std::make_unique<State>();
  state->address = address;
  state->source = std::move(source);
  state->tell = std::move(tell);
  if (const source::Status status = state->Listen(); !status.ok()) {
    state->tell(
        fmt::format("{}; tried again every {} seconds", std::string(status.message()), kTryAgain.count()));
    source::Status started = source::StartThread(state->again, [raw = state.get()] { raw->ListenAgain(); });
    if (!started.ok()) return started;
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

}  // namespace sluice::status
