// eval/extractors.h - the tables behind RecordEvent: one function a field. Private to eval/.
//
// Threads: one a view. Memory: texts that are made go into the view's arena. Errors: none.
#pragma once

#include <array>
#include <vector>

#include "compiler/check/operand.h"
#include "runtime/eval/arena.h"
#include "runtime/eval/extract.h"

namespace sluice::eval {

// Arguments or an environment: strings, each with its NUL.
struct Strings {
  bool known = false;      // false: nothing is known of it
  bool truncated = false;  // `bytes` is only the beginning
  std::string_view bytes;
};

// What extractors look at.
struct RecordView {
  const sluice_record& header() const { return record->header; }
  // With the new image; one that failed by itself (SLUICE_EVENT_GIVEN) has its caller's.
  bool IsExec() const {
    return header().kind == SLUICE_RECORD_EXEC ||
           (header().hook == SLUICE_HOOK_BPRM_CHECK && (header().flags & SLUICE_EVENT_GIVEN) == 0);
  }
  // An exec that did not come to be: the tree still has the old image.
  bool IsRefusedExec() const { return header().kind != SLUICE_RECORD_EXEC && IsExec(); }
  check::HookId hook() const {
    return IsExec() ? check::HookId{SLUICE_HOOK_BPRM_CHECK} : check::HookId{header().hook};
  }
  bool Is(check::HookId hook) const { return header().hook == hook && !IsExec(); }

  // Boot time to nanoseconds since 1970. Unsigned inside: a record from a file may hold any number.
  int64_t UnixTime(uint64_t boot_ns) const {
    return static_cast<int64_t>(boot_ns + static_cast<uint64_t>(boot_to_unix_ns));
  }

  const ring::Record* record = nullptr;
  std::shared_ptr<const lineage::Link> self;  // null: not known
  int round = -1;
  uint64_t number = 0;                                // of the event; 0: not known
  const lineage::Tree* tree = nullptr;                // null: only `self` and its ancestors are known
  std::shared_ptr<const lineage::Link> group_leader;  // what was found there, for its texts' sake
  const Names* names = nullptr;
  container::Table* containers = nullptr;
  const hosts::Table* hosts = nullptr;
  Arena arena;
  std::string hostname;
  int64_t boot_to_unix_ns = 0;
  std::optional<int32_t> utc_offset_s;
  uint32_t host_mnt_ns = 0, host_pid_ns = 0;
  std::array<std::vector<Value>, SLUICE_ENDS> host_names;
};

using Extractor = Value (*)(RecordView&, const check::FieldUse&);
struct ExtractorRow {
  check::FieldId field;
  Extractor extract;
};

const std::vector<ExtractorRow>& EventExtractors();    // evt, syscall, fd, fs
const std::vector<ExtractorRow>& ProcessExtractors();  // proc, thread, user, group
const std::vector<ExtractorRow>& ContainerExtractors();
const std::vector<ExtractorRow>& LineageExtractors();  // the parent, ancestors, the session leader
Value ExtractArg(RecordView& view, const check::FieldUse& use);
Value ExtractRawArg(RecordView& view, const check::FieldUse& use);
Value ExtractArgs(RecordView& view, const check::FieldUse& use);  // all that are known: name=value ...
Value ExtractOperand(RecordView& view, const check::Operand& operand);
Value ExtractRawOperand(RecordView& view,
                        const check::Operand& operand);  // a number in place of its name or digits

Value FromText(const ring::Text& text);

// Of the call: unknown where it was not waited for, absent where there is no call.
Value ResultOf(const RecordView& view);
// "SUCCESS", or the name of the error, or its number.
Value ErrorText(RecordView& view, int64_t result);

// The acting process under its (at exec: new) image.
Value OwnName(RecordView& view);
Value OwnExepath(RecordView& view);
Strings OwnArgs(const RecordView& view);
Strings OwnEnv(const RecordView& view);

// Of argv, its first string being argv[0].
Value ExeOf(const Strings& argv);
Value ArgsOf(RecordView& view, const Strings& argv);
Value ArgOf(const Strings& argv, int32_t index);
Value LineOf(RecordView& view, const Value& head,
             const Strings& argv);                          // `head` and the arguments behind argv[0]
Value ArgumentList(RecordView& view, const Strings& argv);  // those behind argv[0]
Value ArgumentCount(const Strings& argv);
Value ArgumentBytes(const Strings& argv);
Value Variable(const Strings& env, std::string_view name);
Value Joined(RecordView& view, const Strings& strings);  // all of them, by blanks
Strings ArgvOf(const lineage::Image& image);

}  // namespace sluice::eval
