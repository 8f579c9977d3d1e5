// eval/shortcut.h - what a predicate's answer costs when marks say it. Private to eval/.
//
// A test for a whole text compares marks instead of texts; one that needs a search is answered where none of
// its marks is there. What a shortcut leaves open is a Question.
//
// Threads: passive data. Memory: 24 bytes a predicate; the marks are the plan's. Errors: none.
#pragma once

#include <algorithm>
#include <vector>

#include "compiler/uplan/user_plan.h"

namespace sluice::eval {

struct Shortcut {
  enum class Kind : uint8_t {
    kNone,
    kText,     // one text is one of some
    kAnyText,  // one of several texts is one of some
    kNumber,   // one number is `number`
    kSearch,   // false without one of the marks, but asking costs less than to find marks
    kPattern,  // false without one of the marks
  };
  Kind kind = Kind::kNone;
  uplan::SlotId slot = 0;
  uplan::Range marks;  // of Index::mark_lists
  int64_t number = 0;

  bool Has(const uplan::Index& index, uplan::MarkId mark) const {
    constexpr uint32_t kFew = 8;
    const uplan::MarkId* begin = index.mark_lists.data() + marks.begin;
    const uplan::MarkId* end = index.mark_lists.data() + marks.end;
    if (marks.end - marks.begin > kFew) return std::binary_search(begin, end, mark);
    return std::find(begin, end, mark) != end;
  }
};

std::vector<Shortcut> Shortcuts(const uplan::UserPlan& plan);  // by PredicateId

}  // namespace sluice::eval
