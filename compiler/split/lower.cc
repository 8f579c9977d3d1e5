#include "compiler/split/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compiler/check/returns.h"
#include "compiler/split/lower_kinds.h"
#include "compiler/split/open_flags.h"
#include "compiler/split/text.h"

namespace sluice::split {
namespace {

using ast::Op;
using check::FieldId;
using check::Predicate;
using diag::Code;
using Kind = Lowered::Kind;

// What the kernel knows, and by which lookup it answers.
enum class SubjectKind : uint8_t {
  kType,
  kConstant,
  kBit,
  kOpenFlags,
  kCapability,
  kContainer,
  kFileType,
  kGivenPath,
  kNumber,
  kText,
  kLineage
};

struct Subject {
  FieldId field;
  SubjectKind kind;
  uint64_t parameter;       // kBit: the flag; kNumber: enum sluice_int; kText, kLineage: enum sluice_string
  bool opens_only = false;  // kBit: false at every other hook
  uint32_t level = 0;       // kLineage: of a field without an index; 0: any
  std::string_view argument = {};
};

constexpr Subject kSubjects[] = {
    {FieldId::kEvtType, SubjectKind::kType, 0},
    {FieldId::kSyscallType, SubjectKind::kType, 0},
    {FieldId::kEvtHook, SubjectKind::kConstant, 0},
    {FieldId::kEvtSource, SubjectKind::kConstant, 0},
    {FieldId::kEvtIsOpenRead, SubjectKind::kBit, SLUICE_FLAG_READ, true},
    {FieldId::kEvtIsOpenWrite, SubjectKind::kBit, SLUICE_FLAG_WRITE, true},
    {FieldId::kEvtIsOpenExec, SubjectKind::kBit, SLUICE_FLAG_EXEC, true},
    {FieldId::kEvtIsOpenCreate, SubjectKind::kBit, SLUICE_FLAG_CREATED, true},
    {FieldId::kProcIsExeFromMemfd, SubjectKind::kBit, SLUICE_FLAG_MEMFD},
    {FieldId::kProcIsExeDeleted, SubjectKind::kBit, SLUICE_FLAG_DELETED},
    {FieldId::kProcIsExeUpperLayer, SubjectKind::kBit, SLUICE_FLAG_UPPER},
    {FieldId::kEvtArg, SubjectKind::kOpenFlags, 0, true, 0, "flags"},
    {FieldId::kEvtArg, SubjectKind::kText, SLUICE_STR_NAME, false, 0, "comm"},
    {FieldId::kEvtArg, SubjectKind::kText, SLUICE_STR_EXEPATH, false, 0, "trusted_exepath"},
    {FieldId::kThreadCapEffective, SubjectKind::kCapability, SLUICE_WORD_CAP_EFFECTIVE},
    {FieldId::kThreadCapPermitted, SubjectKind::kCapability, SLUICE_WORD_CAP_PERMITTED},
    {FieldId::kThreadCapInheritable, SubjectKind::kCapability, SLUICE_WORD_CAP_INHERITABLE},
    {FieldId::kContainerId, SubjectKind::kContainer, 0},
    {FieldId::kFdType, SubjectKind::kFileType, 0},
    {FieldId::kFdTypechar, SubjectKind::kFileType, 0},
    {FieldId::kFdNameraw, SubjectKind::kGivenPath, 0},
    {FieldId::kUserUid, SubjectKind::kNumber, SLUICE_INT_UID},
    {FieldId::kGroupGid, SubjectKind::kNumber, SLUICE_INT_GID},
    {FieldId::kUserLoginuid, SubjectKind::kNumber, SLUICE_INT_LOGINUID},
    {FieldId::kEvtRawres, SubjectKind::kNumber, SLUICE_INT_RESULT},  // at SYS_EXIT
    {FieldId::kProcCgroupId, SubjectKind::kNumber, SLUICE_INT_CGROUP},
    {FieldId::kProcMntNs, SubjectKind::kNumber, SLUICE_INT_MNT_NS},
    {FieldId::kProcPidNs, SubjectKind::kNumber, SLUICE_INT_PID_NS},
    {FieldId::kEvtUptimeS, SubjectKind::kNumber, SLUICE_INT_UPTIME},
    {FieldId::kProcName, SubjectKind::kText, SLUICE_STR_NAME},
    {FieldId::kProcExepath, SubjectKind::kText, SLUICE_STR_EXEPATH},
    {FieldId::kProcPname, SubjectKind::kLineage, SLUICE_STR_NAME, false, 1},
    {FieldId::kProcPexepath, SubjectKind::kLineage, SLUICE_STR_EXEPATH, false, 1},
    {FieldId::kProcAname, SubjectKind::kLineage, SLUICE_STR_NAME},
    {FieldId::kProcAexepath, SubjectKind::kLineage, SLUICE_STR_EXEPATH},
};

const Subject* FindSubject(const check::FieldUse& use, check::HookId hook) {
  static const auto index = [] {
    std::map<std::pair<FieldId, std::string_view>, const Subject*> by_field;
    for (const Subject& subject : kSubjects)
      by_field.emplace(std::pair(subject.field, subject.argument), &subject);
    return by_field;
  }();
  const std::string_view argument =
      use.field == FieldId::kEvtArg ? check::ArgName(use, hook) : std::string_view(use.argument);
  const auto found = index.find(std::pair(use.field, argument));
  return found == index.end() ? nullptr : found->second;
}
Test SetTest(bool complement) {
  Test test;
  test.complement = complement;
  return test;
}

Test FlagTest(uint64_t flags, bool complement = false) {
  Test test = SetTest(complement);
  test.flags = flags;
  return test;
}

std::string NameOf(check::HookId hook) {
  const check::HookRow* row = check::FindHook(hook);
  return row == nullptr ? "image" : std::string(row->name);
}

// ---- types, constants, flags
// ------------------------------------------------------------------------------------

Lowered LowerType(const Predicate& predicate, check::HookId hook) {
  Test test;
  size_t types = 0;
  for (const check::EventRow& row : check::Events()) {
    if (!row.IsAt(hook)) continue;
    ++types;
    const std::optional<bool> truth = TruthOf(predicate, row.name);
    if (!truth) return NoTable(predicate, "every operator but `pmatch`, `regex` and comparisons of fields");
    if (*truth) test.types.push_back(row.type);
  }
  if (test.types.empty()) {
    return Constant(false, fmt::format("no event type of `{}` satisfies it", NameOf(hook)));
  }
  if (test.types.size() == types) test = SetTest(true);  // any type at all
  return TestOf(SLUICE_LOOKUP_TYPE, std::move(test), "table of event types");
}

Lowered LowerConstant(const Predicate& predicate, check::HookId hook) {
  const bool is_hook = predicate.left.field.field == FieldId::kEvtHook;
  const std::string value = is_hook ? NameOf(hook) : "syscall";
  const std::optional<bool> truth = TruthOf(predicate, value);
  if (!truth) return NoTable(predicate, "every operator but `pmatch`, `regex` and comparisons of fields");
  return Constant(*truth, fmt::format("`{}` is always `{}` here", predicate.left.field.Name(), value));
}

std::optional<bool> TruthOfBool(const Predicate& predicate, bool value) {
  if (predicate.op == Op::kExists) return true;
  const std::optional<Membership> membership = MembershipOf(predicate);
  if (!membership) return std::nullopt;
  if (membership->never) return false;
  bool member = false;
  for (const check::Value& constant : predicate.values) member = member || (constant.number != 0) == value;
  return member != membership->complement;
}

Lowered LowerBit(const Predicate& predicate, const Subject& subject, check::HookId hook) {
  const std::optional<bool> when_clear = TruthOfBool(predicate, false);
  const std::optional<bool> when_set = TruthOfBool(predicate, true);
  if (!when_clear || !when_set) return NoTable(predicate, kExactOperators);
  if (subject.opens_only && hook != SLUICE_HOOK_FILE_OPEN) {
    return Constant(*when_clear,
                    fmt::format("`{}` is false where nothing is opened", predicate.left.field.Name()));
  }
  if (*when_clear == *when_set) {
    return Constant(*when_set, fmt::format("it says the same of `true` and of `false`"));
  }
  return TestOf(SLUICE_LOOKUP_BITS, FlagTest(subject.parameter, *when_clear), "flag bit");
}
// The kernel knows the host from any container.
Lowered LowerContainer(const Predicate& predicate) {
  if (predicate.op == Op::kExists)
    return TestOf(SLUICE_LOOKUP_BITS, FlagTest(SLUICE_FLAG_HOST | SLUICE_FLAG_CONTAINER), "flag bit");
  const std::optional<Membership> membership = MembershipOf(predicate);
  const bool host = std::all_of(predicate.values.begin(), predicate.values.end(),
                                [](const check::Value& value) { return value.text == "host"; });
  if (!membership || membership->never || !host || predicate.values.empty()) {
    return InUserSpace(Code::N302, "the kernel knows containers from the host, not from each other",
                       "compare `container.id` with `host`");
  }
  return TestOf(SLUICE_LOOKUP_BITS,
                FlagTest(membership->complement ? SLUICE_FLAG_CONTAINER : SLUICE_FLAG_HOST), "flag bit");
}

// Of what is opened: a directory is one, everything else is a file, as in Falco. (A socket's is an operand.)
Lowered LowerFileType(const Predicate& predicate) {
  const bool letter = predicate.left.field.field == FieldId::kFdTypechar;
  const std::optional<bool> of_file = TruthOf(predicate, letter ? "f" : "file");
  const std::optional<bool> of_directory = TruthOf(predicate, letter ? "d" : "directory");
  if (!of_file || !of_directory)
    return NoTable(predicate, "every operator but `pmatch`, `regex` and comparisons of fields");
  if (*of_file == *of_directory)
    return Constant(*of_file, "it says the same of a file and of a directory, and nothing else is opened");
  return TestOf(SLUICE_LOOKUP_BITS, FlagTest(SLUICE_FLAG_DIRECTORY, *of_file), "flag bit");
}

// Of the path as the caller gave it the kernel knows whether it climbs.
Lowered LowerGivenPath(const Predicate& predicate) {
  if (predicate.op == Op::kContains && predicate.quantifier == ast::Quantifier::kNone &&
      predicate.values.size() == 1 && predicate.values[0].text == "../")
    return TestOf(SLUICE_LOOKUP_BITS, FlagTest(SLUICE_FLAG_CLIMBS), "flag bit");
  return NoTable(predicate, "`contains \"../\"`");
}

bool IsAbsent(const check::Term& term, check::HookId hook) {
  return term.kind == check::Term::Kind::kField && (term.field.hooks() >> hook & 1) == 0;
}

}  // namespace

Lowered Constant(bool value, std::string reason) {
  Lowered lowered;
  lowered.kind = value ? Kind::kTrue : Kind::kFalse;
  lowered.reason = std::move(reason);
  return lowered;
}

Lowered InUserSpace(Code code, std::string reason, std::string help) {
  Lowered lowered;
  lowered.code = code;
  lowered.reason = std::move(reason);
  lowered.help = std::move(help);
  return lowered;
}

Lowered TestOf(uint32_t lookup, Test test, std::string how) {
  Lowered lowered;
  lowered.kind = Kind::kTest;
  lowered.lookup = lookup;
  lowered.test = std::move(test);
  lowered.how = std::move(how);
  return lowered;
}

Lowered NoTable(const Predicate& predicate, std::string_view possible) {
  const std::string op(ast::OpName(predicate.op)), field = predicate.left.field.Name();
  const bool plain = AnyValueDecides(predicate);
  std::string help = fmt::format("for `{}` the kernel decides {}", field, possible);
  if (!plain && possible.find(fmt::format("`{}`", op)) != std::string_view::npos) {
    help = predicate.quantifier == ast::Quantifier::kAllOf
               ? fmt::format("ask each value by a test of its own: `{0} {1} A and {0} {1} B`", field, op)
               : fmt::format("the kernel decides `{} anyof (...)`: true of one value or more", op);
  }
  const std::string_view quantifier = plain                                             ? ""
                                      : predicate.quantifier == ast::Quantifier::kAllOf ? " allof"
                                                                                        : " oneof";
  return InUserSpace(Code::N301, fmt::format("`{}{}` has no kernel table for `{}`", op, quantifier, field),
                     std::move(help));
}

Lowering::Lowering(const check::CheckedRules& rules, const Budget& budget)
    : rules_(rules), budget_(budget), latest_(rules.predicates.size()) {}

// Exact paths of files that are there: a mitigation knows the file by every name.
bool NamesFiles(const Lowered& lowered, check::HookId hook) {
  constexpr check::HookMask kPaths =
      check::kOpenHooks | check::kUnlinkHooks | check::kRmdirHooks | check::kRenameHooks | check::kLinkHooks |
      check::kTruncateHooks | check::kChmodHooks | check::kChownHooks | check::kSetxattrHooks |
      check::kRemovexattrHooks | check::kMmapHooks | check::kMprotectHooks | check::kSbMountHooks |
      check::kMoveMountHooks | check::kSbUmountHooks | check::kSbPivotrootHooks | check::kPathChrootHooks |
      check::kKernelReadFileHooks;
  constexpr check::HookMask kTargets =
      check::kRenameHooks | check::kLinkHooks | check::kMoveMountHooks | check::kSbPivotrootHooks;
  const auto exact = [](uint32_t string) {
    return SLUICE_LOOKUP_STRING + string * SLUICE_MODES + uint32_t{SLUICE_MODE_EXACT};
  };
  if (lowered.kind != Kind::kTest || lowered.test.strings.empty()) return false;
  if (lowered.lookup == exact(SLUICE_STR_EXEPATH)) return true;
  if (lowered.lookup == exact(SLUICE_STR_PATH)) return (kPaths >> hook & 1) != 0;
  return lowered.lookup == exact(SLUICE_STR_TARGET) && (kTargets >> hook & 1) != 0;
}

const Lowered& Lowering::At(check::PredicateId predicate, check::HookId hook) {
  uint32_t& known = known_[mitigation_ ? SLUICE_HOOKS + hook : hook][predicate];
  if (known == 0) {
    Lowered lowered = Lower(rules_.predicates[predicate], hook);
    if (lowered.kind == Kind::kTest && lowered.lookup == SLUICE_LOOKUP_BITS) ReserveMask(lowered, hook);
    ReserveTexts(lowered);
    if (mitigation_ && NamesFiles(lowered, hook)) {
      lowered.test.by_file = true;
      lowered.how += ", asked of every name of the file";
    }
    if (!budget_.tells_decisions) lowered.how.clear();
    known = Keep(std::move(lowered), predicate) + 1;
  }
  return all_[known - 1];
}

void Lowering::Forget() {
  all_ = {};
  for (PagedIds& known : known_) known = {};
  latest_ = {};
  plain_ = {};
}

// Most predicates are nothing to the kernel at most hooks, for a few reasons, and one test at the others.
uint32_t Lowering::Keep(Lowered lowered, check::PredicateId predicate) {
  const auto next = static_cast<uint32_t>(all_.size());
  const bool plain = lowered.kind != Kind::kTest && lowered.kind != Kind::kAlternatives;
  if (plain) {
    const auto [at, added] = plain_.emplace(
        std::tuple(lowered.kind, lowered.code, lowered.reason, lowered.how, lowered.help), next);
    if (!added) return at->second;
  } else if (uint32_t& latest = latest_[predicate]; latest != 0 && all_[latest - 1] == lowered) {
    return latest - 1;
  } else {
    latest = next + 1;
  }
  all_.push_back(std::move(lowered));
  return next;
}

Lowered Lowering::Lower(const Predicate& predicate, check::HookId hook) {
  const check::FieldUse& use = predicate.left.field;
  for (const check::Term* term :
       {&predicate.left, predicate.right.empty() ? &predicate.left : &predicate.right[0]}) {
    if (IsAbsent(*term, hook)) {
      return Constant(false, fmt::format("`{}` is absent at `{}`", term->field.Name(), NameOf(hook)));
    }
  }
  if (predicate.left.kind != check::Term::Kind::kField) {
    return InUserSpace(Code::N301, "a transformer has no kernel table", "compare the field itself");
  }
  if (!predicate.right.empty()) {
    return InUserSpace(Code::N301, "a comparison of two fields has no kernel table",
                       "compare with constants");
  }
  const bool returned = hook == SLUICE_HOOK_SYS_EXIT && use.field == FieldId::kEvtRawres;
  // In a mitigation a result is the rule's own (returns.h), and a UNIX socket's name the one that is there.
  const check::Operand* operand = check::FindOperand(use, hook);
  const bool of_socket = operand != nullptr && operand->kind == check::OperandKind::kSocketName;
  const bool there = mitigation_ && (check::IsResult(use) || of_socket);
  if (!returned && !there && check::IsAfterCall(use, hook)) {
    return InUserSpace(Code::N302, fmt::format("`{}` is known when the call returns", use.Name()),
                       hook == SLUICE_HOOK_SOCKET_ACCEPT ? "at the hook only the local end is known" : "");
  }
  if (operand != nullptr) return LowerOperand(predicate, *operand);
  if (hook == SLUICE_HOOK_BPRM_COMMITTED && use.field == FieldId::kProcEnv && !use.argument.empty())
    return LowerVariable(predicate);
  return LowerSubject(predicate, hook);
}

Lowered Lowering::LowerSubject(const Predicate& predicate, check::HookId hook) {
  const check::FieldUse& use = predicate.left.field;
  const Subject* subject = FindSubject(use, hook);
  if (subject == nullptr) {
    return InUserSpace(Code::N302, fmt::format("`{}` is known in user space only", use.Name()),
                       "`sluice fields` shows the fields that the kernel can decide");
  }
  const auto parameter = static_cast<uint32_t>(subject->parameter);
  switch (subject->kind) {
    case SubjectKind::kType:
      return LowerType(predicate, hook);
    case SubjectKind::kConstant:
      return LowerConstant(predicate, hook);
    case SubjectKind::kBit:
      return LowerBit(predicate, *subject, hook);
    case SubjectKind::kOpenFlags:
      if (hook != SLUICE_HOOK_FILE_OPEN) return NoTable(predicate, "the flags of an open");
      return LowerFlagNames(predicate, OpenFlags());
    case SubjectKind::kCapability: {
      if (hook == SLUICE_HOOK_BPRM_CHECK) {
        return InUserSpace(Code::N302, "at exec the capabilities of the new image are not known yet",
                           "ask at another hook");
      }
      Lowered lowered = LowerFlagNames(predicate, check::NamesOf(check::Names::kCapabilities));
      lowered.test.word = parameter;
      return lowered;
    }
    case SubjectKind::kContainer:
      return LowerContainer(predicate);
    case SubjectKind::kFileType:
      return LowerFileType(predicate);
    case SubjectKind::kGivenPath:
      return LowerGivenPath(predicate);
    case SubjectKind::kNumber:
      return LowerNumber(predicate, parameter);
    case SubjectKind::kText:
      return LowerText(predicate, parameter);
    case SubjectKind::kLineage:
      if (use.index == 0) return LowerText(predicate, parameter);  // the process itself
      return LowerLineage(predicate, parameter,
                          use.index < 0 ? subject->level : static_cast<uint32_t>(use.index));
  }
  return {};
}

// The operator goes into the image condition: the bit says that some ancestor (level 0) or the level-th one
// satisfies it, and is clear where there is no such ancestor, as an absent field wants it.
Lowered Lowering::LowerLineage(const Predicate& predicate, uint32_t string, uint32_t level) {
  if (level >= SLUICE_LINEAGE_LEVELS) {
    return InUserSpace(Code::N302, fmt::format("the kernel keeps {} ancestors", SLUICE_LINEAGE_LEVELS - 1),
                       fmt::format("ask for an ancestor up to [{}], or for any", SLUICE_LINEAGE_LEVELS - 1));
  }
  if (level == 0 && predicate.quantifier != ast::Quantifier::kNone) return NoTable(predicate, kTextOperators);
  Lowered image = LowerText(predicate, string);
  // Of an ancestor's long path not every byte is kept.
  if (image.kind == Kind::kTest && HasAtoms(image.lookup) && string == SLUICE_STR_EXEPATH)
    return NoTable(predicate, kEndOperators);
  ReserveTexts(image);
  if (image.kind != Kind::kTest) return image;
  KernelCondition condition = {AnyOf{image.lookup, {std::move(image.test)}}};
  const auto [atom, added] = atom_ids_.emplace(std::move(condition), static_cast<uint32_t>(atoms_.size()));
  if (added) {
    if (atoms_.size() >= budget_.atoms) {
      atom_ids_.erase(atom);
      return InUserSpace(Code::N306, fmt::format("the rule set's {} lineage bits are in use", budget_.atoms),
                         "let rules share one list of ancestors");
    }
    atoms_.push_back(atom->first);
  }
  Test test;
  test.atom = atom->second;
  return TestOf(SLUICE_LOOKUP_LINEAGE + level, std::move(test), "lineage bit");
}

// A variable that is not set is empty: `= ""` and `!= ""` ask whether it is set.
Lowered Lowering::LowerVariable(const Predicate& predicate) {
  const std::optional<Membership> membership = MembershipOf(predicate);
  const bool starts = predicate.op == Op::kStartsWith && AnyValueDecides(predicate);
  if ((!membership || membership->never) && !starts)
    return NoTable(predicate, "`=`, `!=`, `in`, `startswith` and `exists`");
  VariableTest test;
  test.name = predicate.left.field.argument;
  bool empty = false;
  for (const check::Value& value : predicate.values) {
    std::string text = test.name + "=" + value.text;
    if (text.size() > SLUICE_VARIABLE_BYTES) {
      return InUserSpace(Code::N301,
                         fmt::format("name and value are longer than {} bytes", SLUICE_VARIABLE_BYTES),
                         "use a shorter prefix with `startswith`");
    }
    empty = empty || value.text.empty();
    (starts ? test.prefixes : test.exact).push_back(std::move(text));
  }
  if (starts && empty) return Constant(true, "every text starts with nothing");
  if (empty && predicate.values.size() != 1)
    return InUserSpace(Code::N301, "it mixes the empty value with others", "ask for the empty value alone");
  bool complement = membership && membership->complement;
  if (empty) {  // set to something, or not
    test.exact.clear();
    test.prefixes = {test.name + "="};
    complement = !complement;
  }
  auto found = std::find(variables_.begin(), variables_.end(), test);
  if (found == variables_.end()) {
    if (variables_.size() >= SLUICE_VARIABLE_TESTS) {
      return InUserSpace(
          Code::N306, fmt::format("the rule set's {} tests of variables are in use", SLUICE_VARIABLE_TESTS),
          "let rules ask the same");
    }
    found = variables_.insert(variables_.end(), std::move(test));
  }
  return TestOf(SLUICE_LOOKUP_BITS, FlagTest(uint64_t{1} << (found - variables_.begin()), complement),
                "scan of the new image's environment");
}

// Texts of `contains` share one automaton; a set of them is one bit of what it finds.
void Lowering::ReserveTexts(Lowered& lowered) {
  if (lowered.kind != Kind::kTest || lowered.lookup < SLUICE_LOOKUP_STRING || !HasAtoms(lowered.lookup))
    return;
  if (texts_.count(lowered.test.strings) != 0) return;
  size_t bytes = text_bytes_;
  for (const std::string& text : lowered.test.strings) bytes += text.size();
  if (texts_.size() >= budget_.texts || bytes >= SLUICE_AUTOMATON_STATES) {
    lowered = InUserSpace(
        Code::N306,
        fmt::format("the rule set's automaton takes {} different `contains`, of {} bytes together",
                    budget_.texts, SLUICE_AUTOMATON_STATES - 1),
        "use `startswith` or `endswith` where they say the same");
    return;
  }
  text_bytes_ = bytes;
  texts_.insert(lowered.test.strings);
}

void Lowering::ReserveMask(Lowered& lowered, check::HookId hook) {
  const std::pair mask(lowered.test.word, lowered.test.flags);
  if (masks_[hook].size() < SLUICE_BIT_MASKS || masks_[hook].count(mask) != 0) {
    masks_[hook].insert(mask);
    return;
  }
  lowered = InUserSpace(Code::N306,
                        fmt::format("the {} flag tests of `{}` are in use", SLUICE_BIT_MASKS, NameOf(hook)),
                        "let rules test the same flags");
}

}  // namespace sluice::split
