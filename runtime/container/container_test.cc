// Recorded state of four runtimes (testdata/), and a watch over a folder that changes.
#include "runtime/container/container.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/container/table.h"
#include "runtime/container/watch.h"

namespace sluice::container {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const std::string kDocker = "4f3c1e0a9b7d2c6e8f5a1b3c7d9e0f2a4b6c8d0e1f3a5b7c9d1e3f5a7b9c0d2e";
const std::string kCri = "0a1b2c3d4e5f60718293a4b5c6d7e8f9011223344556677889900aabbccddeef";
const std::string kSandbox(64, '7');
const std::string kPodman = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0";
const std::string kCrio = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";

std::string Recorded(const std::string& runtime) {
  return std::string(SLUICE_SOURCE_DIR) + "/runtime/container/testdata/" + runtime;
}

std::string Print(const Mount& mount) {
  return mount.source + ":" + mount.destination + ":" + mount.mode + ":" + (mount.writable ? "rw" : "ro") +
         ":" + mount.propagation;
}

std::vector<std::string> Print(const std::vector<Mount>& mounts) {
  std::vector<std::string> lines;
  lines.reserve(mounts.size());
  for (const Mount& mount : mounts) lines.push_back(Print(mount));
  return lines;
}

TEST(Container, OfDocker) {
  const auto container = Read(Recorded("docker"), kDocker);
  ASSERT_TRUE(container);
  EXPECT_EQ(container->type, "docker");
  EXPECT_EQ(container->name, "web");
  EXPECT_EQ(container->image, "registry.example.com:5000/team/nginx:1.25");
  EXPECT_EQ(container->image_id, "a8758716bb6aa4d90071160d27028fe4eaee7ce8166221a97d30440c8eac2be6");
  EXPECT_EQ(container->privileged, true);
  EXPECT_EQ(container->host_pid, true);
  EXPECT_EQ(container->host_network, false);
  EXPECT_EQ(container->ip, "172.17.0.2");
  EXPECT_EQ(container->start_ns, 1795166102123456789);
  EXPECT_THAT(Print(container->mounts),
              ElementsAre("/var/lib/docker/volumes/data/_data:/data:z:rw:", "/proc:/host/proc::ro:rslave"));
  EXPECT_THAT(container->labels, ElementsAre(Pair("com.example.tier", "front"), Pair("maintainer", "web")));
}

TEST(Container, OfContainerd) {
  const auto container = Read(Recorded("containerd"), kCri);
  ASSERT_TRUE(container);
  EXPECT_EQ(container->type, "containerd");
  EXPECT_EQ(container->name, "api");
  EXPECT_EQ(SplitImage(container->image).repository, "ghcr.io/acme/api");
  EXPECT_EQ(container->image_digest, "sha256:" + std::string(64, '1'));
  EXPECT_EQ(container->privileged, false);
  EXPECT_EQ(container->host_pid, false);
  EXPECT_EQ(container->host_network, std::nullopt);  // of a process that is not in the record
  EXPECT_NE(container->start_ns, 0);
  EXPECT_THAT(Print(container->mounts),
              ElementsAre("/var/lib/kubelet/pods/0e6f3c62/etc-hosts:/etc/hosts::rw:rprivate",
                          "/etc:/host/etc::ro:rslave"));
  EXPECT_EQ(container->labels.at("io.kubernetes.pod.namespace"), "shop");
  const auto sandbox = Read(Recorded("containerd"), kSandbox);
  ASSERT_TRUE(sandbox);
  EXPECT_EQ(sandbox->name, "node-agent-x2x");
  EXPECT_EQ(sandbox->privileged, true);
  EXPECT_EQ(sandbox->host_network, true);
  EXPECT_EQ(sandbox->start_ns, 0);  // not started
}

TEST(Container, OfPodman) {
  const auto container = Read(Recorded("podman"), kPodman);
  ASSERT_TRUE(container);
  EXPECT_EQ(container->type, "podman");
  EXPECT_EQ(container->name, "quiet_darwin");
  EXPECT_EQ(container->image, "docker.io/library/httpd:2.4");
  EXPECT_EQ(container->image_id, "c1aabb73d2339c5ebaa3681de2e9d9c18d57485045a4e311d9f8004bec208d67");
  EXPECT_EQ(container->privileged, false);
  EXPECT_THAT(Print(container->mounts), ElementsAre("/srv/www:/srv::rw:rprivate"));
}

TEST(Container, OfCrio) {
  const auto container = Read(Recorded("crio"), kCrio);
  ASSERT_TRUE(container);
  EXPECT_EQ(container->type, "cri-o");
  EXPECT_EQ(container->name, "db");
  EXPECT_EQ(container->image, "quay.io/acme/db:15");
  EXPECT_EQ(container->image_digest, "sha256:" + std::string(64, '2'));
  EXPECT_EQ(container->privileged, false);  // it says so itself
  EXPECT_EQ(container->labels.at("app"), "db");
}

TEST(Container, OfNobody) {
  for (const char* runtime : {"docker", "containerd", "podman", "crio", "nowhere"})
    EXPECT_FALSE(Read(Recorded(runtime), std::string(64, '0'))) << runtime;
}

class Folder {
 public:
  Folder() { path_ = mkdtemp(name_); }
  ~Folder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  char name_[32] = "/tmp/sluice-container-XXXXXX";
  std::string path_;
};

TEST(Container, WhatIsNotAsExpectedIsLeftOut) {
  const Folder folder;
  const fs::path of_id = fs::path(folder.path()) / "var/lib/docker/containers" / kDocker;
  fs::create_directories(of_id);
  const auto write = [&](const char* name, std::string_view text) { std::ofstream(of_id / name) << text; };
  for (const char* text : {"", "{", "[]", "null", "7", "\"\\u0000\"", "\xff\xfe"}) {
    write("config.v2.json", text);
    write("hostconfig.json", "{}");
    EXPECT_FALSE(Read(folder.path(), kDocker)) << text;
  }
  write("config.v2.json",
        R"({"Name": 7, "Config": {"Image": ["x"], "Labels": {"a": 1}}, "MountPoints": {"/a": null},
                             "State": {"StartedAt": "soon"}, "NetworkSettings": []})");
  write("hostconfig.json", R"({"Privileged": "yes"})");
  const auto container = Read(folder.path(), kDocker);
  ASSERT_TRUE(container);
  EXPECT_EQ(container->name, "");
  EXPECT_EQ(container->privileged, false);
  EXPECT_EQ(container->start_ns, 0);
  EXPECT_THAT(Print(container->mounts), ElementsAre(":/a::ro:"));
}

TEST(Container, DockersDataMayLieElsewhere) {
  const Folder folder;
  const fs::path root(folder.path());
  fs::create_directories(root / "etc/docker");
  fs::create_directories(root / "data");
  std::ofstream(root / "etc/docker/daemon.json") << R"({"data-root": "/data/docker"})";
  fs::copy(Recorded("docker") + "/var/lib/docker", root / "data/docker", fs::copy_options::recursive);
  EXPECT_TRUE(Read(folder.path(), kDocker));
}

TEST(Container, ImageNames) {
  const auto split = [](std::string_view image) {
    const ImageName name = SplitImage(image);
    return std::string(name.repository) + " " + std::string(name.tag) + " " + std::string(name.digest);
  };
  EXPECT_EQ(split("nginx"), "nginx  ");
  EXPECT_EQ(split("nginx:1.25"), "nginx 1.25 ");
  EXPECT_EQ(split("host:5000/a/b"), "host:5000/a/b  ");
  EXPECT_EQ(split("host:5000/a/b:c@sha256:d"), "host:5000/a/b c sha256:d");
  EXPECT_EQ(split(""), "  ");
}

std::vector<Change> WaitFor(Watch& watch, size_t count) {
  std::vector<Change> all;
  for (int i = 0; i < 1000 && all.size() < count; ++i) {
    for (Change& change : watch.Take()) all.push_back(std::move(change));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return all;
}

TEST(Watch, TellsThoseThatAreThereAndThoseThatCome) {
  const Folder folder;
  const fs::path containers = fs::path(folder.path()) / "var/lib/docker/containers";
  const fs::path recorded = Recorded("docker") + "/var/lib/docker/containers/" + kDocker;
  fs::create_directories(containers);
  fs::copy(recorded, containers / kDocker, fs::copy_options::recursive);
  const auto opened = Watch::Open(folder.path());
  ASSERT_TRUE(opened.ok());
  Watch& watch = **opened;
  std::vector<Change> changes = WaitFor(watch, 1);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].id, kDocker);
  EXPECT_EQ(changes[0].container->name, "web");
  // A runtime makes the folder first.
  const std::string later(64, 'c');
  fs::create_directory(containers / later);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  for (const char* file : {"config.v2.json", "hostconfig.json"})
    fs::copy(recorded / file, containers / later / file);
  changes = WaitFor(watch, 1);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].id, later);
}

TEST(Watch, LooksForOneThatIsWanted) {
  const Folder folder;
  const auto opened = Watch::Open(folder.path());
  ASSERT_TRUE(opened.ok());
  Watch& watch = **opened;
  const fs::path containers = fs::path(folder.path()) / "var/lib/docker/containers";
  fs::create_directories(containers.parent_path());
  fs::copy(Recorded("docker") + "/var/lib/docker/containers", containers, fs::copy_options::recursive);
  watch.Want(kDocker);
  EXPECT_GE(WaitFor(watch, 1).size(), 1u);  // the folder may have been seen as well
}

TEST(Table, AsksForAnUnknownOneOnce) {
  Table table;
  EXPECT_EQ(table.Find(kDocker), nullptr);
  EXPECT_EQ(table.Find(kDocker), nullptr);
  EXPECT_THAT(table.TakeMissing(), ElementsAre(kDocker));
  EXPECT_THAT(table.TakeMissing(), IsEmpty());
  table.Set(kDocker, std::make_shared<const Container>(Container{.id = kDocker, .name = "web"}));
  ASSERT_NE(table.Find(kDocker), nullptr);
  EXPECT_EQ(table.Find(kDocker)->name, "web");
  table.Set(kDocker, nullptr);
  EXPECT_EQ(table.Find(kDocker), nullptr);
}

}  // namespace
}  // namespace sluice::container
