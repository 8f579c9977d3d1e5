#include "compiler/uplan/slots.h"

#include <functional>
#include <string>

namespace sluice::uplan {

using check::FieldId;

namespace {

size_t HashOf(const check::Term& term) {
  size_t hash = static_cast<size_t>(term.kind) + (static_cast<size_t>(term.transform) << 4) +
                (static_cast<size_t>(term.field.field) << 8) +
                (static_cast<size_t>(static_cast<uint32_t>(term.field.index)) << 24);
  hash ^= std::hash<std::string>()(term.field.argument);
  for (const std::string& text : term.texts) hash = hash * 31 + std::hash<std::string>()(text);
  for (const check::Term& argument : term.arguments) hash = hash * 31 + HashOf(argument);
  return hash;
}

}  // namespace

SlotId Slots::Of(const check::Term& term) {
  const size_t hash = HashOf(term);
  const auto [begin, end] = ids_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (plan_.slots[it->second] == term) return it->second;
  }
  const auto id = static_cast<SlotId>(plan_.slots.size());
  ids_.emplace(hash, id);
  plan_.slots.push_back(term);
  NoteNeeds(term);
  return id;
}

void Slots::NoteNeeds(const check::Term& term) {
  for (const check::Term& argument : term.arguments) NoteNeeds(argument);
  if (term.kind != check::Term::Kind::kField) return;
  const check::FieldUse& use = term.field;
  const bool is_arg = use.field == FieldId::kEvtArg;
  if (use.field == FieldId::kProcEnv || (is_arg && use.argument == "env")) plan_.needs_env = true;
  if (use.field == FieldId::kProcCwd || (is_arg && use.argument == "cwd")) plan_.needs_cwd = true;
}

}  // namespace sluice::uplan
