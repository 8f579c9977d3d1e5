// parse/limits.h - what hostile or mistaken input may cost, decided at the door.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::parse {

struct Limits {
  uint32_t max_nesting = 200;  // parentheses, `not` and transformers inside one condition (Falco: 100)
  uint32_t max_block_bytes =
      4u << 20;  // one macro, rule or test block; the parser takes about 700 bytes a word
  uint32_t max_list_bytes = 64u << 20;  // one list block, which takes 4 times as much memory (read_list.h)
  uint32_t max_blocks = 1'000'000;      // in one file
};

}  // namespace sluice::parse
