// The one place that knows the files' shapes (and JSON).
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/time/time.h"
#include "runtime/container/container.h"

namespace sluice::container {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::streamsize kMaxFileBytes = 16 << 20;
constexpr const char* kTasks[] = {"/run/containerd/io.containerd.runtime.v2.task",
                                  "/run/k3s/containerd/io.containerd.runtime.v2.task"};
constexpr const char* kStorage[] = {"/run/containers/storage/overlay-containers",
                                    "/var/lib/containers/storage/overlay-containers"};

// Null when it is not there, too large or no JSON.
Json ReadJson(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return nullptr;
  std::string text;
  for (char block[65536]; file.read(block, sizeof block) || file.gcount() > 0;) {
    text.append(block, static_cast<size_t>(file.gcount()));
    if (text.size() > static_cast<size_t>(kMaxFileBytes)) return nullptr;
  }
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(nullptr) : json;
}

const Json& At(const Json& object, const char* key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

std::string Text(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool IsTrue(const Json& object, const char* key) {
  const Json& value = At(object, key);
  return value.is_boolean() && value.get<bool>();
}

std::string FirstOf(std::initializer_list<std::string> texts) {
  for (const std::string& text : texts) {
    if (!text.empty()) return text;
  }
  return {};
}

void KeepLabels(const Json& object, std::map<std::string, std::string>& labels) {
  if (!object.is_object()) return;
  for (const auto& [key, value] : object.items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
}

int64_t ChangedNs(const fs::path& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return 0;
  return int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

// ---- docker

std::string DockerRoot(const std::string& root) {
  const std::string set = Text(ReadJson(root + "/etc/docker/daemon.json"), "data-root");
  return root + (set.empty() ? "/var/lib/docker" : set);
}

void KeepDockerMounts(const Json& points, std::vector<Mount>& mounts) {
  if (!points.is_object()) return;
  for (const auto& [destination, point] : points.items()) {
    mounts.push_back({.source = Text(point, "Source"),
                      .destination = FirstOf({Text(point, "Destination"), destination}),
                      .mode = Text(point, "Relabel"),
                      .propagation = Text(point, "Propagation"),
                      .writable = IsTrue(point, "RW")});
  }
}

int64_t DockerStart(const Json& state) {
  absl::Time start;
  if (!absl::ParseTime(absl::RFC3339_full, Text(state, "StartedAt"), &start, nullptr)) return 0;
  return std::max<int64_t>(absl::ToUnixNanos(start), 0);  // the year 1: not started yet
}

std::optional<Container> ReadDocker(const std::string& root, const std::string& id) {
  const fs::path folder = fs::path(DockerRoot(root)) / "containers" / id;
  const Json config = ReadJson(folder / "config.v2.json");
  const Json host = ReadJson(folder / "hostconfig.json");
  if (!config.is_object() || !host.is_object()) return {};
  Container container{.id = id, .type = "docker"};
  container.name = Text(config, "Name");
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  container.image = Text(At(config, "Config"), "Image");
  container.image_id = Text(config, "Image");
  if (container.image_id.starts_with("sha256:")) container.image_id.erase(0, 7);
  container.privileged = IsTrue(host, "Privileged");
  container.host_pid = Text(host, "PidMode") == "host";
  container.host_network = Text(host, "NetworkMode") == "host";
  container.host_ipc = Text(host, "IpcMode") == "host";
  container.start_ns = DockerStart(At(config, "State"));
  KeepDockerMounts(At(config, "MountPoints"), container.mounts);
  KeepLabels(At(At(config, "Config"), "Labels"), container.labels);
  const Json& networks = At(At(config, "NetworkSettings"), "Networks");
  for (const auto& [name, network] : networks.items()) {
    if (container.ip.empty()) container.ip = Text(network, "IPAddress");
  }
  return container;
}

// ---- what the OCI runtime was told (config.json): containerd, podman, CRI-O

bool Holds(const Json& list, std::string_view text) {
  return list.is_array() && std::any_of(list.begin(), list.end(), [text](const Json& element) {
           return element.is_string() && element.get_ref<const std::string&>() == text;
         });
}

// No runtime writes `privileged` there. It is what takes every fence away: the capabilities that reach the host's
// devices and modules, no hidden paths, no system call filter.
bool LooksPrivileged(const Json& spec) {
  const Json& bounding = At(At(At(spec, "process"), "capabilities"), "bounding");
  const Json& system = At(spec, "linux");
  for (const char* capability : {"CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"}) {
    if (!Holds(bounding, capability)) return false;
  }
  return At(system, "maskedPaths").empty() && At(system, "seccomp").empty();
}

// Nothing where the host's and the container's cannot be told apart.
std::optional<bool> SharesHost(const std::string& root, const Json& spec, const char* kind,
                               const char* proc_name) {
  const Json& namespaces = At(At(spec, "linux"), "namespaces");
  if (!namespaces.is_array()) return {};
  for (const Json& entry : namespaces) {
    if (Text(entry, "type") != kind) continue;
    const std::string path = Text(entry, "path");
    if (path.empty()) return false;
    struct stat theirs, hosts;
    if (stat((root + path).c_str(), &theirs) != 0) return {};
    if (stat((root + "/proc/1/ns/" + proc_name).c_str(), &hosts) != 0) return {};
    return theirs.st_ino == hosts.st_ino && theirs.st_dev == hosts.st_dev;
  }
  return true;
}

// The binds that somebody asked for: the runtime's own come from a folder of the container's.
void KeepBinds(const Json& entries, const std::string& id, std::vector<Mount>& mounts) {
  if (!entries.is_array()) return;
  for (const Json& entry : entries) {
    const Json& options = At(entry, "options");
    if (Text(entry, "type") != "bind" && !Holds(options, "bind") && !Holds(options, "rbind")) continue;
    Mount mount{.source = Text(entry, "source"), .destination = Text(entry, "destination")};
    if (mount.source.find(id) != std::string::npos) continue;
    mount.writable = !Holds(options, "ro");
    for (const char* propagation :
         {"private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable"}) {
      if (Holds(options, propagation)) mount.propagation = propagation;
    }
    mounts.push_back(std::move(mount));
  }
}

void ApplySpec(const std::string& root, const Json& spec, Container& container) {
  container.privileged = LooksPrivileged(spec);
  container.host_pid = SharesHost(root, spec, "pid", "pid");
  container.host_network = SharesHost(root, spec, "network", "net");
  container.host_ipc = SharesHost(root, spec, "ipc", "ipc");
  KeepBinds(At(spec, "mounts"), container.id, container.mounts);
}

void KeepDigest(Container& container) { container.image_digest = SplitImage(container.image).digest; }

std::optional<Container> ReadTask(const std::string& root, const std::string& id) {
  std::error_code error;
  for (const char* tasks : kTasks) {
    for (fs::directory_iterator at(root + tasks, error), end; !error && at != end; at.increment(error)) {
      const fs::path bundle = at->path() / id;
      const Json spec = ReadJson(bundle / "config.json");
      if (!spec.is_object()) continue;
      const Json& notes = At(spec, "annotations");
      Container container{.id = id, .type = at->path().filename() == "moby" ? "docker" : "containerd"};
      container.name = FirstOf({Text(notes, "io.kubernetes.cri.container-name"),
                                Text(notes, "io.kubernetes.cri.sandbox-name"), Text(notes, "nerdctl/name")});
      container.image = Text(notes, "io.kubernetes.cri.image-name");
      KeepDigest(container);
      for (const auto& [note, label] :
           {std::pair{"io.kubernetes.cri.container-name", "io.kubernetes.container.name"},
            std::pair{"io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"},
            std::pair{"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"},
            std::pair{"io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"}}) {
        if (std::string text = Text(notes, note); !text.empty()) container.labels[label] = std::move(text);
      }
      ApplySpec(root, spec, container);
      container.start_ns = ChangedNs(bundle / "init.pid");
      return container;
    }
  }
  return {};
}

// ---- podman and CRI-O: containers/storage

// Its entry in containers.json; what was told of it there is JSON inside of JSON.
void ApplyStorage(const std::string& root, Container& container) {
  for (const char* storage : kStorage) {
    for (const char* file : {"containers.json", "volatile-containers.json"}) {
      const Json list = ReadJson(fs::path(root + storage) / file);
      if (!list.is_array()) continue;
      for (const Json& entry : list) {
        if (Text(entry, "id") != container.id) continue;
        const Json told = Json::parse(Text(entry, "metadata"), nullptr, false);
        const Json& names = At(entry, "names");
        const bool named = names.is_array() && !names.empty() && names[0].is_string();
        container.name =
            FirstOf({container.name, Text(told, "name"), named ? names[0].get<std::string>() : ""});
        container.image = FirstOf({container.image, Text(told, "image-name")});
        container.image_id = FirstOf({container.image_id, Text(entry, "image"), Text(told, "image-id")});
        return;
      }
    }
  }
}

std::optional<Container> ReadStorage(const std::string& root, const std::string& id) {
  for (const char* storage : kStorage) {
    const fs::path folder = fs::path(root + storage) / id / "userdata";
    const Json spec = ReadJson(folder / "config.json");
    if (!spec.is_object()) continue;
    const Json& notes = At(spec, "annotations");
    const bool crio = At(notes, "io.kubernetes.cri-o.ContainerType").is_string();
    Container container{.id = id, .type = crio ? "cri-o" : "podman"};
    container.name =
        FirstOf({Text(notes, "io.kubernetes.container.name"), Text(notes, "io.kubernetes.cri-o.Name")});
    container.image = Text(notes, "io.kubernetes.cri-o.ImageName");
    if (!crio) container.name.clear();
    if (const std::string reference = Text(notes, "io.kubernetes.cri-o.ImageRef"); !reference.empty())
      container.image_digest = SplitImage(reference).digest;
    KeepLabels(Json::parse(Text(notes, "io.kubernetes.cri-o.Labels"), nullptr, false), container.labels);
    ApplyStorage(root, container);
    if (container.image_digest.empty()) KeepDigest(container);
    ApplySpec(root, spec, container);
    const std::string told = FirstOf({Text(notes, "io.kubernetes.cri-o.PrivilegedRuntime"),
                                      Text(notes, "io.podman.annotations.privileged")});
    if (!told.empty()) container.privileged = told == "true" || told == "TRUE";
    container.start_ns = 0;
    for (const char* of_run : kStorage) {
      if (container.start_ns == 0)
        container.start_ns = ChangedNs(fs::path(root + of_run) / id / "userdata" / "pidfile");
    }
    return container;
  }
  return {};
}

}  // namespace

bool IsId(std::string_view text) {
  return text.size() == kIdDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::vector<std::string> StateFolders(const std::string& root) {
  std::vector<std::string> folders = {DockerRoot(root) + "/containers"};
  for (const char* storage : kStorage) folders.push_back(root + storage);
  std::error_code error;
  for (const char* tasks : kTasks) {
    folders.push_back(root + tasks);  // for the namespaces to come
    for (fs::directory_iterator at(root + tasks, error), end; !error && at != end; at.increment(error))
      folders.push_back(at->path());
  }
  return folders;
}

std::optional<Container> Read(const std::string& root, std::string_view id) {
  const std::string name(id);
  std::optional<Container> container = ReadDocker(root, name);
  if (!container) container = ReadTask(root, name);
  if (!container) container = ReadStorage(root, name);
  return container;
}

ImageName SplitImage(std::string_view image) {
  ImageName name;
  if (const size_t at = image.find('@'); at != std::string_view::npos) {
    name.digest = image.substr(at + 1);
    image = image.substr(0, at);
  }
  const size_t slash = image.rfind('/');
  const size_t colon = image.rfind(':');  // of a registry's port when a slash follows
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    name.tag = image.substr(colon + 1);
    image = image.substr(0, colon);
  }
  name.repository = image;
  return name;
}

}  // namespace sluice::container
