// config/config.h - what a configuration file says, read strictly.
//
// One YAML file. A key that is not known, a value of another type or out of its range, and a key that is
// missing are errors with a place; so is a variable `${NAME}` that is not set. The schema is docs/operations.md.
//
// Threads: passive data; Read() is a pure function of the file and the environment.
// Time:    durations in nanoseconds. Paths: absolute, or relative to where the agent was started, never to be
//          resolved again: the file's own folder has been put in front of relative ones.
// Errors:  Read() returns the host's error when the file cannot be read; what is wrong in it are diagnostics.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/ast/ast.h"
#include "compiler/diag/diag.h"
#include "compiler/source/source.h"

namespace sluice::config {

inline constexpr int64_t kMillisecondNs = 1'000'000;
inline constexpr int64_t kSecondNs = 1'000 * kMillisecondNs;
inline constexpr uint64_t kMiB = 1u << 20;

struct Rate {
  uint64_t count = 0;
  int64_t period_ns = 0;
};

// Which alerts an output takes: those that pass every part.
struct Filter {
  ast::Priority priority = ast::Priority::kDebug;  // this or more severe
  std::vector<std::string> tags;                   // any of them; empty: all alerts
  std::vector<std::string> rules;                  // names, `*` stands for any text; empty: all
};

// Files; empty: the system's authorities, no certificate of our own.
struct Tls {
  std::string ca, certificate, key;
};

// The wait after the nth failure is between half and all of initial * 2^n, at most `max`.
struct Retry {
  int64_t initial_ns = kSecondNs;
  int64_t max_ns = 300 * kSecondNs;
};

struct Spool {
  bool enabled = true;
  uint64_t max_bytes = 256 * kMiB;
  uint64_t dead_letter_bytes = 64 * kMiB;
};

enum class OutputType : uint8_t { kStdout, kFile, kSyslog, kWebhook };
enum class Format : uint8_t { kAuto, kText, kJson };  // kAuto: text on a terminal, otherwise JSON

struct Syslog {
  enum class Transport : uint8_t { kLocal, kUdp, kTcp, kTls } transport = Transport::kLocal;
  enum class Protocol : uint8_t { kRfc5424, kRfc3164 } protocol = Protocol::kRfc5424;
  enum class Framing : uint8_t { kOctetCounting, kNewline } framing = Framing::kOctetCounting;
  std::string address;  // a socket's path, or HOST:PORT
  int facility = 10;    // authpriv
  std::string app_name = "sluice";
  std::string structured_data_id = "sluice@32473";  // empty: none
  uint64_t max_bytes = 8192;                        // of a message
  int64_t settle_ns = 200 * kMillisecondNs;         // a stream that stays open for so long took what was sent
  int64_t timeout_ns = 10 * kSecondNs;
  Tls tls;
};

struct Webhook {
  enum class Preset : uint8_t { kFalco, kSlack, kAlertmanager, kOtlp, kTemplate } preset = Preset::kFalco;
  std::string url;
  std::string body;                                             // kTemplate
  std::vector<std::pair<std::string, std::string>> headers;     // name, value
  std::string bearer_token_file;                                // read again for every request
  std::string hmac_secret, hmac_header = "X-Sluice-Signature";  // empty secret: not signed
  std::string proxy;
  int64_t timeout_ns = 10 * kSecondNs;
  uint64_t redirects = 0;  // at most so many are followed
  Tls tls;
};

struct Output {
  std::string name;
  OutputType type = OutputType::kStdout;
  Format format = Format::kAuto;  // not of a webhook
  Filter filter;
  std::optional<Rate> rate_limit;
  uint64_t queue = 10'000;  // alerts held in memory
  uint64_t batch_size = 1;
  int64_t batch_wait_ns = 0;
  Retry retry;
  Spool spool;
  std::string path;  // kFile
  Syslog syslog;
  Webhook webhook;
};

struct Config {
  std::vector<std::string> rules;
  bool watch = true;  // a change of a rule file reloads
  bool warnings_are_errors = false;
  bool pin = false;              // mitigations stay in force when the agent ends (load/pins.h)
  bool self_protection = false;  // other processes of root cannot stop the agent
  std::string state_directory = "/var/lib/sluice";  // empty without a file: no output of it has a spool
  int64_t drain_ns = 5 * kSecondNs;  // at the end, outputs may take so long to deliver what waits
  std::string metrics_address;       // HOST:PORT; empty: no metrics over HTTP
  std::string control_socket;        // empty: where `sluice status` looks
  std::vector<Output> outputs;
};

// Without a configuration file: alerts on stdout.
Output StandardOutput();
Config Default();

struct Loaded {
  source::Files files;
  diag::Diagnostics diagnostics;
  Config config;  // what could be read; to be used only when the diagnostics are ok
};
source::Result<std::unique_ptr<Loaded>> Read(const std::string& path);

}  // namespace sluice::config
