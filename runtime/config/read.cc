#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "runtime/config/section.h"

namespace sluice::config {
namespace {

constexpr uint64_t kMostOfSlack = 100;  // attachments of a message

using diag::Code;
using yaml::Node;

constexpr int64_t kMinuteNs = 60 * kSecondNs;
constexpr int64_t kDayNs = kMinuteNs * 60 * 24;
constexpr uint64_t kGiB = 1024 * kMiB;

// In the order of the numbers of RFC 5424.
const std::vector<std::string_view> kFacilities = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog",   "lpr",     "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "security", "console", "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5",   "local6",  "local7"};

// One of these schemes and something of a host.
bool IsUrl(const std::string& text, std::initializer_list<std::string_view> schemes) {
  const size_t end = text.find("://");
  return end != std::string::npos &&
         std::find(schemes.begin(), schemes.end(), std::string_view(text).substr(0, end)) != schemes.end() &&
         end + 3 < text.size() && text[end + 3] != '/' && text[end + 3] != ':' &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c != 127; });
}

class Reader {
 public:
  Reader(Loaded& loaded, std::string folder) : loaded_(loaded), folder_(std::move(folder)) {}

  void ReadConfig(const Node& node) {
    Config& config = loaded_.config;
    Section top = SectionOf(node, "The configuration");
    top.Paths("rules", config.rules);
    top.Flag("watch", config.watch);
    top.Flag("pin", config.pin);
    top.Flag("self_protection", config.self_protection);
    std::vector<std::string_view> levels = {"warning", "error"};
    config.warnings_are_errors = top.Choice("warnings", levels, 0) == 1;
    top.Path("state_directory", config.state_directory);
    top.Duration("drain", config.drain_ns, 0, 10 * kMinuteNs);
    top.Path("control_socket", config.control_socket);
    if (config.control_socket.size() >= sizeof(sockaddr_un::sun_path))
      top.Fault("control_socket", fmt::format("`control_socket` is a path of at most {} bytes",
                                              sizeof(sockaddr_un::sun_path) - 1));
    if (const Node* metrics = top.Map("metrics")) {
      Section keys = SectionOf(*metrics, "`metrics`");
      config.metrics_address = "127.0.0.1:9464";
      keys.Text("address", config.metrics_address);
      CheckAddress(keys, config.metrics_address);
      keys.Finish();
    }
    if (const Node* outputs = top.Maps("outputs")) {
      for (const Node& item : outputs->items) ReadOutput(item);
      if (outputs->items.empty())
        top.Fault("outputs", "`outputs` is empty: alerts would go nowhere", "without it they go to stdout");
    } else if (!top.Has("outputs")) {
      config.outputs.push_back(StandardOutput());
    }
    top.Finish();
  }

 private:
  Section SectionOf(const Node& node, std::string owner) {
    return {node, std::move(owner), folder_, loaded_.diagnostics};
  }

  void ReadOutput(const Node& node) {
    const std::vector<std::string_view> types = {"stdout", "file", "syslog", "webhook"};
    const Node* type = node.Find("type");
    const bool known = type != nullptr && std::find(types.begin(), types.end(), type->text) != types.end();
    Section section =
        SectionOf(node, known ? fmt::format("An output of type `{}`", type->text) : "An output");
    Output output;
    output.type = static_cast<OutputType>(section.Choice("type", types, 0, Need::kRequired));
    section.Text("name", output.name, Need::kRequired);
    CheckName(section, output.name);
    if (!known) return;  // which keys it may have is not known
    ReadCommon(section, output);
    switch (output.type) {
      case OutputType::kStdout:
        ReadFormat(section, output);
        break;
      case OutputType::kFile:
        ReadFormat(section, output);
        section.Path("path", output.path, Need::kRequired);
        CheckPath(section, output.path);
        break;
      case OutputType::kSyslog:
        ReadFormat(section, output);
        ReadSyslog(section, output.syslog);
        break;
      case OutputType::kWebhook:
        ReadWebhook(section, output.webhook);
        if (output.webhook.preset == Webhook::Preset::kSlack && output.batch_size > kMostOfSlack)
          section.Fault("batch", fmt::format("Slack takes at most {} alerts in one message", kMostOfSlack));
        break;
    }
    section.Finish();
    loaded_.config.outputs.push_back(std::move(output));
  }

  // It names a folder of the spool.
  void CheckName(Section& section, const std::string& name) {
    const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
    if (!std::all_of(name.begin(), name.end(), plain) || name.size() > 64) {
      section.Fault("name", "`name` is made of letters, digits, `-` and `_`, at most 64 of them");
    }
    for (const Output& other : loaded_.config.outputs) {
      if (!name.empty() && other.name == name)
        section.Fault("name", fmt::format("Two outputs are called `{}`", name));
    }
  }

  void CheckPath(Section& section, const std::string& path) {
    for (const Output& other : loaded_.config.outputs) {
      if (!path.empty() && other.type == OutputType::kFile && other.path == path)
        section.Fault("path", fmt::format("The output `{}` writes to this file, too", other.name));
    }
  }

  void ReadCommon(Section& section, Output& output) {
    const bool sends = output.type == OutputType::kSyslog || output.type == OutputType::kWebhook;
    output.batch_size = output.type == OutputType::kWebhook ? 1 : 1000;
    if (const Node* filter = section.Map("filter")) ReadFilter(*filter, output.filter);
    section.PerTime("rate_limit", output.rate_limit);
    section.Number("queue", output.queue, 1, 1'000'000);
    if (output.type == OutputType::kStdout) {
      output.spool.enabled = false;
      output.queue = std::max<uint64_t>(output.queue, section.Has("queue") ? 1 : 100'000);
      return;
    }
    if (const Node* spool = section.Map("spool")) ReadSpool(*spool, output.spool);
    if (const Node* retry = section.Map("retry")) ReadRetry(*retry, output.retry);
    if (!sends) return;
    if (const Node* batch = section.Map("batch")) {
      Section keys = SectionOf(*batch, "`batch`");
      keys.Number("size", output.batch_size, 1, 10'000);
      keys.Duration("wait", output.batch_wait_ns, 0, kMinuteNs);
      keys.Finish();
    }
  }

  void ReadFilter(const Node& node, Filter& filter) {
    Section keys = SectionOf(node, "`filter`");
    static const std::vector<std::string_view> kPriorities = {
        "emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"};
    std::string priority(kPriorities[static_cast<size_t>(filter.priority)]);
    keys.Text("priority", priority);
    std::transform(priority.begin(), priority.end(), priority.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (priority == "info") priority = "informational";
    const auto known = std::find(kPriorities.begin(), kPriorities.end(), priority);
    if (known == kPriorities.end())
      keys.Choice("priority", kPriorities, 0);  // tells what is wrong
    else
      filter.priority = static_cast<ast::Priority>(known - kPriorities.begin());
    keys.Texts("tags", filter.tags);
    keys.Texts("rules", filter.rules);
    keys.Finish();
  }

  void ReadSpool(const Node& node, Spool& spool) {
    Section keys = SectionOf(node, "`spool`");
    keys.Flag("enabled", spool.enabled);
    keys.Size("max", spool.max_bytes, kMiB / 16, 1024 * kGiB);
    keys.Size("dead_letter", spool.dead_letter_bytes, 0, 1024 * kGiB);
    keys.Finish();
  }

  void ReadRetry(const Node& node, Retry& retry) {
    Section keys = SectionOf(node, "`retry`");
    keys.Duration("initial", retry.initial_ns, 10 * kMillisecondNs, 60 * kMinuteNs);
    keys.Duration("max", retry.max_ns, 10 * kMillisecondNs, kDayNs);
    if (retry.max_ns < retry.initial_ns) keys.Fault("initial", "`initial` is longer than `max`");
    keys.Finish();
  }

  void ReadTls(const Node& node, Tls& tls) {
    Section keys = SectionOf(node, "`tls`");
    keys.Path("ca", tls.ca);
    keys.Path("certificate", tls.certificate);
    keys.Path("key", tls.key);
    if (tls.certificate.empty() != tls.key.empty()) {
      keys.Fault(tls.key.empty() ? "certificate" : "key", "`certificate` and `key` belong together");
    }
    keys.Finish();
  }

  void ReadFormat(Section& section, Output& output) {
    output.format = static_cast<Format>(section.Choice("format", {"auto", "text", "json"}, 0));
    if (output.format == Format::kAuto && output.type == OutputType::kFile) output.format = Format::kJson;
    if (output.format == Format::kAuto && output.type == OutputType::kSyslog) output.format = Format::kText;
  }

  void ReadSyslog(Section& section, Syslog& syslog) {
    syslog.transport =
        static_cast<Syslog::Transport>(section.Choice("transport", {"local", "udp", "tcp", "tls"}, 0));
    const bool local = syslog.transport == Syslog::Transport::kLocal;
    const bool stream =
        syslog.transport == Syslog::Transport::kTcp || syslog.transport == Syslog::Transport::kTls;
    if (local) syslog.address = "/dev/log";
    section.Text("address", syslog.address, local ? Need::kOptional : Need::kRequired);
    if (!local && !syslog.address.empty()) CheckAddress(section, syslog.address);
    syslog.protocol =
        static_cast<Syslog::Protocol>(section.Choice("protocol", {"rfc5424", "rfc3164"}, local ? 1 : 0));
    syslog.facility =
        static_cast<int>(section.Choice("facility", kFacilities, static_cast<size_t>(syslog.facility)));
    section.Text("app_name", syslog.app_name, Need::kOptional);
    CheckWord(section, "app_name", syslog.app_name, 48);
    section.Text("structured_data_id", syslog.structured_data_id);
    CheckWord(section, "structured_data_id", syslog.structured_data_id, 32);
    section.Size("max_message", syslog.max_bytes, 480, kMiB);
    if (stream) {
      syslog.framing =
          static_cast<Syslog::Framing>(section.Choice("framing", {"octet-counting", "newline"}, 0));
      section.Duration("settle", syslog.settle_ns, 0, kMinuteNs);
      section.Duration("timeout", syslog.timeout_ns, 100 * kMillisecondNs, 10 * kMinuteNs);
    }
    if (syslog.transport != Syslog::Transport::kTls) return;
    if (const Node* tls = section.Map("tls")) ReadTls(*tls, syslog.tls);
  }

  void CheckAddress(Section& section, const std::string& address) {
    const size_t colon = address.rfind(':');
    const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
    const bool digits =
        !port.empty() && port.size() <= 5 &&
        std::all_of(port.begin(), port.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    const std::string host = address.substr(0, colon == std::string::npos ? 0 : colon);
    const bool one = host.find_first_of(" \t,;/") == std::string::npos;
    if (colon == 0 || !one || !digits || std::stoi(port) == 0 || std::stoi(port) > 65535) {
      section.Fault("address", "`address` is HOST:PORT", "an IPv6 address stands in brackets: [::1]:514");
    }
  }

  // RFC 5424: printable ASCII, and in names of structured data none of = ] ".
  void CheckWord(Section& section, std::string_view key, const std::string& word, size_t longest) {
    const auto fits = [](unsigned char c) { return c > ' ' && c < 127 && c != '=' && c != ']' && c != '"'; };
    if (word.size() <= longest && std::all_of(word.begin(), word.end(), fits)) return;
    section.Fault(key,
                  fmt::format("`{}` is at most {} printable ASCII characters without blanks", key, longest));
  }

  void ReadWebhook(Section& section, Webhook& webhook) {
    section.Text("url", webhook.url, Need::kRequired);
    if (!webhook.url.empty() && !IsUrl(webhook.url, {"https", "http"})) {
      section.Fault("url", "`url` starts with https:// or http:// and a host");
    }
    webhook.preset = static_cast<Webhook::Preset>(
        section.Choice("preset", {"falco", "slack", "alertmanager", "otlp", "template"}, 0));
    if (webhook.preset == Webhook::Preset::kTemplate) section.Text("body", webhook.body, Need::kRequired);
    section.Pairs("headers", webhook.headers);
    section.Path("bearer_token_file", webhook.bearer_token_file);
    if (const Node* hmac = section.Map("hmac")) {
      Section keys = SectionOf(*hmac, "`hmac`");
      keys.Text("secret", webhook.hmac_secret, Need::kRequired);
      keys.Text("header", webhook.hmac_header);
      const std::string& header = webhook.hmac_header;
      const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
      if (!std::all_of(header.begin(), header.end(), fits))
        keys.Fault("header", "`header` is made of letters, digits, `-` and `_`");
      keys.Finish();
    }
    section.Text("proxy", webhook.proxy);
    if (!webhook.proxy.empty() &&
        !IsUrl(webhook.proxy, {"http", "https", "socks4", "socks4a", "socks5", "socks5h"})) {
      section.Fault("proxy", "`proxy` is a URL: http://HOST:PORT, https:// or socks5://");
    }
    section.Duration("timeout", webhook.timeout_ns, 100 * kMillisecondNs, 10 * kMinuteNs);
    section.Number("redirects", webhook.redirects, 0, 10);
    if (const Node* tls = section.Map("tls")) ReadTls(*tls, webhook.tls);
  }

  Loaded& loaded_;
  const std::string folder_;
};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

}  // namespace

Output StandardOutput() {
  Output output;
  output.name = "stdout";
  output.spool.enabled = false;
  output.queue = 100'000;
  output.batch_size = 1000;
  return output;
}

Config Default() {
  Config config;
  config.watch = false;
  config.state_directory.clear();
  config.outputs.push_back(StandardOutput());
  return config;
}

source::Result<std::unique_ptr<Loaded>> Read(const std::string& path) {
  auto loaded = std::make_unique<Loaded>();
  source::Result<source::FileId> file = loaded->files.Read(path);
  if (!file.ok()) return file.status();
  const std::vector<Node> documents = yaml::ReadYaml(loaded->files, *file, loaded->diagnostics);
  if (!loaded->diagnostics.ok()) return loaded;
  if (documents.empty() || documents.front().kind == Node::Kind::kNull) {
    loaded->config.outputs.push_back(StandardOutput());
    return loaded;
  }
  if (documents.size() > 1) {
    loaded->diagnostics.Add(Code::E109, documents[1].span, "A configuration is one YAML document");
  } else if (documents.front().kind != Node::Kind::kMap) {
    loaded->diagnostics.Add(Code::E109, documents.front().span,
                            "A configuration is a map of keys and values");
  } else {
    Reader(*loaded, FolderOf(path)).ReadConfig(documents.front());
  }
  return loaded;
}

}  // namespace sluice::config
