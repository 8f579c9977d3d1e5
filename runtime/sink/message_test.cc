#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "runtime/sink/body.h"
#include "runtime/sink/syslog_message.h"
#include "runtime/sink/webhook.h"

namespace sluice::sink {
namespace {

using config::Syslog;
using config::Webhook;
using testing::HasSubstr;

constexpr const char* kAlert =
    R"({"time":"2026-07-31T10:05:09.000000001Z","rule":"Shadow \"read\"","priority":"Warning",)"
    R"("output":"cat <read> /etc/shadow","output_fields":{"proc.name":"c]a\\t\n","proc.aname[1]":"sh","proc.pid":42,)"
    R"("fd.name":null,"evt.time":1785492309000000001},"hostname":"web 1","source":"syscall","tags":["T1003"],)"
    R"("id":"00ff","decision":"denied","hook":"file_open","ancestors":[{"pid":7,"name":"sh","exepath":null}]})";

TEST(SyslogMessage, Rfc5424) {
  EXPECT_EQ(
      SyslogMessage({}, true, kAlert, 99),
      "<84>1 2026-07-31T10:05:09.000000Z web_1 sluice 99 denied [sluice@32473 id=\"00ff\" "
      "rule=\"Shadow \\\"read\\\"\" decision=\"denied\" hook=\"file_open\" source=\"syscall\" tag=\"T1003\" "
      "proc.name=\"c\\]a\\\\t\\\\n\" proc.aname[1_=\"sh\" proc.pid=\"42\"] cat <read> /etc/shadow (denied)");
}

TEST(SyslogMessage, Rfc3164InLocalTime) {
  setenv("TZ", "UTC", 1);
  tzset();
  Syslog options;
  options.protocol = Syslog::Protocol::kRfc3164;
  options.facility = 19;
  EXPECT_EQ(SyslogMessage(options, true, kAlert, 99),  // to the local socket, as syslog(3)
            "<156>Jul 31 10:05:09 sluice[99]: cat <read> /etc/shadow (denied)");
  options.transport = Syslog::Transport::kUdp;
  EXPECT_EQ(SyslogMessage(options, true, kAlert, 99),
            "<156>Jul 31 10:05:09 web_1 sluice[99]: cat <read> /etc/shadow (denied)");
}

TEST(SyslogMessage, JsonLosesItsDetailsBeforeItIsCut) {
  Syslog options;
  options.structured_data_id = "";
  EXPECT_THAT(SyslogMessage(options, false, kAlert, 1), HasSubstr(std::string(" - ") + kAlert));
  options.max_bytes = 430;
  const std::string message = SyslogMessage(options, false, kAlert, 1);
  EXPECT_LE(message.size(), 430u);
  const nlohmann::json alert = nlohmann::json::parse(message.substr(message.find('{')), nullptr, false);
  ASSERT_TRUE(alert.is_object());
  EXPECT_EQ(alert["truncated"], true);
  EXPECT_FALSE(alert.contains("ancestors"));
  EXPECT_EQ(alert["id"], "00ff");
}

TEST(SyslogMessage, NothingMakesItTooLongOrMoreThanALine) {
  Syslog options;
  options.max_bytes = 480;
  nlohmann::ordered_json alert = nlohmann::ordered_json::parse(kAlert);
  for (int i = 0; i < 100; ++i) alert["output_fields"]["f" + std::to_string(i)] = std::string(50, 'x');
  std::string output;
  for (int i = 0; i < 500; ++i) output += "\xc3\xa9\n";
  alert["output"] = output;
  for (const bool text : {true, false}) {
    const std::string message = SyslogMessage(options, text, alert.dump(), 1);
    EXPECT_LE(message.size(), 480u);
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_NE(static_cast<unsigned char>(message.back()) & 0xC0, 0xC0);  // no half character at the end
  }
  EXPECT_THAT(SyslogMessage(options, true, "no JSON", 1), HasSubstr("<85>1 "));
}

TEST(Framed, CountsOctets) {
  EXPECT_EQ(Framed("h\xc3\xa9", Syslog::Framing::kOctetCounting), "3 h\xc3\xa9");
  EXPECT_EQ(Framed("h", Syslog::Framing::kNewline), "h\n");
}

nlohmann::json Body(Webhook::Preset preset, const Batch& batch, std::string body = {}) {
  Webhook options;
  options.preset = preset;
  options.body = std::move(body);
  return nlohmann::json::parse(WebhookBody(options, batch), nullptr, false);
}

TEST(WebhookBody, FalcoIsTheAlertItself) {
  EXPECT_EQ(Body(Webhook::Preset::kFalco, {kAlert}), nlohmann::json::parse(kAlert));
  EXPECT_EQ(Body(Webhook::Preset::kFalco, {kAlert, kAlert}).size(), 2u);
}

TEST(WebhookBody, SlackEscapesItsMarkup) {
  const nlohmann::json body = Body(Webhook::Preset::kSlack, {kAlert, kAlert});
  ASSERT_EQ(body["attachments"].size(), 2u);
  EXPECT_EQ(body["attachments"][0]["text"], "cat &lt;read&gt; /etc/shadow");
  EXPECT_EQ(body["attachments"][0]["title"], "Shadow \"read\"");
  EXPECT_EQ(body["attachments"][0]["color"], "#e0a000");
}

TEST(WebhookBody, AlertmanagerGroupsByLabels) {
  const nlohmann::json body = Body(Webhook::Preset::kAlertmanager, {kAlert});
  ASSERT_EQ(body.size(), 1u);
  EXPECT_EQ(body[0]["labels"]["alertname"], "Shadow \"read\"");
  EXPECT_EQ(body[0]["labels"]["severity"], "warning");
  EXPECT_FALSE(body[0]["labels"].contains("id"));
  EXPECT_EQ(body[0]["annotations"]["id"], "00ff");
  EXPECT_EQ(body[0]["annotations"]["proc_pid"], "42");
  EXPECT_EQ(body[0]["startsAt"], "2026-07-31T10:05:09.000000001Z");
}

TEST(WebhookBody, OtlpLogs) {
  const nlohmann::json body = Body(Webhook::Preset::kOtlp, {kAlert, kAlert});
  const nlohmann::json& records = body["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["timeUnixNano"], "1785492309000000001");
  EXPECT_EQ(records[0]["severityNumber"], 13);
  EXPECT_EQ(records[0]["body"]["stringValue"], "cat <read> /etc/shadow");
  EXPECT_THAT(records[0]["attributes"].dump(), HasSubstr(R"({"key":"proc.pid","value":{"intValue":"42"}})"));
  EXPECT_EQ(body["resourceLogs"][0]["resource"]["attributes"][1]["value"]["stringValue"], "web 1");
}

TEST(WebhookBody, ATemplateIsFilledInEscaped) {
  const nlohmann::json body = Body(
      Webhook::Preset::kTemplate, {kAlert},
      R"({"t": "{{rule}}: {{ proc.name }}", "pid": {{proc.pid}}, "none": "{{fd.name}}{{x}}", "all": {{alert}}})");
  ASSERT_TRUE(body.is_object());
  EXPECT_EQ(body["t"], "Shadow \"read\": c]a\\t\n");
  EXPECT_EQ(body["pid"], 42);
  EXPECT_EQ(body["none"], "");
  EXPECT_EQ(body["all"]["id"], "00ff");
}

TEST(HmacSignature, IsTheKnownOne) {
  // RFC 4231, test case 2.
  EXPECT_EQ(HmacSignature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace sluice::sink
