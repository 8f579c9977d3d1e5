// eval/json_event.h - an event written as JSON: one flat object with Falco's field names as keys.
//
// A missing key or null is an absent field. A key's own value wins; nothing is derived except proc.aname[n]
// (and its kin) from an array, parent first, [0] being the process itself, the ends of a connection for fd.ip, fd.port,
// fd.net, and evt.type.is.NAME from evt.type. Strings hold bytes: one code point per byte (code points above 255 are kept as
// UTF-8). The hook follows from evt.hook or evt.type. An event of a stream has evt.num and evt.dir, as a live one has.
//
// Threads: none shared. Errors: kInvalidArgument with the byte offset and reason; no exception leaves
//          (nlohmann-json is fenced in json_event.cc). Unknown keys are collected, to be warned about once.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/source.h"
#include "runtime/eval/event.h"

namespace sluice::eval {

class JsonEvent : public Event {
 public:
  // `number`: which event of its stream it is, from 1; 0: of none.
  static source::Result<std::unique_ptr<JsonEvent>> Parse(std::string_view json, uint64_t number = 0);
  ~JsonEvent() override;

  check::HookId hook() const override;
  check::EventType type() const override;
  Value Get(const check::FieldUse& use) const override;
  bool IsSelfContained() const override { return true; }
  Value GetList(const check::FieldUse& use) const override;

  const std::vector<std::string>& unknown_keys() const;

 private:
  JsonEvent();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::eval
