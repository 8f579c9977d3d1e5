// What an event says of its container.
#include <gtest/gtest.h>

#include "compiler/check/field.h"
#include "runtime/eval/extract.h"
#include "runtime/ring/build_record.h"

namespace sluice::eval {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
constexpr int64_t kSecond = 1'000'000'000;

class ContainerFields : public testing::Test {
 protected:
  ContainerFields() {
    HostFacts facts;
    facts.boot_to_unix_ns = 1000 * kSecond;
    facts.mnt_ns = 1, facts.pid_ns = 2;
    event_ = std::make_unique<RecordEvent>(nullptr, facts, &table_);
  }

  void Know() {
    container::Container web{.id = kId,
                             .type = "docker",
                             .name = "web",
                             .image = "registry:5000/team/nginx:1.25",
                             .image_id = "a875",
                             .ip = "172.17.0.2",
                             .privileged = true,
                             .host_pid = false};
    web.start_ns = 1005 * kSecond;
    web.mounts = {{.source = "/proc", .destination = "/host/proc", .propagation = "rslave"},
                  {.source = "/srv/data", .destination = "/data", .mode = "z", .writable = true}};
    web.labels = {{"app", "shop"}, {"tier", "front"}};
    table_.Set(kId, std::make_shared<const container::Container>(std::move(web)));
  }

  void Load(const std::string& cgroup) {
    ring::RecordBuilder builder(SLUICE_RECORD_EVENT, SLUICE_HOOK_FILE_OPEN);
    builder.header().time_ns = 12 * kSecond;
    builder.header().mnt_ns = 1, builder.header().pid_ns = 2;
    builder.Item(SLUICE_ITEM_PATH, "/etc/shadow").Item(SLUICE_ITEM_CGROUP, cgroup);
    bytes_ = builder.Bytes();
    ASSERT_TRUE(ring::Decode(bytes_, record_).ok());
    event_->Reset(&record_, nullptr, -1);
  }

  std::string Get(std::string_view name, const std::string& argument = "") {
    const Value value = event_->Get({.field = check::FindField(name)->id, .index = -1, .argument = argument});
    switch (value.kind) {
      case Value::Kind::kString:
        return std::string(value.text);
      case Value::Kind::kNumber:
        return std::to_string(value.number);
      case Value::Kind::kBool:
        return value.number != 0 ? "true" : "false";
      default:
        return "absent";
    }
  }

  container::Table table_;
  std::string bytes_;  // that the record borrows
  ring::Record record_;
  std::unique_ptr<RecordEvent> event_;
};

TEST_F(ContainerFields, OfAKnownOne) {
  Know();
  Load("docker-" + kId + ".scope");
  EXPECT_EQ(Get("container.id"), "0123456789ab");
  EXPECT_EQ(Get("container.full_id"), kId);
  EXPECT_EQ(Get("container.name"), "web");
  EXPECT_EQ(Get("container.type"), "docker");
  EXPECT_EQ(Get("container.image"), "registry:5000/team/nginx:1.25");
  EXPECT_EQ(Get("container.image.repository"), "registry:5000/team/nginx");
  EXPECT_EQ(Get("container.image.tag"), "1.25");
  EXPECT_EQ(Get("container.image.id"), "a875");
  EXPECT_EQ(Get("container.image.digest"), "absent");
  EXPECT_EQ(Get("container.ip"), "172.17.0.2");
  EXPECT_EQ(Get("container.privileged"), "true");
  EXPECT_EQ(Get("container.host_pid"), "false");
  EXPECT_EQ(Get("container.host_network"), "absent");
  EXPECT_EQ(Get("container.start_ts"), "1005000000000");
  EXPECT_EQ(Get("container.duration"), "7000000000");
  EXPECT_EQ(Get("container.labels"), "app:shop, tier:front");
  EXPECT_EQ(Get("container.label", "tier"), "front");
  EXPECT_EQ(Get("container.label", "none"), "absent");
  EXPECT_EQ(Get("fd.containername"), "0123456789ab:/etc/shadow");
  EXPECT_EQ(Get("fd.containerdirectory"), "0123456789ab:/etc");
}

TEST_F(ContainerFields, MountsAreFoundByNumberOrPattern) {
  Know();
  Load(kId);
  EXPECT_EQ(Get("container.mounts"), "/proc:/host/proc::false:rslave,/srv/data:/data:z:true:");
  EXPECT_EQ(Get("container.mount", "1"), "/srv/data:/data:z:true:");
  EXPECT_EQ(Get("container.mount", "2"), "absent");
  EXPECT_EQ(Get("container.mount", "/srv/*"), "/srv/data:/data:z:true:");
  EXPECT_EQ(Get("container.mount.dest", "/proc*"), "/host/proc");
  EXPECT_EQ(Get("container.mount.dest", "/pro"), "absent");
  EXPECT_EQ(Get("container.mount.source", "/data"), "/srv/data");
  EXPECT_EQ(Get("container.mount.rdwr", "0"), "false");
  EXPECT_EQ(Get("container.mount.mode", "/srv/data"), "z");
  EXPECT_EQ(Get("container.mount.propagation", "/proc"), "rslave");
}

TEST_F(ContainerFields, OfAnUnknownOne) {
  Load(kId);
  EXPECT_EQ(Get("container.id"), "0123456789ab");
  for (const char* field :
       {"container.name", "container.type", "container.image.repository", "container.privileged",
        "container.start_ts", "container.mounts", "container.labels"})
    EXPECT_EQ(Get(field), "absent") << field;
  EXPECT_EQ(table_.TakeMissing(), std::vector<std::string>{kId});
}

TEST_F(ContainerFields, OfTheHost) {
  Load("sshd.service");
  EXPECT_EQ(Get("container.id"), "host");
  EXPECT_EQ(Get("container.full_id"), "host");
  EXPECT_EQ(Get("container.name"), "host");
  EXPECT_EQ(Get("container.type"), "host");
  EXPECT_EQ(Get("container.image"), "absent");
  EXPECT_EQ(Get("fd.containername"), ":/etc/shadow");
  EXPECT_TRUE(table_.TakeMissing().empty());
}

}  // namespace
}  // namespace sluice::eval
