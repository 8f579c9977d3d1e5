#include "runtime/sink/webhook.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/alert/text.h"
#include "runtime/sink/body.h"
#include "runtime/sink/curl.h"

namespace sluice::sink {
namespace {

constexpr size_t kMostAnswerBytes = 64u << 10;
constexpr size_t kMostReasonBytes = 200;

struct HeadersFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, HeadersFree>;

void Add(Headers& headers, const std::string& line) {
  headers.reset(curl_slist_append(headers.release(), line.c_str()));
}

// What is past the limit is dropped, and the transfer goes on.
size_t TakeAnswer(const char* bytes, size_t size, size_t count, void* to) {
  auto& answer = *static_cast<std::string*>(to);
  answer.append(bytes, std::min(size * count, kMostAnswerBytes - std::min(kMostAnswerBytes, answer.size())));
  return size * count;
}

// OTLP: 200 although some records were not taken.
bool OtlpRejected(const std::string& answer) {
  const nlohmann::json json = nlohmann::json::parse(answer, nullptr, false);
  const nlohmann::json::json_pointer rejected("/partialSuccess/rejectedLogRecords");
  if (!json.is_object() || !json.contains(rejected)) return false;
  const std::string count = json[rejected].dump();
  return count != "0" && count != "\"0\"";
}

class WebhookDestination final : public Destination {
 public:
  explicit WebhookDestination(const config::Webhook& options) : options_(options) {}

  Outcome Deliver(const Batch& batch, const Cancel& cancel) override {
    const std::string body = WebhookBody(options_, batch);
    Headers headers;
    if (std::string fault = MakeHeaders(body, headers); !fault.empty())
      return Outcome::Failed(std::move(fault));
    if (curl_ == nullptr && !Start(cancel)) return Outcome::Failed("libcurl cannot start");
    CURL* curl = curl_.get();
    std::array<char, CURL_ERROR_SIZE> error{};
    std::string answer;
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error.data());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK) return Outcome::Failed(error[0] != '\0' ? error.data() : curl_easy_strerror(code));
    return Judge(batch.size(), answer);
  }

 private:
  bool Start(const Cancel& cancel) {
    curl_ = NewCurl(cancel);
    CURL* curl = curl_.get();
    if (curl == nullptr) return false;
    const bool https = options_.url.starts_with("https://");
    const auto timeout_ms = static_cast<CurlLong>(options_.timeout_ns / config::kMillisecondNs);
    curl_easy_setopt(curl, CURLOPT_URL, options_.url.c_str());
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sluice");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeAnswer);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, options_.redirects > 0 ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, static_cast<CurlLong>(options_.redirects));
    curl_easy_setopt(curl, CURLOPT_POSTREDIR, static_cast<CurlLong>(CURL_REDIR_POST_ALL));
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
    if (!options_.proxy.empty()) curl_easy_setopt(curl, CURLOPT_PROXY, options_.proxy.c_str());
    SetTls(curl, options_.tls);
    return true;
  }

  // Empty, or what is wrong.
  std::string MakeHeaders(const std::string& body, Headers& headers) const {
    const bool typed = std::any_of(options_.headers.begin(), options_.headers.end(), [](const auto& header) {
      return strcasecmp(header.first.c_str(), "Content-Type") == 0;
    });
    if (!typed) Add(headers, "Content-Type: application/json");
    Add(headers, "Expect:");
    for (const auto& [name, value] : options_.headers) Add(headers, fmt::format("{}: {}", name, value));
    if (!options_.hmac_secret.empty()) {
      Add(headers, options_.hmac_header + ": " + HmacSignature(options_.hmac_secret, body));
    }
    if (options_.bearer_token_file.empty()) return {};
    std::ifstream file(options_.bearer_token_file);
    std::string token;
    if (!std::getline(file, token) || token.empty()) {
      return options_.bearer_token_file + ": no token can be read from it";
    }
    while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0) token.pop_back();
    Add(headers, "Authorization: Bearer " + token);
    return {};
  }

  Outcome Judge(size_t alerts, const std::string& answer) {
    CurlLong status = 0;
    curl_off_t retry_after_s = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &retry_after_s);
    const bool worked = status >= 200 && status < 300;
    const bool rejected = worked && options_.preset == config::Webhook::Preset::kOtlp && OtlpRejected(answer);
    if (worked && !rejected) return Outcome::Delivered(alerts);
    std::string reason = fmt::format("HTTP status {}", status);
    if (!answer.empty()) reason += ": " + alert::Printable(answer.substr(0, kMostReasonBytes));
    if (rejected || status == 400 || status == 413 || status == 422)
      return Outcome::Refused(std::move(reason));
    Outcome outcome = Outcome::Failed(std::move(reason));
    const int64_t most_s = INT64_MAX / config::kSecondNs;
    outcome.retry_after_ns = std::min<int64_t>(retry_after_s, most_s) * config::kSecondNs;
    return outcome;
  }

  const config::Webhook options_;
  CurlHandle curl_;
};

}  // namespace

std::unique_ptr<Destination> MakeWebhook(const config::Webhook& options) {
  return std::make_unique<WebhookDestination>(options);
}

std::string HmacSignature(const std::string& secret, const std::string& body) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &size);
  std::string text = "sha256=";
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace sluice::sink
