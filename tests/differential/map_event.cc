#include "tests/differential/map_event.h"

namespace sluice::differential {

using naive::Value;

eval::Value MapEvent::Get(const check::FieldUse& use) const {
  const std::string name(check::RowOf(use.field).name);
  if (use.index < 0) {
    const auto found = event_.fields.find(use.Name());
    return found == event_.fields.end() ? eval::Value::Absent() : Of(found->second);
  }
  if (use.index == 0) {
    std::string self = name;
    self.erase(self.find('.') + 1, 1);
    const auto found = event_.fields.find(self);
    return found == event_.fields.end() ? eval::Value::Absent() : Of(found->second);
  }
  const auto found = event_.fields.find(name);
  if (found == event_.fields.end()) return eval::Value::Absent();
  const Value& all = found->second;
  const auto level = static_cast<size_t>(use.index);
  if (level <= all.list.size()) return Of(all.list[level - 1]);
  return all.partial ? eval::Value::Unknown() : eval::Value::Absent();
}

eval::Value MapEvent::Of(const Value& value) const {
  switch (value.kind) {
    case Value::Kind::kAbsent:
      return eval::Value::Absent();
    case Value::Kind::kUnknown:
      return eval::Value::Unknown();
    case Value::Kind::kString:
      return eval::Value::String(value.text);
    case Value::Kind::kInt:
    case Value::Kind::kPort:
      return eval::Value::Number(value.number);
    case Value::Kind::kDouble:
      return eval::Value::Double(value.real);
    case Value::Kind::kBool:
      return eval::Value::Bool(value.boolean);
    case Value::Kind::kNet:  // the generator makes none
    case Value::Kind::kList:
      break;
  }
  std::vector<eval::Value>& list = lists_.emplace_back();
  for (const Value& element : value.list) {
    if (element.kind != Value::Kind::kAbsent) list.push_back(Of(element));
  }
  eval::Value out = eval::Value::List(&list);
  out.partial = value.partial;
  return out;
}

}  // namespace sluice::differential
