#include "runtime/load/attach.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "runtime/load/libbpf_log.h"
#include "runtime/load/lsm_hooks.h"

namespace sluice::load {

Attachments::~Attachments() { DetachAll(); }

void Attachments::Add(bpf_object* object) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (!bpf_program__autoload(program)) continue;
    const std::string section = bpf_program__section_name(program);
    if (IsCompanion(program)) continue;
    if (section.rfind("iter/", 0) == 0) {
      if (section == "iter/task") iterator_ = program;  // the others' owners run them
      continue;
    }
    const std::string hook_name = LsmHookOf(program);
    programs_.push_back({program, hook_name, PointOf(program)});
  }
}

source::Status Attachments::AttachOne(Program& program) {
  if (program.link != nullptr) return absl::OkStatus();
  program.link = bpf_program__attach(program.program);
  if (program.link != nullptr) return absl::OkStatus();
  const int error = errno;
  return absl::FailedPreconditionError(
      fmt::format("the program {} cannot be attached to {}: {}{}", bpf_program__name(program.program),
                  bpf_program__section_name(program.program), std::strerror(error), TakeLibbpfLog()));
}

source::Status Attachments::AttachLineage() {
  for (Program& program : programs_) {
    if (program.hook != check::kNoHook) continue;
    if (source::Status attached = AttachOne(program); !attached.ok()) return attached;
  }
  return absl::OkStatus();
}

source::Status Attachments::Attach(uint64_t mask) {
  uint64_t before = 0;
  for (const Program& program : programs_) {
    if (program.link != nullptr) before |= 1ull << program.hook;
  }
  for (Program& program : programs_) {
    if (program.hook == check::kNoHook || (mask >> program.hook & 1) == 0) continue;
    source::Status attached = AttachOne(program);
    if (attached.ok()) continue;
    DetachAllBut(before);
    return attached;
  }
  return absl::OkStatus();
}

void Attachments::DetachAllBut(uint64_t mask) {
  for (Program& program : programs_) {
    if (program.hook == check::kNoHook || (mask >> program.hook & 1) != 0 || program.link == nullptr)
      continue;
    bpf_link__destroy(program.link);
    program.link = nullptr;
  }
}

source::Status Attachments::Pin(uint64_t mask, Pins& pins) {
  std::vector<Program*> pinned;
  for (Program& program : programs_) {
    const bool wanted = mask != 0 && (program.hook == check::kNoHook || (mask >> program.hook & 1) != 0);
    if (!wanted || program.link == nullptr || bpf_link__pin_path(program.link) != nullptr) continue;
    source::Status status = pins.Pin(program.link, bpf_program__name(program.program));
    if (status.ok()) {
      pinned.push_back(&program);
      continue;
    }
    for (Program* done : pinned) pins.Unpin(done->link);
    return status;
  }
  return absl::OkStatus();
}

void Attachments::UnpinAllBut(uint64_t mask, Pins& pins) {
  for (Program& program : programs_) {
    const bool wanted = mask != 0 && (program.hook == check::kNoHook || (mask >> program.hook & 1) != 0);
    if (!wanted && program.link != nullptr && bpf_link__pin_path(program.link) != nullptr)
      pins.Unpin(program.link);
  }
}

uint64_t Attachments::pinned() const {
  return static_cast<uint64_t>(std::count_if(programs_.begin(), programs_.end(), [](const Program& program) {
    return program.link != nullptr && bpf_link__pin_path(program.link) != nullptr;
  }));
}

void Attachments::DetachAll() {
  std::vector<uint32_t> ids;
  for (Program& program : programs_) {
    if (program.link == nullptr) continue;
    if (bpf_link__pin_path(program.link) == nullptr) ids.push_back(LinkId(bpf_link__fd(program.link)));
    bpf_link__destroy(program.link);
    program.link = nullptr;
  }
  WaitUntilGone(ids);
}

source::Status Attachments::IterateTasks() const {
  if (iterator_ == nullptr) return absl::InternalError("the programs have no task iterator");
  bpf_link* link = bpf_program__attach_iter(iterator_, nullptr);
  const int iteration = link == nullptr ? -1 : bpf_iter_create(bpf_link__fd(link));
  int error = iteration < 0 ? errno : 0;
  if (iteration >= 0) {
    char unused[256];
    ssize_t bytes = 0;
    do {
      bytes = read(iteration, unused, sizeof unused);
    } while (bytes > 0 || (bytes < 0 && errno == EAGAIN));
    if (bytes < 0) error = errno;
    close(iteration);
  }
  if (link != nullptr) bpf_link__destroy(link);
  if (error == 0) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("the kernel's tasks cannot be iterated: {}{}", std::strerror(error), TakeLibbpfLog()));
}

std::map<std::string, uint64_t> Attachments::Runs() const {
  std::map<std::string, uint64_t> runs;
  for (const Program& program : programs_) {
    if (program.link == nullptr || program.hook_name.empty()) continue;
    bpf_prog_info info{};
    uint32_t bytes = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program.program), &info, &bytes) != 0) continue;
    runs[program.hook_name] = info.run_cnt;
  }
  return runs;
}

}  // namespace sluice::load
