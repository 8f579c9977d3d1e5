#include "runtime/eval/slot_index.h"

#include "runtime/eval/net_set.h"

namespace sluice::eval {

using Kind = uplan::Trigger::Kind;

uint64_t SlotIndex::KeyOf(const check::Address& address, Length length) {
  const NetSet::Key key = NetSet::Masked(address, length.prefix);
  return (key.high + length.prefix + (length.v4 ? 256 : 0)) * 0x9e3779b97f4a7c15u ^ key.low;
}

// One slash at the front and none doubled: what begins with a path's components then begins with its bytes.
bool SlotIndex::IsNormalPath(std::string_view text) {
  return !text.empty() && text[0] == '/' && text.find("//") == std::string_view::npos;
}

void SlotIndex::Add(const uplan::Trigger& trigger, const check::Predicate& predicate, uint32_t number) {
  if (trigger.kind == Kind::kValue) return AddValues(predicate, number);
  if (trigger.kind == Kind::kPath) paths_.push_back(number);
  for (const std::string& text : trigger.texts) {
    if (trigger.kind == Kind::kSubstring) {
      parts_.Add(text, number);
    } else {
      (trigger.kind == Kind::kSuffix ? suffixes_ : prefixes_).Add(text, number);
    }
  }
}

void SlotIndex::AddValues(const check::Predicate& predicate, uint32_t number) {
  for (const check::Value& value : predicate.values) {
    switch (predicate.left.type) {
      case check::Type::kString:
      case check::Type::kPath:
      case check::Type::kBytes:
        texts_.Add(value.text, number);
        break;
      case check::Type::kAddress:
      case check::Type::kNet: {
        const Length length{value.net.address.v4, value.net.prefix};
        if (std::find(lengths_.begin(), lengths_.end(), length) == lengths_.end()) lengths_.push_back(length);
        nets_.Add(KeyOf(value.net.address, length), number);
        break;
      }
      default:
        numbers_.Add(static_cast<uint64_t>(value.number), number);
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
