#include "compiler/split/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "compiler/split/open_flags.h"
#include "compiler/split/text.h"

namespace sluice::split {
namespace {

using ast::Op;
using check::FieldId;
using check::Predicate;
using diag::Code;
using Kind = Lowered::Kind;

constexpr std::string_view kTextOperators =
    "`=`, `!=`, `in`, `startswith`, `endswith`, `pmatch` and `exists`";
constexpr std::string_view kExactOperators = "`=`, `!=`, `in` and `exists`";

// What the kernel knows, and by which lookup it answers.
enum class SubjectKind : uint8_t { kType, kConstant, kBit, kOpenFlags, kNumber, kText, kBaseName, kLineage };

struct Subject {
  FieldId field;
  SubjectKind kind;
  uint64_t
      parameter;  // kBit: the flag; kNumber: enum sluice_int; kText, kBaseName, kLineage: enum sluice_string
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
    {FieldId::kEvtArg, SubjectKind::kText, SLUICE_STR_PATH, false, 0, "name"},
    {FieldId::kEvtArg, SubjectKind::kText, SLUICE_STR_PATH, false, 0, "path"},
    {FieldId::kEvtArg, SubjectKind::kText, SLUICE_STR_NAME, false, 0, "comm"},
    {FieldId::kEvtArg, SubjectKind::kText, SLUICE_STR_EXEPATH, false, 0, "trusted_exepath"},
    {FieldId::kUserUid, SubjectKind::kNumber, SLUICE_INT_UID},
    {FieldId::kGroupGid, SubjectKind::kNumber, SLUICE_INT_GID},
    {FieldId::kUserLoginuid, SubjectKind::kNumber, SLUICE_INT_LOGINUID},
    {FieldId::kProcName, SubjectKind::kText, SLUICE_STR_NAME},
    {FieldId::kProcExepath, SubjectKind::kText, SLUICE_STR_EXEPATH},
    {FieldId::kFdName, SubjectKind::kText, SLUICE_STR_PATH},
    {FieldId::kFsPathName, SubjectKind::kText, SLUICE_STR_PATH},
    {FieldId::kFdDirectory, SubjectKind::kText, SLUICE_STR_DIRECTORY},
    {FieldId::kFdFilename, SubjectKind::kBaseName, SLUICE_STR_PATH},
    {FieldId::kProcPname, SubjectKind::kLineage, SLUICE_STR_NAME, false, 1},
    {FieldId::kProcPexepath, SubjectKind::kLineage, SLUICE_STR_EXEPATH, false, 1},
    {FieldId::kProcAname, SubjectKind::kLineage, SLUICE_STR_NAME},
    {FieldId::kProcAexepath, SubjectKind::kLineage, SLUICE_STR_EXEPATH},
};

const Subject* FindSubject(const check::FieldUse& use) {
  static const auto index = [] {
    std::map<std::pair<FieldId, std::string_view>, const Subject*> by_field;
    for (const Subject& subject : kSubjects)
      by_field.emplace(std::pair(subject.field, subject.argument), &subject);
    return by_field;
  }();
  const auto found = index.find(std::pair(use.field, std::string_view(use.argument)));
  return found == index.end() ? nullptr : found->second;
}

Lowered Constant(bool value, std::string reason) {
  Lowered lowered;
  lowered.kind = value ? Kind::kTrue : Kind::kFalse;
  lowered.reason = std::move(reason);
  return lowered;
}

Lowered InUserSpace(Code code, std::string reason, std::string help = {}) {
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

Lowered NoTable(const Predicate& predicate, std::string_view possible) {
  return InUserSpace(Code::N301, fmt::format("`{}` has no kernel table", ast::OpName(predicate.op)),
                     fmt::format("for `{}` the kernel decides {}", predicate.left.field.Name(), possible));
}

std::string NameOf(check::HookId hook) {
  const check::HookRow* row = check::FindHook(hook);
  return row == nullptr ? "image" : std::string(row->name);
}

void SortUnique(std::vector<std::string>& strings) {
  std::sort(strings.begin(), strings.end());
  strings.erase(std::unique(strings.begin(), strings.end()), strings.end());
}

// ---- types, constants, flags
// ------------------------------------------------------------------------------------

Lowered LowerType(const Predicate& predicate, check::HookId hook) {
  Test test;
  size_t types = 0;
  for (const check::EventRow& row : check::Events()) {
    if (row.hook != hook) continue;
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

Lowered LowerOpenFlags(const Predicate& predicate, check::HookId hook) {
  const std::string_view possible = "`contains` with the whole name of a flag of one bit, as `O_TRUNC`";
  if (hook != SLUICE_HOOK_FILE_OPEN || predicate.op != Op::kContains || !AnyValueDecides(predicate)) {
    return NoTable(predicate, possible);
  }
  Test test;
  for (const check::Value& value : predicate.values) {
    const std::optional<uint64_t> bits = FlagsThatShow(value.text);
    if (!bits) {
      return InUserSpace(
          Code::N301, fmt::format("`{}` is not the name of a single flag", value.text),
          fmt::format("for `{}` the kernel decides {}", predicate.left.field.Name(), possible));
    }
    test.flags |= *bits;
  }
  if (test.flags == 0) return Constant(false, "it compares with nothing");
  return TestOf(SLUICE_LOOKUP_BITS, std::move(test), "flag bit");
}

// ---- numbers
// ----------------------------------------------------------------------------------------------------

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// The numbers that an order comparison accepts; nothing for other operators.
std::optional<Ranges> OrderRanges(Op op, int64_t number) {
  switch (op) {
    case Op::kLt:
      return number == kLeast ? Ranges{} : Ranges{{kLeast, number - 1}};
    case Op::kLe:
      return Ranges{{kLeast, number}};
    case Op::kGt:
      return number == kMost ? Ranges{} : Ranges{{number + 1, kMost}};
    case Op::kGe:
      return Ranges{{number, kMost}};
    default:
      return std::nullopt;
  }
}

Lowered LowerNumber(const Predicate& predicate, uint32_t number) {
  Test test;
  if (predicate.op == Op::kExists) {
    return Constant(true, fmt::format("`{}` is always there", predicate.left.field.Name()));
  }
  if (const std::optional<Membership> membership = MembershipOf(predicate)) {
    if (membership->never) return Constant(false, "it compares with nothing");
    test.complement = membership->complement;
    for (const check::Value& value : predicate.values) test.ranges.emplace_back(value.number, value.number);
  } else {
    const bool one = predicate.values.size() == 1;
    std::optional<Ranges> ranges = one ? OrderRanges(predicate.op, predicate.values[0].number) : std::nullopt;
    if (!ranges) return NoTable(predicate, "`=`, `!=`, `in`, `<`, `<=`, `>`, `>=` and `exists`");
    if (ranges->empty()) return Constant(false, "no number satisfies it");
    test.ranges = *std::move(ranges);
  }
  test.ranges = JoinRanges(std::move(test.ranges));
  return TestOf(SLUICE_LOOKUP_INT + number, std::move(test),
                fmt::format("interval table of {}", predicate.left.field.Name()));
}

// ---- texts
// ------------------------------------------------------------------------------------------------------

uint32_t TextLookup(uint32_t string, uint32_t mode) {
  return SLUICE_LOOKUP_STRING + string * SLUICE_MODES + mode;
}

constexpr uint32_t kModeBytes[] = {SLUICE_KEY_BYTES - 1, SLUICE_PREFIX_BYTES, SLUICE_SUFFIX_BYTES};
constexpr std::string_view kModeTable[] = {"exact table", "prefix table", "suffix table"};
constexpr std::string_view kTextNames[] = {"proc.name", "proc.exepath", "fd.name", "fd.directory"};

// A test of membership of `strings` in one table of the text `string`.
Lowered TextTest(uint32_t string, uint32_t mode, bool complement, std::vector<std::string> strings) {
  Test test = SetTest(complement);
  for (std::string& text : strings) {
    if (text.size() <= kModeBytes[mode]) {
      test.strings.push_back(std::move(text));
    } else if (string != SLUICE_STR_NAME) {
      return InUserSpace(Code::N304,
                         fmt::format("a value has {} bytes, the kernel's {} takes {}", text.size(),
                                     kModeTable[mode], kModeBytes[mode]),
                         fmt::format("use values of at most {} bytes", kModeBytes[mode]));
    }  // else: no name is as long as this, so the value matches nothing
  }
  SortUnique(test.strings);
  if (test.strings.empty() && !complement) return Constant(false, "no value can match");
  return TestOf(TextLookup(string, mode), std::move(test),
                fmt::format("{} of {}", kModeTable[mode], kTextNames[string]));
}

Lowered TextPresent(uint32_t string) { return TextTest(string, SLUICE_MODE_EXACT, true, {}); }

// A prefix matches the text itself ("P\0") or anything below it ("P/"). A name without a leading slash (an
// anonymous file, a process) is split into components in the same way.
Lowered LowerPmatch(const Predicate& predicate, uint32_t string) {
  std::vector<std::string> prefixes;
  for (const check::Value& value : predicate.values) {
    const std::optional<std::string> path = PlainPath(value.text);
    if (!path) {
      return InUserSpace(Code::N301, fmt::format("`{}` holds a wildcard", value.text),
                         "for `pmatch` the kernel decides paths without `?`, `*` and `[`");
    }
    if (path->empty()) return TextPresent(string);
    const bool anonymous = path->substr(0, path->find('/')).find(':') != std::string::npos;
    prefixes.push_back("/" + *path + '\0');
    prefixes.push_back("/" + *path + "/");
    if (anonymous || string == SLUICE_STR_NAME) {
      prefixes.push_back(*path + '\0');
      prefixes.push_back(*path + "/");
    }
  }
  return TextTest(string, SLUICE_MODE_PREFIX, false, std::move(prefixes));
}

// Patterns of one plain shape; mixed or real patterns are left to user space.
Lowered LowerPattern(const Predicate& predicate, uint32_t string) {
  std::vector<std::string> texts;
  std::optional<Shape::Kind> kind;
  for (const check::Value& value : predicate.values) {
    Shape shape = predicate.op == Op::kGlob ? GlobShape(value.text) : RegexShape(value.text);
    if (shape.kind == Shape::Kind::kOther || (kind && *kind != shape.kind))
      return NoTable(predicate, kTextOperators);
    kind = shape.kind;
    texts.push_back(std::move(shape.text));
  }
  if (!kind) return Constant(false, "it compares with nothing");
  switch (*kind) {
    case Shape::Kind::kExact:
      return TextTest(string, SLUICE_MODE_EXACT, false, std::move(texts));
    case Shape::Kind::kPrefix:
      return TextTest(string, SLUICE_MODE_PREFIX, false, std::move(texts));
    case Shape::Kind::kSuffix:
      return TextTest(string, SLUICE_MODE_SUFFIX, false, std::move(texts));
    default:
      return TextPresent(string);
  }
}

std::vector<std::string> Texts(const Predicate& predicate) {
  std::vector<std::string> texts;
  texts.reserve(predicate.values.size());
  for (const check::Value& value : predicate.values) texts.push_back(value.text);
  return texts;
}

Lowered LowerText(const Predicate& predicate, uint32_t string) {
  if (predicate.op == Op::kExists) return TextPresent(string);
  if (const std::optional<Membership> membership = MembershipOf(predicate)) {
    if (membership->never) return Constant(false, "it compares with nothing");
    return TextTest(string, SLUICE_MODE_EXACT, membership->complement, Texts(predicate));
  }
  // The directory is known to the kernel as a whole only.
  if (string == SLUICE_STR_DIRECTORY) return NoTable(predicate, kExactOperators);
  if (!AnyValueDecides(predicate)) return NoTable(predicate, kTextOperators);
  if (predicate.values.empty()) return Constant(false, "it compares with nothing");
  const bool any_empty = std::any_of(predicate.values.begin(), predicate.values.end(),
                                     [](const check::Value& value) { return value.text.empty(); });
  switch (predicate.op) {
    case Op::kStartsWith:
      return any_empty ? TextPresent(string) : TextTest(string, SLUICE_MODE_PREFIX, false, Texts(predicate));
    case Op::kEndsWith:
      return any_empty ? TextPresent(string) : TextTest(string, SLUICE_MODE_SUFFIX, false, Texts(predicate));
    case Op::kContains:
    case Op::kIContains:
      return any_empty ? TextPresent(string) : NoTable(predicate, kTextOperators);
    case Op::kPmatch:
      return LowerPmatch(predicate, string);
    case Op::kGlob:
    case Op::kRegex:
      return LowerPattern(predicate, string);
    default:
      return NoTable(predicate, kTextOperators);
  }
}

// The base name x of a path is its suffix "/x".
Lowered LowerBaseName(const Predicate& predicate, uint32_t string) {
  if (predicate.op == Op::kExists) return TextPresent(string);
  const std::optional<Membership> membership = MembershipOf(predicate);
  if (!membership) return NoTable(predicate, kExactOperators);
  if (membership->never) return Constant(false, "it compares with nothing");
  std::vector<std::string> suffixes;
  for (const check::Value& value : predicate.values) {
    // A name with a colon may stand alone, without a slash before it (anonymous files); the root's own is
    // "/".
    if (value.text.empty() || value.text.find_first_of("/:") != std::string::npos) {
      return InUserSpace(Code::N301, fmt::format("`{}` is not the plain name of a file", value.text),
                         "the kernel decides names without `/` and `:`");
    }
    suffixes.push_back("/" + value.text);
  }
  return TextTest(string, SLUICE_MODE_SUFFIX, membership->complement, std::move(suffixes));
}

bool IsAbsent(const check::Term& term, check::HookId hook) {
  return term.kind == check::Term::Kind::kField && (term.field.hooks() >> hook & 1) == 0;
}

}  // namespace

Ranges JoinRanges(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  Ranges joined;
  for (const auto& [first, last] : ranges) {
    if (!joined.empty() && (joined.back().second == kMost || first <= joined.back().second + 1)) {
      joined.back().second = std::max(joined.back().second, last);
    } else {
      joined.emplace_back(first, last);
    }
  }
  return joined;
}

Lowering::Lowering(const check::CheckedRules& rules, const Budget& budget) : rules_(rules), budget_(budget) {
  for (auto& known : known_) known.resize(rules.predicates.size());
}

const Lowered& Lowering::At(check::PredicateId predicate, check::HookId hook) {
  uint32_t& known = known_[hook][predicate];
  if (known == 0) {
    Lowered lowered = Lower(rules_.predicates[predicate], hook);
    if (lowered.kind == Kind::kTest && lowered.lookup == SLUICE_LOOKUP_BITS) ReserveMask(lowered, hook);
    all_.push_back(std::move(lowered));
    known = static_cast<uint32_t>(all_.size());
  }
  return all_[known - 1];
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
  const Subject* subject = FindSubject(use);
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
      return LowerOpenFlags(predicate, hook);
    case SubjectKind::kNumber:
      return LowerNumber(predicate, parameter);
    case SubjectKind::kText:
      return LowerText(predicate, parameter);
    case SubjectKind::kBaseName:
      return LowerBaseName(predicate, parameter);
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

void Lowering::ReserveMask(Lowered& lowered, check::HookId hook) {
  if (masks_[hook].size() < SLUICE_BIT_MASKS || masks_[hook].count(lowered.test.flags) != 0) {
    masks_[hook].insert(lowered.test.flags);
    return;
  }
  lowered = InUserSpace(Code::N306,
                        fmt::format("the {} flag tests of `{}` are in use", SLUICE_BIT_MASKS, NameOf(hook)),
                        "let rules test the same flags");
}

}  // namespace sluice::split
