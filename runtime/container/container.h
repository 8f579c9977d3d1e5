// container/container.h - what the runtimes' own state says of a container.
//
// Read() looks where docker, containerd (Kubernetes', k3s's, docker's), podman and CRI-O keep it on disk; no runtime is
// asked, none needs to run. What a runtime does not write down is not known.
//
//   docker      DATA-ROOT/containers/ID/{config.v2.json,hostconfig.json}
//   containerd  /run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json, /run/k3s/containerd/...
//   podman,     {/run,/var/lib}/containers/storage/overlay-containers/ID/userdata/config.json, and
//   CRI-O       containers.json beside the IDs
//
// Threads: pure functions of the files. Memory: the files, 16 MB each at most. Time: nanoseconds since 1970.
// Errors:  none; what is not there or not as expected is left out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::container {

inline constexpr size_t kIdDigits = 64;
inline constexpr size_t kShownDigits = 12;  // of container.id

bool IsId(std::string_view text);

struct Mount {
  std::string source = {}, destination = {}, mode = {}, propagation = {};
  bool writable = false;
};

struct Container {
  std::string id = {};    // kIdDigits hexadecimal digits
  std::string type = {};  // docker, containerd, podman, cri-o
  std::string name = {};
  std::string image = {}, image_id = {}, image_digest = {};
  std::string ip = {};
  std::optional<bool> privileged = {}, host_pid = {}, host_network = {}, host_ipc = {};
  int64_t start_ns = 0;  // 0: not known (yet)
  std::vector<Mount> mounts = {};
  std::map<std::string, std::string> labels = {};
};

// The folders in which runtimes keep a folder a container, below `root` ("" for this host).
std::vector<std::string> StateFolders(const std::string& root);

// REQUIRES: IsId(id). Nothing when no runtime knows it, or its files are not whole yet.
std::optional<Container> Read(const std::string& root, std::string_view id);

// `registry:5000/team/app:1.2@sha256:ab...` -> `registry:5000/team/app`, `1.2`, `sha256:ab...`
struct ImageName {
  std::string_view repository, tag, digest;
};
ImageName SplitImage(std::string_view image);

}  // namespace sluice::container
