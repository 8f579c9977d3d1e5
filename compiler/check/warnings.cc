#include "compiler/check/warnings.h"

#include <fmt/format.h>

#include <algorithm>

#include "compiler/check/results.h"
#include "compiler/check/terms.h"
#include "compiler/check/type_truth.h"

namespace sluice::check {
namespace {

using diag::Code;

enum class Truth : uint8_t { kFalse, kTrue, kOpen };

Truth ConstantOf(const Condition& condition) {
  switch (condition.kind) {
    case Condition::Kind::kTrue:
      return Truth::kTrue;
    case Condition::Kind::kFalse:
      return Truth::kFalse;
    case Condition::Kind::kPredicate:
      return Truth::kOpen;
    case Condition::Kind::kNot: {
      const Truth inner = ConstantOf(condition.children[0]);
      return inner == Truth::kOpen ? inner : inner == Truth::kTrue ? Truth::kFalse : Truth::kTrue;
    }
    case Condition::Kind::kAnd:
    case Condition::Kind::kOr:
      break;
  }
  const Truth decides = condition.kind == Condition::Kind::kAnd ? Truth::kFalse : Truth::kTrue;
  Truth all = decides == Truth::kFalse ? Truth::kTrue : Truth::kFalse;
  for (const Condition& child : condition.children) {
    const Truth truth = ConstantOf(child);
    if (truth == decides) return decides;
    if (truth == Truth::kOpen) all = Truth::kOpen;
  }
  return all;
}

void CollectConjuncts(const Condition& condition, std::vector<const Condition*>& conjuncts) {
  if (condition.kind != Condition::Kind::kAnd) {
    conjuncts.push_back(&condition);
    return;
  }
  for (const Condition& child : condition.children) CollectConjuncts(child, conjuncts);
}

bool IsSelection(const Predicate& predicate) {
  const bool any_equal = predicate.op == ast::Op::kEq && predicate.quantifier == ast::Quantifier::kAnyOf;
  const bool equal = predicate.op == ast::Op::kEq && predicate.quantifier == ast::Quantifier::kNone;
  return equal || any_equal || predicate.op == ast::Op::kIn;
}

// What a process says of itself; it can say anything.
bool IsClaim(FieldId id) {
  switch (id) {
    case FieldId::kProcName:
    case FieldId::kProcExe:
    case FieldId::kProcArgs:
    case FieldId::kProcCmdline:
    case FieldId::kProcExeline:
    case FieldId::kProcCmdnargs:
    case FieldId::kProcCmdlenargs:
    case FieldId::kProcCwd:
    case FieldId::kProcTty:
      return true;
    default:
      return false;
  }
}

bool IsSubject(std::string_view name) {
  for (const std::string_view prefix : {"proc.", "user.", "group.", "thread.", "container.", "k8s."}) {
    if (name.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

struct Subject {
  bool name = false, other = false;
  source::Span name_span;
};

void FindSubject(const Condition& condition, const PredicateTable& predicates, Subject& subject) {
  for (const Condition& child : condition.children) FindSubject(child, predicates, subject);
  if (condition.kind != Condition::Kind::kPredicate) return;
  ForEachField(predicates.at(condition.predicate).left, [&](const FieldUse& use) {
    if (use.field == FieldId::kProcName && !subject.name) {
      subject.name = true;
      subject.name_span = condition.span;
    }
    subject.other = subject.other || (IsSubject(RowOf(use.field).name) && !IsClaim(use.field));
  });
}

std::string NamesOf(const TypeSet& types) {
  std::string names;
  for (const EventRow& row : Events()) {
    if (!types.test(row.type)) continue;
    if (!names.empty()) names += ", ";
    names += fmt::format("`{}`", row.name);
  }
  return names;
}

// Whether one of the types is above all decided there (unlinkat at path_unlink, not at path_rmdir).
bool BelongsTo(HookId hook, const TypeSet& types) {
  return std::any_of(Events().begin(), Events().end(),
                     [&](const EventRow& row) { return types.test(row.type) && row.FirstHook() == hook; });
}

}  // namespace

RuleWarnings::RuleWarnings(const ast::RuleSet& rules, const PredicateTable& predicates,
                           diag::Diagnostics& diagnostics)
    : predicates_(predicates), diagnostics_(diagnostics), types_(predicates), contradictions_(predicates) {
  for (const ast::Macro& macro : rules.macros) {
    if (macro.allowed_warnings.empty()) continue;
    const source::Span at = macro.condition.span;
    allowing_macros_.emplace(std::pair(at.file, at.begin), &macro);
  }
}

bool RuleWarnings::IsAllowedAt(const ast::Rule& rule, Code code, source::Span span) const {
  if (IsAllowed(rule.allowed_warnings, code)) return true;
  auto after = allowing_macros_.upper_bound({span.file, span.begin});
  if (after == allowing_macros_.begin()) return false;
  const ast::Macro& macro = *std::prev(after)->second;
  return macro.condition.span.file == span.file && span.end <= macro.condition.span.end &&
         IsAllowed(macro.allowed_warnings, code);
}

void RuleWarnings::Look(const ast::Rule& rule, const CheckedRule& checked) {
  LookAtPredicates(rule, checked.condition);
  LookAtOutput(rule, checked);
  const TypeSet types = types_.Find(checked.condition);
  of_sockets_ = false;
  for (const HookId hook : {SLUICE_HOOK_SOCKET_BIND, SLUICE_HOOK_SOCKET_CONNECT, SLUICE_HOOK_SOCKET_LISTEN,
                            SLUICE_HOOK_SOCKET_ACCEPT, SLUICE_HOOK_SOCKET_SENDMSG, SLUICE_HOOK_SYS_EXIT})
    of_sockets_ = of_sockets_ || (types & TypesAt(hook)).any();
  of_links_ = (types & TypesAt(SLUICE_HOOK_PATH_SYMLINK)).any();
  if (NeverMatches(rule, checked.condition, types)) return;
  LookAtConstants(rule, checked.condition);
  LookAtTypes(rule, checked, types);
  LookAtClones(rule, checked.condition, types);
  if (rule.action != ast::Action::kAlert) LookAtMitigation(rule, checked.condition, types);
}

// ---- what this engine does not supply
// ---------------------------------------------------------------------------

void RuleWarnings::LookAtPredicates(const ast::Rule& rule, const Condition& condition) {
  for (const Condition& child : condition.children) LookAtPredicates(rule, child);
  if (condition.kind != Condition::Kind::kPredicate) return;
  if (settled_.size() < predicates_.size()) settled_.resize(predicates_.size());
  if (settled_[condition.predicate]) return;
  const Predicate& predicate = predicates_.at(condition.predicate);
  const bool allowed =
      IsAllowedAt(rule, Code::W204, condition.span) || IsAllowedAt(rule, Code::W213, condition.span) ||
      IsAllowedAt(rule, Code::W220, condition.span) || IsAllowedAt(rule, Code::W221, condition.span);
  settled_[condition.predicate] = !allowed;
  const auto look = [&](const FieldUse& use) {
    std::string name;
    if (!IsNewlyAbsent(rule, use, condition.span, name)) return;
    diagnostics_
        .Add(Code::W204, condition.span,
             fmt::format("`{}` is not supplied by this engine: it is absent", name))
        .note = "a test of it is false, and `not` of that true";
  };
  ForEachField(predicate.left, look);
  for (const Term& right : predicate.right) ForEachField(right, look);
  WarnTypes(rule, predicate, condition.span);
  WarnDoubtful(rule, condition);
  WarnHostName(rule, predicate, condition.span);
}

// Names are found by looking up those that rules give, never the other way round.
void RuleWarnings::WarnHostName(const ast::Rule& rule, const Predicate& predicate, source::Span span) {
  if (LooksUpHosts(predicate) || predicate.op == ast::Op::kExists || IsAllowedAt(rule, Code::W221, span))
    return;
  std::string name;
  ForEachField(predicate.left, [&](const FieldUse& use) {
    if (IsHostName(use.field)) name = use.Name();
  });
  if (name.empty()) return;
  auto& warning =
      diagnostics_.Add(Code::W221, span, fmt::format("No host name is looked up for `{}`", Print(predicate)));
  warning.note = fmt::format(
      "`{}` has only the names that rules compare it with by `=`, `!=` and `in`: these are looked up", name);
  warning.help = fmt::format("name the hosts in full: `{} in (a.example, b.example)`", name);
}

void RuleWarnings::WarnDoubtful(const ast::Rule& rule, const Condition& condition) {
  for (const PredicateTable::Doubtful& doubtful : predicates_.doubtful(condition.predicate)) {
    if (IsAllowedAt(rule, Code::W220, condition.span)) continue;
    const std::string& word = doubtful.word.text;
    auto& warning = diagnostics_.Add(
        Code::W220, doubtful.word.span,
        doubtful.is_macro ? fmt::format("`{}` is a macro, and is taken for a text here", word)
                          : fmt::format("There is no list `{}`: it is taken for a text", word));
    warning.others.push_back(
        {doubtful.meant.span, doubtful.is_macro ? "declared here" : "a list of a similar name"});
    warning.help = doubtful.is_macro ? fmt::format("write \"{}\" if the text is meant", word)
                                     : fmt::format("did you mean `{}`? Write \"{}\" if the text is meant",
                                                   doubtful.meant.text, word);
    if (!doubtful.is_macro) warning.patches.push_back({doubtful.word.span, doubtful.meant.text});
  }
}

// True once for each field; arguments of events count as fields.
bool RuleWarnings::IsNewlyAbsent(const ast::Rule& rule, const FieldUse& use, source::Span span,
                                 std::string& name) {
  if (use.hooks() != 0 || IsAllowedAt(rule, Code::W204, span)) return false;
  const bool per_argument = use.field == FieldId::kEvtArg || use.field == FieldId::kEvtRawarg;
  name = per_argument ? use.Name() : std::string(RowOf(use.field).name);
  return absent_fields_.insert(name).second;
}

void RuleWarnings::WarnTypes(const ast::Rule& rule, const Predicate& predicate, source::Span span) {
  const bool names_types = predicate.left.kind == Term::Kind::kField && IsSelection(predicate) &&
                           (predicate.left.field.field == FieldId::kEvtType ||
                            predicate.left.field.field == FieldId::kSyscallType);
  if (!names_types || IsAllowedAt(rule, Code::W213, span)) return;
  TypeSet absent;
  for (const Value& value : predicate.values) {
    const EventType type = FindEvent(value.text);
    if (type != kNoType && Events()[type - 1].hooks == 0 && !absent_types_.test(type)) absent.set(type);
  }
  if (absent.none()) return;
  absent_types_ |= absent;
  auto& fault = diagnostics_.Add(Code::W213, span,
                                 fmt::format("Events of type {} are not supplied yet", NamesOf(absent)));
  fault.note = "no hook of this engine decides them, so the rule does not see them";
}

bool RuleWarnings::Compares(const Condition& condition, std::string_view field, std::string_view text) const {
  if (std::any_of(condition.children.begin(), condition.children.end(),
                  [&](const Condition& child) { return Compares(child, field, text); }))
    return true;
  if (condition.kind != Condition::Kind::kPredicate) return false;
  const Predicate& predicate = predicates_.at(condition.predicate);
  if (predicate.left.kind != Term::Kind::kField || predicate.left.field.Name() != field) return false;
  const bool part = predicate.op == ast::Op::kContains || predicate.op == ast::Op::kGlob;
  return std::any_of(predicate.values.begin(), predicate.values.end(), [&](const Value& value) {
    return part ? value.text.find(text) != std::string::npos : value.text == text;
  });
}

// A new process or thread comes to a hook only where it gets a user namespace.
void RuleWarnings::LookAtClones(const ast::Rule& rule, const Condition& condition, const TypeSet& types) {
  TypeSet seen;
  for (const char* name : {"clone", "clone3"}) {
    if (types.test(FindEvent(name)) && Compares(condition, "evt.type", name)) seen.set(FindEvent(name));
  }
  if (seen.none() || Compares(condition, "evt.arg.flags", "CLONE_NEWUSER") ||
      IsAllowedAt(rule, Code::W213, rule.condition.span))
    return;
  auto& fault = diagnostics_.Add(
      Code::W213, rule.name.span,
      fmt::format("Rule `{}` sees {} only where a user namespace is made", rule.name.text, NamesOf(seen)));
  fault.note = "any other new process or thread comes to no hook of this engine";
  fault.help =
      "say so: `and evt.arg.flags contains CLONE_NEWUSER`; what a new process runs is seen at its execve";
}

void RuleWarnings::LookAtOutput(const ast::Rule& rule, const CheckedRule& checked) {
  std::string names;
  for (const auto& piece : checked.output) {
    if (!piece->term) continue;
    ForEachField(*piece->term, [&](const FieldUse& use) {
      std::string name;
      if (!IsNewlyAbsent(rule, use, rule.output.span, name)) return;
      names += fmt::format("{}`{}`", names.empty() ? "" : ", ", name);
    });
  }
  if (names.empty()) return;
  diagnostics_
      .Add(Code::W204, rule.output.span,
           fmt::format("Not supplied by this engine, and printed as `<NA>`: {}", names))
      .note = "fields that stand in earlier warnings are not repeated";
}

// ---- rules that never match
// -------------------------------------------------------------------------------------

diag::Diagnostic& RuleWarnings::AddNever(const ast::Rule& rule, source::Span span, std::string note) {
  auto& fault = diagnostics_.Add(Code::W202, span, fmt::format("Rule `{}` can never match", rule.name.text));
  fault.note = std::move(note);
  return fault;
}

bool RuleWarnings::NeverMatches(const ast::Rule& rule, const Condition& condition, const TypeSet& types) {
  if (IsAllowed(rule.allowed_warnings, Code::W202)) return false;
  if (ConstantOf(condition) == Truth::kFalse) {
    AddNever(rule, rule.name.span, "its condition is false whatever happens");
    return true;
  }
  const bool mitigation = rule.action != ast::Action::kAlert;
  if (const std::optional<Contradiction> found = contradictions_.Find(condition, mitigation)) {
    const bool own = found->at.file == rule.span.file && rule.span.begin <= found->at.begin &&
                     found->at.end <= rule.span.end;  // not in a macro
    diag::Diagnostic& warning = AddNever(rule, own ? found->at : rule.name.span, found->why);
    if (!own) warning.others.push_back({found->at, "one"});
    warning.others.push_back({found->with, "the other one"});
    return true;
  }
  if (types.none()) {
    AddNever(rule, rule.name.span, "no event type has all that the condition asks for").help =
        "`sluice fields` says which hooks supply a field; a path that is not opened is `fs.path.name`";
    return true;
  }
  std::vector<const Condition*> conjuncts;
  CollectConjuncts(condition, conjuncts);
  return std::any_of(conjuncts.begin(), conjuncts.end(),
                     [&](const Condition* conjunct) { return FalseByType(rule, *conjunct); });
}

const ConstantTest* RuleWarnings::ConstantOfType(PredicateId id) {
  const Term& left = predicates_.at(id).left;
  if (left.kind == Term::Kind::kField && ((left.field.field == FieldId::kFdName && of_sockets_) ||
                                          (left.field.field == FieldId::kFsPathSource && of_links_)))
    return nullptr;
  if (constants_known_.size() <= id) constants_known_.resize(predicates_.size());
  if (!constants_known_[id]) {
    constants_known_[id] = true;
    if (std::optional<ConstantTest> constant = FindConstant(predicates_.at(id)))
      constants_.emplace(id, *std::move(constant));
  }
  const auto found = constants_.find(id);
  return found == constants_.end() ? nullptr : &found->second;
}

bool RuleWarnings::FalseByType(const ast::Rule& rule, const Condition& conjunct) {
  if (conjunct.kind != Condition::Kind::kPredicate) return false;
  const ConstantTest* constant = ConstantOfType(conjunct.predicate);
  if (constant == nullptr || constant->truth) return false;
  AddNever(rule, conjunct.span, constant->why).help = constant->help;
  return true;
}

// Once a test, whoever asks it.
void RuleWarnings::LookAtConstants(const ast::Rule& rule, const Condition& condition) {
  for (const Condition& child : condition.children) LookAtConstants(rule, child);
  if (condition.kind != Condition::Kind::kPredicate) return;
  const ConstantTest* constant = ConstantOfType(condition.predicate);
  if (constant == nullptr || IsAllowedAt(rule, Code::W214, condition.span)) return;
  auto& fault =
      diagnostics_.Add(Code::W214, condition.span,
                       constant->truth ? "This test is true whatever the value" : "This test is never true");
  fault.note = constant->why;
  fault.help = constant->help;
  constants_.erase(condition.predicate);
}

// ---- event types and subjects
// -----------------------------------------------------------------------------------

bool RuleWarnings::OfEveryType(const TypeSet& types) {
  static const TypeSet supplied = AllTypes() & ~TypesAt(kNoHook);
  return (types & supplied) == supplied;
}

// A branch without an event type beside one with: `A and b or c`, which is `(A and b) or c`.
const Condition* RuleWarnings::FindLooseBranch(const Condition& condition) {
  if (condition.kind == Condition::Kind::kAnd) {
    for (const Condition& child : condition.children) {
      if (const Condition* loose = FindLooseBranch(child)) return loose;
    }
  }
  if (condition.kind != Condition::Kind::kOr) return nullptr;
  const Condition* loose = nullptr;
  bool typed = false;
  for (const Condition& child : condition.children) {
    const bool every = OfEveryType(types_.Find(child));
    typed = typed || !every;
    if (every && loose == nullptr) loose = &child;
  }
  return typed ? loose : nullptr;
}

void RuleWarnings::LookAtTypes(const ast::Rule& rule, const CheckedRule& checked, const TypeSet& types) {
  if (!OfEveryType(types)) return;
  if (const Condition* loose = FindLooseBranch(checked.condition)) {
    if (IsAllowedAt(rule, Code::W215, loose->span)) return;
    auto& fault =
        diagnostics_.Add(Code::W215, loose->span,
                         fmt::format("This part of rule `{}` applies to every event type", rule.name.text));
    fault.note = "`and` binds tighter than `or`, so the event types named beside it do not hold here";
    fault.help = "put the alternatives in parentheses: `evt.type = execve and (... or ...)`";
    return;
  }
  if (IsAllowed(rule.allowed_warnings, Code::W203)) return;
  auto& fault = diagnostics_.Add(Code::W203, rule.name.span,
                                 fmt::format("Rule `{}` applies to every event type", rule.name.text));
  fault.note = "it is judged at every hook: one act, such as a program start, may raise it several times";
  fault.help = "name the types: `evt.type in (execve, execveat) and ...`";
}

void RuleWarnings::LookAtMitigation(const ast::Rule& rule, const Condition& condition, const TypeSet& types) {
  Subject subject;
  FindSubject(condition, predicates_, subject);
  if (subject.name && !subject.other && !IsAllowed(rule.allowed_warnings, Code::W205)) {
    auto& fault =
        diagnostics_.Add(Code::W205, subject.name_span,
                         fmt::format("Rule `{}` knows its subject by `proc.name` alone", rule.name.text));
    fault.note = "any program can be given any name";
    fault.help = "test `proc.exepath`, an ancestor or the user as well";
  }
  if (IsAllowed(rule.allowed_warnings, Code::W208) || types.test(kNoType)) return;
  for (const HookRow& hook : Hooks()) {
    if (!hook.can_deny) continue;
    const TypeSet here = TypesAt(hook.id);
    const TypeSet missing = here & ~types;
    if (missing.none() || !BelongsTo(hook.id, here & types)) continue;
    auto& fault = diagnostics_.Add(Code::W208, rule.name.span,
                                   fmt::format("Rule `{}` leaves out {}", rule.name.text, NamesOf(missing)));
    fault.note =
        fmt::format("they reach the same hook, {}: who is refused one call can use the other", hook.name);
    fault.help = "add them, or test `evt.hook` instead of `evt.type`";
  }
  LookAtUntyped(rule, condition, types);
  LookAtFastOpen(rule, types);
}

bool RuleWarnings::AsksFile(const Condition& condition) const {
  if (condition.kind != Condition::Kind::kPredicate)
    return std::any_of(condition.children.begin(), condition.children.end(),
                       [this](const Condition& child) { return AsksFile(child); });
  const Term& left = predicates_.at(condition.predicate).left;
  return left.kind == Term::Kind::kField &&
         (left.field.field == FieldId::kFdName || left.field.field == FieldId::kFdDirectory ||
          left.field.field == FieldId::kFdFilename);
}

// Calls that reach a hook without being of its types, and do the same.
void RuleWarnings::LookAtUntyped(const ast::Rule& rule, const Condition& condition, const TypeSet& types) {
  struct Row {
    HookId hook;
    std::string_view calls, note;
  };
  static constexpr Row kRows[] = {
      {SLUICE_HOOK_SOCKET_SENDMSG, "`write`, `writev`, `sendfile` and `splice`",
       "on a connected socket each of them sends"},
      {SLUICE_HOOK_MMAP_FILE, "`shmat` with SHM_EXEC", "it maps memory that can be executed"},
  };
  for (const Row& row : kRows) {
    if ((types & TypesAt(row.hook)).none()) continue;
    if (row.hook == SLUICE_HOOK_MMAP_FILE && AsksFile(condition)) continue;  // shared memory has none
    auto& fault = diagnostics_.Add(Code::W208, rule.name.span,
                                   fmt::format("Rule `{}` leaves out {}", rule.name.text, row.calls));
    const std::string_view hook = FindHook(row.hook)->name;
    fault.note = fmt::format("{}, and at {} it has no `evt.type`", row.note, hook);
    fault.help = fmt::format(
        "test `evt.hook = {}` in the place of its types, as `(evt.type = connect or evt.hook = "
        "socket_sendmsg)`",
        hook);
  }
}

// The one call that does another's work at a hook of its own.
void RuleWarnings::LookAtFastOpen(const ast::Rule& rule, const TypeSet& types) {
  if (!types.test(FindEvent("connect"))) return;
  TypeSet missing;
  for (const char* name : {"sendto", "sendmsg", "sendmmsg"}) {
    const EventType type = FindEvent(name);
    if (!types.test(type)) missing.set(type);
  }
  if (missing.none()) return;
  auto& fault = diagnostics_.Add(Code::W208, rule.name.span,
                                 fmt::format("Rule `{}` leaves out {}", rule.name.text, NamesOf(missing)));
  fault.note =
      "with MSG_FASTOPEN, and over SCTP, they connect as well, and pass socket_sendmsg by their own types";
  fault.help = "add them";
}

}  // namespace sluice::check
