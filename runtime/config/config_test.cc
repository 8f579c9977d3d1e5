#include "runtime/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "compiler/diag/render.h"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  std::unique_ptr<Loaded> Load(const std::string& text) {
    const std::string path = folder_ / "sluice.yaml";
    std::ofstream(path) << text;
    source::Result<std::unique_ptr<Loaded>> loaded = Read(path);
    EXPECT_TRUE(loaded.ok());
    return std::move(*loaded);
  }
  std::string Faults(const std::string& text) {
    const std::unique_ptr<Loaded> loaded = Load(text);
    return diag::RenderText(loaded->diagnostics, loaded->files, false);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ = [] {
    char path[] = "/tmp/sluice-config.XXXXXX";
    return std::filesystem::path(mkdtemp(path));
  }();
};

TEST_F(ConfigTest, EverythingHasADefault) {
  for (const char* text : {"", "# nothing\n", "drain: 5s\n"}) {
    const std::unique_ptr<Loaded> loaded = Load(text);
    ASSERT_TRUE(loaded->diagnostics.ok()) << text;
    ASSERT_EQ(loaded->config.outputs.size(), 1u);
    EXPECT_EQ(loaded->config.outputs[0].type, OutputType::kStdout);
    EXPECT_FALSE(loaded->config.outputs[0].spool.enabled);
    EXPECT_EQ(loaded->config.state_directory, "/var/lib/sluice") << text;  // spools of before are looked for
    EXPECT_TRUE(loaded->config.watch) << text;
  }
}

TEST_F(ConfigTest, ReadsEveryKindOfOutput) {
  const std::unique_ptr<Loaded> loaded = Load(R"(
rules: [/etc/sluice/rules, mine.rule]
self_protection: true
warnings: error
state_directory: state
drain: 30s
pin: true
metrics: {}
control_socket: control
outputs:
  - {name: console, type: stdout, format: text}
  - name: log
    type: file
    path: /var/log/sluice.jsonl
    filter: {priority: warning, tags: [container], rules: ["Shell *"]}
    rate_limit: 100 per 1m
  - name: siem
    type: syslog
    transport: tls
    address: "[::1]:6514"
    facility: local3
    tls: {ca: ca.pem}
    spool: {max: 1GiB, dead_letter: 0B}
  - name: hook
    type: webhook
    url: https://example.com/x
    preset: alertmanager
    headers: {X-Team: red}
    batch: {size: 50, wait: 500ms}
    retry: {initial: 100ms, max: 1h}
)");
  ASSERT_TRUE(loaded->diagnostics.ok()) << diag::RenderText(loaded->diagnostics, loaded->files, false);
  const Config& config = loaded->config;
  EXPECT_THAT(config.rules, ElementsAre("/etc/sluice/rules", folder_ / "mine.rule"));
  EXPECT_TRUE(config.warnings_are_errors);
  EXPECT_TRUE(config.self_protection);
  EXPECT_EQ(config.state_directory, folder_ / "state");
  EXPECT_TRUE(config.pin);
  EXPECT_EQ(config.drain_ns, 30 * kSecondNs);
  EXPECT_EQ(config.metrics_address, "127.0.0.1:9464");
  EXPECT_EQ(config.control_socket, folder_ / "control");
  ASSERT_EQ(config.outputs.size(), 4u);
  EXPECT_EQ(config.outputs[1].filter.priority, ast::Priority::kWarning);
  EXPECT_EQ(config.outputs[1].rate_limit->count, 100u);
  EXPECT_EQ(config.outputs[1].rate_limit->period_ns, 60 * kSecondNs);
  EXPECT_EQ(config.outputs[1].format, Format::kJson);
  EXPECT_EQ(config.outputs[2].syslog.facility, 19);
  EXPECT_EQ(config.outputs[2].syslog.tls.ca, folder_ / "ca.pem");
  EXPECT_EQ(config.outputs[2].spool.max_bytes, 1024 * kMiB);
  EXPECT_EQ(config.outputs[3].webhook.preset, Webhook::Preset::kAlertmanager);
  EXPECT_EQ(config.outputs[3].batch_size, 50u);
  EXPECT_EQ(config.outputs[3].retry.initial_ns, 100 * kMillisecondNs);
}

TEST_F(ConfigTest, AnUnknownKeyIsAnErrorWithItsPlaceAndTheNearestName) {
  const std::string told = Faults("outputs:\n  - name: a\n    type: file\n    path: /x\n    fromat: json\n");
  EXPECT_THAT(told, HasSubstr("sluice.yaml:5:5"));
  EXPECT_THAT(told, HasSubstr("error[E107]: An output of type `file` has no key `fromat`"));
  EXPECT_THAT(told, HasSubstr("did you mean `format`?"));
  EXPECT_THAT(Faults("outputs: [{name: a, type: file, path: /x, url: 'http://h'}]"),
              HasSubstr("no key `url`"));
}

TEST_F(ConfigTest, EveryFaultIsToldAtOnce) {
  const std::unique_ptr<Loaded> loaded = Load(R"(
drain: 5
drain: 5s
state_directory: [a]
outputs:
  - {type: file, name: a/b}
  - {name: c, type: fiel}
  - {name: d, type: syslog, transport: tcp, address: host}
  - {name: e, type: webhook, url: "ftp://x", queue: 0, rate_limit: 5 in 1m}
  - {name: e, type: stdout, filter: {priority: warnin, tags: x}}
)");
  const std::string told = diag::RenderText(loaded->diagnostics, loaded->files, false);
  for (const char* part :
       {"`drain` is a time from 0s to 10m", "`drain` is given twice", "`state_directory` is one value",
        "`name` is made of letters", "needs `path`", "`type` is one of stdout, file, syslog, webhook",
        "did you mean `file`?", "`address` is HOST:PORT", "`url` starts with https:// or http://",
        "`queue` is a number from 1 to 1000000", "`rate_limit` is `N per TIME`", "Two outputs are called `e`",
        "`priority` is one of emergency", "did you mean `warning`?", "`tags` is a list"}) {
    EXPECT_THAT(told, HasSubstr(part));
  }
}

TEST_F(ConfigTest, SecretsComeFromTheEnvironment) {
  setenv("SLUICE_TEST_SECRET", "s3cret", 1);
  unsetenv("SLUICE_TEST_UNSET");
  const std::string start =
      "outputs: [{name: a, type: webhook, url: 'http://h/${SLUICE_TEST_SECRET}/$${x}', hmac: {secret: '";
  const std::unique_ptr<Loaded> loaded = Load(start + "${SLUICE_TEST_SECRET}'}}]");
  ASSERT_TRUE(loaded->diagnostics.ok());
  EXPECT_EQ(loaded->config.outputs[0].webhook.hmac_secret, "s3cret");
  EXPECT_EQ(loaded->config.outputs[0].webhook.url, "http://h/s3cret/${x}");
  const std::string told = Faults(start + "${SLUICE_TEST_UNSET}'}}]");
  EXPECT_THAT(told, HasSubstr("error[E115]: The environment variable `SLUICE_TEST_UNSET` is not set"));
  EXPECT_THAT(told, testing::Not(HasSubstr("s3cret")));
  EXPECT_THAT(Faults("state_directory: ${SLUICE_TEST_SECRET\n"), HasSubstr("error[E115]"));
}

TEST_F(ConfigTest, WhatCouldNeverBeDelivered) {
  EXPECT_THAT(Faults("control_socket: /" + std::string(108, 'a') + "\n"), HasSubstr("at most 107 bytes"));
  const std::string start = "outputs: [{name: a, type: webhook, url: 'http";
  EXPECT_THAT(Faults(start + "s://'}]"), HasSubstr("and a host"));
  EXPECT_THAT(Faults(start + "://:80/x'}]"), HasSubstr("and a host"));
  EXPECT_THAT(Faults(start + "://h/', proxy: 'h:3128'}]"), HasSubstr("`proxy` is a URL"));
  EXPECT_THAT(Faults(start + "://h/', hmac: {secret: s, header: 'A: b'}}]"),
              HasSubstr("`header` is made of"));
  EXPECT_TRUE(Load(start + "://h/', proxy: 'socks5h://[::1]:1080'}]")->diagnostics.ok());
}

TEST_F(ConfigTest, AMessageOfSlackHasABound) {
  const std::string start =
      "outputs: [{name: a, type: webhook, url: 'http://h/', preset: slack, batch: {size: ";
  EXPECT_TRUE(Load(start + "100}}]")->diagnostics.ok());
  EXPECT_THAT(Faults(start + "101}}]"), HasSubstr("Slack takes at most 100 alerts in one message"));
}

TEST_F(ConfigTest, WhatIsNoMapIsRefused) {
  EXPECT_THAT(Faults("- a\n"), HasSubstr("A configuration is a map"));
  EXPECT_THAT(Faults("a: 1\n---\nb: 2\n"), HasSubstr("one YAML document"));
  EXPECT_THAT(Faults("a: [\n"), HasSubstr("E111"));
  EXPECT_FALSE(Read(folder_ / "none").ok());
}

}  // namespace
}  // namespace sluice::config
