// eval/arena.h - room for the texts and lists that one event's values are made of.
//
// Threads: one. Memory: Reset() keeps what was allocated, so that a stream of like events allocates nothing;
//          a text stays where it is until Reset().
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/eval/event.h"

namespace sluice::eval {

class Arena {
 public:
  // Room for `size` bytes.
  char* Take(size_t size) {
    while (chunk_ < chunks_.size() && chunks_[chunk_].size - used_ < size) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) {
      const size_t room = size > kChunkBytes ? size : kChunkBytes;
      chunks_.push_back({std::make_unique<char[]>(room), room});
      used_ = 0;
    }
    char* bytes = chunks_[chunk_].bytes.get() + used_;
    used_ += size;
    return bytes;
  }

  std::string_view Keep(std::string_view text) {
    if (text.empty()) return {};
    char* bytes = Take(text.size());
    std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
  }

  // An empty list.
  std::vector<Value>& List() {
    if (lists_used_ == lists_.size()) lists_.emplace_back();
    std::vector<Value>& list = lists_[lists_used_++];
    list.clear();
    return list;
  }

  void Reset() {
    if (chunks_.size() > kKeptChunks) chunks_.resize(kKeptChunks);
    chunk_ = used_ = lists_used_ = 0;
  }

 private:
  static constexpr size_t kChunkBytes = 16384;
  static constexpr size_t kKeptChunks = 16;
  struct Chunk {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  std::vector<Chunk> chunks_;
  std::deque<std::vector<Value>> lists_;  // addresses are stable
  size_t chunk_ = 0, used_ = 0, lists_used_ = 0;
};

}  // namespace sluice::eval
