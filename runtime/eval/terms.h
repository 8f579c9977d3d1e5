// eval/terms.h - the value of a term: a field, or transformers over fields.
//
// An absent argument makes a transformer absent, an unknown one unknown. Of a truncated text tolower, toupper
// and b64 give a truncated text; basename and len are unknown.
//
// Threads: one. Memory: values borrow from the event, the term and an arena that Begin() empties.
// Errors:  none; base64 that does not decode is absent.
#pragma once

#include "runtime/eval/arena.h"
#include "runtime/eval/event.h"

namespace sluice::eval {

class TermReader {
 public:
  void Begin(const Event& event) {
    event_ = &event;
    arena_.Reset();
  }

  Value Of(const check::Term& term) {
    return term.kind == check::Term::Kind::kField ? event_->Get(term.field) : Made(term);
  }

 private:
  Value Made(const check::Term& term);
  Value Transformed(const check::Term& term);
  Value ListOf(const check::Term& term);
  Value Tuple(const check::Term& term);
  Value OfEach(const check::Term& term, Value argument);
  Value OfText(check::TransformKind kind, const Value& text);
  Value Lettered(const Value& text, uint8_t (*change)(uint8_t));
  Value Base64(const Value& text);
  Value Concat(const check::Term& term);
  Value Join(const Value& separator, const Value& list);
  Value Getopt(const check::Term& term, const Value& list, const Value& options);

  const Event* event_ = nullptr;
  Arena arena_;
};

}  // namespace sluice::eval
