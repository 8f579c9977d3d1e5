// parse/words.h - the words of a file as the parser takes them, with their places: for fmt/.
//
// Between two words of a block there is nothing but blanks and comments.
//
// Threads: a pure function. Memory: 12 bytes a word; about 700 while its block is at work. Errors: none.
// Cost:    linear in the text.
#pragma once

#include <vector>

#include "compiler/parse/limits.h"
#include "compiler/parse/split_blocks.h"

namespace sluice::parse {

struct WordAt {
  enum class Kind : uint8_t {
    kWord,        // a name, a value, a field; also the block's first word
    kString,      // with its quotes
    kKey,         // of the block, with the colon
    kPairKey,     // inside braces, with the colon
    kOpen,        // ( [ {
    kAttached,    // an opening that belongs to the word before it: tolower(  val(  proc.aname[  getopt(...)[
    kQuantifier,  // oneof (
    kClose,       // ) ] }
    kComma,
    kColon,     // after a quoted key
    kAssign,    // of a list or macro
    kOperator,  // = in startswith ...
    kAndOr,
    kNot,
  } kind = Kind::kWord;
  uint32_t begin = 0, end = 0;  // bytes of the file
};

struct BlockWords {
  BlockKind kind;
  uint32_t begin = 0, end = 0;  // of the block with what follows it, up to the next one
  std::vector<WordAt> words;    // none: a list too large to be taken apart
};

// REQUIRES: Parse() finds no error in the file.
std::vector<BlockWords> WordsOf(const source::Files& files, source::FileId file, const Limits& limits);

}  // namespace sluice::parse
