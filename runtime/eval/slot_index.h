// eval/slot_index.h - a slot's value -> the marks that it has. Private to eval/.
//
// What all rules look for in a slot (uplan/user_plan.h), matched together: whole values by hash, beginnings
// and ends in tries, parts by a filter over four bytes, nets by a hash for each prefix length.
//
// Threads: const after Build(). Errors: none. Cost: one pass over the value for each kind in use, whatever
//          the number of marks. Memory: some 30 bytes a mark; borrows the index's bytes.
#pragma once

#include <string_view>
#include <vector>

#include "compiler/uplan/user_plan.h"
#include "runtime/eval/event.h"
#include "runtime/eval/gram_filter.h"
#include "runtime/eval/key_table.h"
#include "runtime/eval/text_trie.h"

namespace sluice::eval {

class SlotIndex {
 public:
  static constexpr uint32_t kNone = TextTable::kNone;

  // `bytes`: the mark's own; they must outlive the index.
  void Add(uplan::Mark::Kind kind, std::string_view bytes, uplan::MarkId mark);
  void Build();

  // The mark of the whole text, or kNone.
  uplan::MarkId Whole(std::string_view text) const { return texts_.Find(text); }

  // Calls take(mark), perhaps several times for one. False: the value is not wholly known, so that it may
  // have any mark.
  template <typename Take>
  bool Find(const Value& value, Take take) const {
    switch (value.kind) {
      case Value::Kind::kString:
        if (value.truncated) return false;
        FindText(value.text, take);
        return true;
      case Value::Kind::kNumber:
      case Value::Kind::kBool:
        numbers_.Find(static_cast<uint64_t>(value.number), take);
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
  static constexpr size_t kMaxPath = 64;
  // Of a beginning's number: it is a path's. Of a value that is no normal path such a mark may be found though
  // the path itself has not got it: marks are what to look at.
  static constexpr uint32_t kIsPath = 0x80000000;
  static bool IsNormalPath(std::string_view text);
  static std::string_view Normalised(std::string_view path, char* bytes);

  template <typename Take>
  void FindText(std::string_view text, Take take) const {
    const uint64_t hash = texts_.Prepare(text);
    suffixes_.Find(text, take);
    if (!parts_.empty()) parts_.Find(text, take);
    FindBeginnings(text, take);
    if (const uint32_t mark = texts_.Find(text, hash); mark != kNone) take(mark);
  }

  template <typename Take>
  void FindBeginnings(std::string_view text, Take take) const {
    if (beginnings_.empty()) return;
    const size_t seen = beginnings_.Find(text, [&](uint32_t number) { take(number & ~kIsPath); });
    if (!has_paths_ || IsNormalPath(text.substr(0, seen))) return;
    char bytes[kMaxPath];
    beginnings_.Find(Normalised(text, bytes), [&](uint32_t number) {
      if ((number & kIsPath) != 0) take(number & ~kIsPath);
    });
  }

  template <typename Take>
  void FindNet(const check::Net& net, Take take) const {
    for (const Length& length : lengths_) {
      if (length.v4 != net.address.v4 || length.prefix > net.prefix) continue;
      nets_.Find(KeyOf(net.address, length), take);
    }
  }

  TextTable texts_;
  KeyTable numbers_, nets_;
  TextTrie beginnings_{TextTrie::Reads::kForwards}, suffixes_{TextTrie::Reads::kBackwards};
  bool has_paths_ = false;
  GramFilter parts_;
  std::vector<Length> lengths_;
};

}  // namespace sluice::eval
