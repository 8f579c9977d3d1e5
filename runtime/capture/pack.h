// capture/pack.h - numbers and texts one behind the other.
//
// Threads: passive. Memory: a Packer owns its bytes, an Unpacker borrows them. Errors: an Unpacker that runs
//          out of bytes says so with ok(), and gives zeros and empty texts from there on.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::capture {

class Packer {
 public:
  void U32(uint32_t value) { Raw(&value, sizeof value); }
  void U64(uint64_t value) { Raw(&value, sizeof value); }
  void Text(std::string_view text) {
    U32(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
  }
  std::string Take() { return std::exchange(bytes_, {}); }

 private:
  void Raw(const void* from, size_t size) { bytes_.append(static_cast<const char*>(from), size); }
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  uint32_t U32() { return Number<uint32_t>(); }
  uint64_t U64() { return Number<uint64_t>(); }
  std::string_view Text() {
    const uint32_t size = U32();
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }

 private:
  template <typename T>
  T Number() {
    T value = 0;
    ok_ = ok_ && sizeof value <= rest_.size();
    if (!ok_) return 0;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace sluice::capture
