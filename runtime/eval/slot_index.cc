#include "runtime/eval/slot_index.h"

#include <functional>

#include "runtime/eval/net_set.h"

namespace sluice::eval {

using Kind = uplan::Trigger::Kind;

uint64_t SlotIndex::KeyOf(std::string_view text) { return std::hash<std::string_view>()(text); }

uint64_t SlotIndex::KeyOf(const check::Address& address, Length length) {
  const NetSet::Key key = NetSet::Masked(address, length.prefix);
  return MixKey(key.high + length.prefix + (length.v4 ? 256 : 0)) ^ key.low;
}

// One slash at the front and none doubled: what begins with a path's components then begins with its bytes.
bool SlotIndex::IsNormalPath(std::string_view text) {
  return !text.empty() && text[0] == '/' && text.find("//") == std::string_view::npos;
}

void SlotIndex::Add(const uplan::Trigger& trigger, const check::Predicate& predicate) {
  if (trigger.kind == Kind::kValue) return AddValues(trigger, predicate);
  if (trigger.kind == Kind::kPath) paths_.push_back(trigger.predicate);
  for (const std::string& text : trigger.texts) {
    if (trigger.kind == Kind::kSubstring) {
      parts_.Add(text, trigger.predicate);
    } else {
      (trigger.kind == Kind::kSuffix ? suffixes_ : prefixes_).Add(text, trigger.predicate);
    }
  }
}

void SlotIndex::AddValues(const uplan::Trigger& trigger, const check::Predicate& predicate) {
  for (const check::Value& value : predicate.values) {
    switch (predicate.left.type) {
      case check::Type::kString:
      case check::Type::kPath:
      case check::Type::kBytes:
        texts_.Add(KeyOf(value.text), trigger.predicate);
        break;
      case check::Type::kAddress:
      case check::Type::kNet: {
        const Length length{value.net.address.v4, value.net.prefix};
        if (std::find(lengths_.begin(), lengths_.end(), length) == lengths_.end())
          lengths_.push_back(length);
        nets_.Add(KeyOf(value.net.address, length), trigger.predicate);
        break;
      }
      default:
        numbers_.Add(static_cast<uint64_t>(value.number), trigger.predicate);
    }
  }
}

void SlotIndex::Build() {
  texts_.Build();
  numbers_.Build();
  nets_.Build();
  prefixes_.Build();
  suffixes_.Build();
  parts_.Build();
}

}  // namespace sluice::eval
