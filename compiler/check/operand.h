// check/operand.h - where an event of a hook keeps the value of a field.
//
// One table for both sides: split/ takes from it what the kernel can ask, eval/ what a record says. A field
// that is not in it is decided and supplied by code of its own.
//
// Threads: immutable tables. Errors: none. Cost: a short list by field.
#pragma once

#include "compiler/check/field.h"
#include "compiler/check/flag_names.h"

namespace sluice::check {

enum class OperandKind : uint8_t {
  kText,       // place: enum sluice_string
  kDirectory,  // of the text
  kBaseName,   // of the text
  kNumber,  // place: numbers[1 + place] of the record, SLUICE_INT_ARG + place in the kernel. Type kInt, kPort
  kDecimal,  // likewise, shown as text
  kHex,
  kFlags,         // bits of numbers[0], shown by their names
  kName,          // a number shown by its name, or in decimal
  kNameOnly,      // likewise; absent when it has none
  kSocketName,    // place: a UNIX socket's name; else both ends: 10.0.0.1:4000->10.0.0.2:80
  kEnd,           // an address; place: enum sluice_end
  kHostNames,     // those of the rules that stand for the address; place likewise
  kEitherEnd,     // of both
  kEitherNumber,  // places: place and place + 1
};

struct Operand {
  FieldId field;
  std::string_view argument;  // of evt.arg
  HookMask hooks;
  OperandKind kind;
  uint32_t place;
  Names names;
};
const std::vector<Operand>& Operands();

// A text that is not made from the kernel's objects: it may be relative, or have `//` in it.
bool IsAsGiven(const Operand& operand);

// The argument that `use` names: of evt.arg[N] the one at this position of `type` or, without a type, of all
// types of the hook where they agree. "": none.
std::string_view ArgName(const FieldUse& use, HookId hook, EventType type = kNoType);

// The one that answers `use` at `hook`. Null: none.
const Operand* FindOperand(const FieldUse& use, HookId hook, EventType type = kNoType);

// Where operands supply the field (or the argument of evt.arg).
HookMask OperandHooks(FieldId field, std::string_view argument);

// Falco's name of argument number `index` of an event; "" when there is none.
std::string_view ArgNameAt(std::string_view type, size_t index);

}  // namespace sluice::check
