// eval/slot_index.h - a slot's value -> which of many predicates it may make true. Private to eval/.
//
// The triggers (uplan/user_plan.h) of all predicates of a group, matched together: whole values by hash,
// beginnings and ends in two tries, parts by a filter over four bytes, nets by a hash for each prefix length.
// What is found by its whole value is true; what is found otherwise may be true and is asked; what is not
// found is false.
//
// Threads: const after Build(). Errors: none. Cost: one pass over the value for each kind in use, whatever
//          the number of predicates. Memory: some 60 bytes for each value or text of a trigger; borrows the
//          predicates.
#pragma once

#include <vector>

#include "compiler/uplan/user_plan.h"
#include "runtime/eval/event.h"
#include "runtime/eval/gram_filter.h"
#include "runtime/eval/key_table.h"
#include "runtime/eval/text_trie.h"

namespace sluice::eval {

class SlotIndex {
 public:
  // `predicate` must outlive the index.
  void Add(const uplan::Trigger& trigger, const check::Predicate& predicate, uint32_t number);
  void Build();

  // Calls take(number, is_true), perhaps several times for one number. False: the value is not wholly known,
  // so that any predicate may be true or unknown.
  template <typename Take>
  bool Find(const Value& value, Take take) const {
    switch (value.kind) {
      case Value::Kind::kString:
        if (value.truncated) return false;
        FindText(value.text, take);
        return true;
      case Value::Kind::kNumber:
      case Value::Kind::kBool:
        for (const uint32_t number : numbers_.Find(static_cast<uint64_t>(value.number))) take(number, true);
        return true;
      case Value::Kind::kNet:
        FindNet(value.net, take);
        return true;
      case Value::Kind::kList:
        if (value.partial) return false;
        for (const Value& element : *value.list) {
          if (!Find(element, take)) return false;
        }
        return true;
      case Value::Kind::kUnknown:
        return false;
      case Value::Kind::kAbsent:
      case Value::Kind::kDouble:
        break;
    }
    return true;
  }

 private:
  // Of nets: one table for all prefix lengths in use.
  struct Length {
    bool v4 = false;
    uint8_t prefix = 0;
    friend bool operator==(const Length&, const Length&) = default;
  };
  static uint64_t KeyOf(const check::Address& address, Length length);
  static bool IsNormalPath(std::string_view text);

  template <typename Take>
  void FindText(std::string_view text, Take take) const {
    if (!texts_.empty()) {
      for (const uint32_t number : texts_.Find(text)) take(number, true);
    }
    const auto maybe = [&](uint32_t number) { take(number, false); };
    prefixes_.Find(text, maybe);
    suffixes_.Find(text, maybe);
    if (!parts_.empty()) parts_.Find(text, maybe);
    if (paths_.empty() || IsNormalPath(text)) return;
    for (const uint32_t number : paths_) take(number, false);
  }

  template <typename Take>
  void FindNet(const check::Net& net, Take take) const {
    for (const Length& length : lengths_) {
      if (length.v4 != net.address.v4 || length.prefix > net.prefix) continue;
      for (const uint32_t number : nets_.Find(KeyOf(net.address, length))) take(number, false);
    }
  }

  void AddValues(const check::Predicate& predicate, uint32_t number);

  KeyTable texts_, numbers_, nets_;
  TextTrie prefixes_{TextTrie::Reads::kForwards}, suffixes_{TextTrie::Reads::kBackwards};
  GramFilter parts_;
  std::vector<uint32_t> paths_;  // those that ignore doubled slashes
  std::vector<Length> lengths_;
};

}  // namespace sluice::eval
