// kernel_live - what the command line cannot bring about, straight through load/. Runs as root in a guest.
//
//   kernel_live full-map FILE    a rule set that denies FILE, then one that does not fit its tables
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "compiler/kplan/build_partition.h"
#include "runtime/load/kernel.h"

namespace sluice {
namespace {

kplan::KernelPlan DenyAll(const std::vector<std::string>& paths) {
  split::Partition partition;
  const check::RuleId rule = kplan::AddRule(partition, "deny", ast::Action::kDeny);
  const uint32_t lookup = kplan::StringLookup(SLUICE_STR_PATH, SLUICE_MODE_EXACT);
  kplan::AddClause(partition, SLUICE_HOOK_FILE_OPEN, {kplan::One(lookup, kplan::Strings(paths))}, rule);
  diag::Diagnostics diagnostics;
  return kplan::LowerKernel(partition, diagnostics);
}

const char* Open(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return strerrorname_np(errno);
  close(file);
  return "ok";
}

int Fail(const source::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

int FullMap(const char* path) {
  load::Options options;
  options.max_entries = 4;
  source::Result<std::unique_ptr<load::Kernel>> opened = load::Kernel::Open(options);
  if (!opened.ok()) return Fail(opened.status());
  load::Kernel& kernel = **opened;
  if (source::Status attached = kernel.AttachLineage(); !attached.ok()) return Fail(attached);
  lineage::Tree tree{lineage::Limits{}};
  const auto drain = [&kernel] { kernel.Poll(0, [](std::string_view) {}).IgnoreError(); };
  const source::Result<uint32_t> first = kernel.Swap(DenyAll({path}), tree, drain);
  if (!first.ok()) return Fail(first.status());
  if (source::Status canary = kernel.Canary(); !canary.ok()) return Fail(canary);
  std::printf("first set: %s\n", Open(path));
  std::vector<std::string> many;
  for (int i = 0; i < 5; ++i) many.push_back("/many/" + std::to_string(i));
  const source::Result<uint32_t> second = kernel.Swap(DenyAll(many), tree, drain);
  std::printf("second set: %s\n", absl::StatusCodeToString(second.status().code()).c_str());
  std::printf("after it: %s\n", Open(path));
  std::fprintf(stderr, "%s\n", second.status().ToString().c_str());
  kernel.Detach();
  return 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "full-map") == 0) return sluice::FullMap(argv[2]);
  std::fprintf(stderr, "kernel_live: wrong usage; see the head of kernel_live.cc\n");
  return 2;
}
