// alert/alert.h - a match, ready to be told.
//
// Formats the rule's output text, collects output_fields, decides the decision word and the id, and merges:
// one operation gives a rule at most one alert.
//
// Threads: Make() on the engine thread; an Alert owns everything and may go to any thread.
// Time:    boot-time nanoseconds inside; wall time in ToJson() through the offset that the alert
//          carries.
// Errors:  none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/eval/evaluator.h"
#include "runtime/lineage/tree.h"

namespace sluice::alert {

enum class Decision : uint8_t { kAlert, kDenied, kKilled, kAudited, kUndecided };
std::string_view DecisionName(Decision decision);  // "alert", "denied", "killed", "audited", "undecided"

// One output field: JSON types follow Falco's (numbers, booleans, strings, lists, null).
struct OutputField {
  std::string name;
  enum class Kind : uint8_t { kNull, kString, kNumber, kDouble, kBool, kList } kind = Kind::kNull;
  std::string text;
  int64_t number = 0;
  double real = 0;
  std::vector<std::string> list;
};

struct Ancestor {
  uint32_t pid = 0;
  std::string name, exepath;
};

struct Alert {
  std::string id;  // hash of boot id, record sequence and time, and rule name: equal for a record read twice
  std::string rule;
  ast::Priority priority = ast::Priority::kDebug;
  Decision decision = Decision::kAlert;
  std::string hook;    // "file_open"
  std::string source;  // "syscall"
  std::string output;  // formatted text
  std::vector<OutputField> fields;
  std::vector<std::string> tags;
  uint32_t pid = 0;                 // whose operation it was; 0 when not known
  std::vector<Ancestor> ancestors;  // parent first
  std::string hostname;
  uint64_t time_unix_ns = 0;
  uint64_t suppressed = 0;  // alerts of this rule and key that its throttle held back before this one
};

// What all alerts of a run share.
struct Host {
  std::string hostname;
  std::string boot_id;
  int64_t boot_to_unix_ns = 0;
};

// `record_id` (cpu and sequence) is unique to a record of this agent, with its time within a boot. REQUIRES: `evaluator` has begun the event.
Alert Make(eval::Evaluator& evaluator, const check::CheckedRule& rule, Decision decision,
           const eval::Event& event, const lineage::Link* self, uint64_t record_id, const Host& host,
           uint64_t time_boot_ns);

// A value as an output shows it: `<NA>` when absent, `<unknown>`, a list as `(a,b)` or `a->b`.
std::string ValueText(const eval::Value& value, check::Shape shape);

// Falco's JSON object with id, decision, hook and ancestors added; one line, no newline.
std::string ToJson(const Alert& alert);
// The same for people, from ToJson()'s text: `HH:MM:SS.nnnnnnnnn: Priority output (decision)`; colour when
// asked for.
std::string ToText(std::string_view json, bool colour);

}  // namespace sluice::alert
