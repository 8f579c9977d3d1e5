// eval/event.h - one event, as the evaluator sees it: values of fields.
//
// Two sources exist: a kernel record with its lineage (RecordEvent, extract.h) and a JSON object (JsonEvent,
// json_event.h). Both answer the one question Get(); the evaluator caches answers per slot.
//
// Threads: an event belongs to one thread. Memory: views in a Value borrow from the event and live as long as
//          it.
// Errors:  none; what is not there is kAbsent, what could not be had is kUnknown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/check/checked.h"

namespace sluice::eval {

struct Value {
  enum class Kind : uint8_t { kAbsent, kUnknown, kString, kNumber, kDouble, kBool, kNet, kList };
  std::string_view text;  // kString; else empty
  union {
    int64_t number = 0;              // kNumber, kBool
    double real;                     // kDouble
    const std::vector<Value>* list;  // kList; elements are not lists
  };
  check::Net net;  // kNet: an address has its full prefix
  Kind kind = Kind::kAbsent;
  bool truncated = false;  // kString: only a prefix is known; what it cannot decide is unknown
  bool partial = false;    // kList: there are more elements that are not known (a gap in a lineage)

  static Value Absent() { return {}; }
  static Value Unknown() {
    Value v;
    v.kind = Kind::kUnknown;
    return v;
  }
  static Value String(std::string_view s) {
    Value v;
    v.kind = Kind::kString;
    v.text = s;
    return v;
  }
  static Value Number(int64_t n) {
    Value v;
    v.kind = Kind::kNumber;
    v.number = n;
    return v;
  }
  static Value Bool(bool b) {
    Value v;
    v.kind = Kind::kBool;
    v.number = b;
    return v;
  }
  static Value Double(double d) {
    Value v;
    v.kind = Kind::kDouble;
    v.real = d;
    return v;
  }
  static Value Net(const check::Net& n) {
    Value v;
    v.kind = Kind::kNet;
    v.net = n;
    return v;
  }
  static Value List(const std::vector<Value>* l) {
    Value v;
    v.kind = Kind::kList;
    v.list = l;
    return v;
  }
};

class Event {
 public:
  virtual ~Event() = default;
  virtual check::HookId hook() const = 0;
  // The type that evt.type names; kNoType when evt.type is absent, unknown, or no name of a type.
  virtual check::EventType type() const = 0;
  virtual Value Get(const check::FieldUse& use) const = 0;
  // The event itself says what there is (a JSON object): conditions are judged as written, not as they read
  // at the hook, where a field that the hook does not supply is absent.
  virtual bool IsSelfContained() const { return false; }
  // The field as a list, where a transformer takes one: proc.args is one text for Get() and its arguments
  // here.
  virtual Value GetList(const check::FieldUse& use) const { return Get(use); }
};

}  // namespace sluice::eval
