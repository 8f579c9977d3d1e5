// eval/pattern.h - a POSIX regular expression on whole texts. The only user of RE2 in eval/.
//
// Threads: const after construction. Errors: a pattern that does not compile matches nothing (check/ refuses
//          it). Cost: linear in the text. A text that is not UTF-8 is copied, with U+FFFD for each bad byte.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sluice::eval {

class Pattern {
 public:
  explicit Pattern(const std::string& text);
  ~Pattern();
  bool Matches(std::string_view text) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace sluice::eval
