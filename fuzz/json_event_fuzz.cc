// Any text as an event: an event or an error, and every field of an event can be asked for.
#include "runtime/eval/json_event.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  static volatile size_t sink = 0;
  const auto event = eval::JsonEvent::Parse({reinterpret_cast<const char*>(data), size});
  if (!event.ok()) return 0;
  const eval::Event& e = **event;
  sink = sink + e.hook() + e.type() + (*event)->unknown_keys().size();
  for (const check::FieldRow& row : check::Fields()) {
    for (int32_t index = -1; index < 3; ++index) {
      const eval::Value value = e.Get({.field = row.id, .index = index, .argument = {}});
      const eval::Value list = e.GetList({.field = row.id, .index = index, .argument = {}});
      sink = sink + value.text.size() + (list.kind == eval::Value::Kind::kList ? list.list->size() : 0);
    }
  }
  return 0;
}
