// ring/build_record.h - writes records as the kernel does, for tests, fuzz seeds and captures made by hand.
//
// Threads: none shared. Memory: the bytes are owned by the builder until taken. Errors: none.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "bpf/abi/event_abi.h"

namespace sluice::ring {

class RecordBuilder {
 public:
  explicit RecordBuilder(sluice_record_kind kind, uint16_t hook = SLUICE_HOOK_IMAGE) {
    header_.kind = static_cast<uint16_t>(kind);
    header_.hook = hook;
  }

  sluice_record& header() { return header_; }

  RecordBuilder& Item(uint16_t tag, std::string_view value, uint16_t flags = 0) {
    const sluice_item item{tag, flags, static_cast<uint32_t>(value.size())};
    items_.append(reinterpret_cast<const char*>(&item), sizeof(item));
    items_.append(value);
    items_.append((8 - value.size() % 8) % 8, '\0');
    return *this;
  }

  // One round of an exec: the clauses that survived in it, then its path.
  RecordBuilder& Round(const uint64_t* set, std::string_view path) {
    Item(SLUICE_ITEM_ROUND_SET, {reinterpret_cast<const char*>(set), SLUICE_WORDS * sizeof(uint64_t)});
    return Item(SLUICE_ITEM_ROUND_PATH, path);
  }

  std::string Bytes() const {
    sluice_record header = header_;
    header.size = static_cast<uint32_t>(sizeof(header) + items_.size());
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof(header));
    return bytes + items_;
  }

 private:
  sluice_record header_{};
  std::string items_;
};

}  // namespace sluice::ring
