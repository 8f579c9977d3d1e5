// Texts: exact, prefix and suffix tables.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compiler/split/lower_kinds.h"
#include "compiler/split/text.h"

namespace sluice::split {
namespace {

using ast::Op;
using check::Predicate;
using diag::Code;
using Kind = Lowered::Kind;

Test SetTest(bool complement) {
  Test test;
  test.complement = complement;
  return test;
}

void SortUnique(std::vector<std::string>& strings) {
  std::sort(strings.begin(), strings.end());
  strings.erase(std::unique(strings.begin(), strings.end()), strings.end());
}

uint32_t TextLookup(uint32_t string, uint32_t mode) {
  return SLUICE_LOOKUP_STRING + string * SLUICE_MODES + mode;
}

constexpr uint32_t kModeBytes[] = {SLUICE_KEY_BYTES - 1, SLUICE_PREFIX_BYTES, SLUICE_SUFFIX_BYTES,
                                   SLUICE_KEY_BYTES - 1};
constexpr std::string_view kModeTable[] = {"exact table", "prefix table", "suffix table", "automaton"};
constexpr std::string_view kTextNames[] = {"proc.name",    "proc.exepath", "fd.name",
                                           "fd.directory", "target",       "text"};

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
  SortUnique(test.strings.Edit());
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
    if (anonymous && path->find('/') != std::string::npos) {
      return InUserSpace(Code::N301, fmt::format("`{}` is of a name that somebody made up", value.text),
                         "use `startswith`, which compares byte by byte");
    }
    prefixes.push_back("/" + *path + '\0');
    prefixes.push_back("/" + *path + "/");
    if (anonymous || string == SLUICE_STR_NAME) {
      prefixes.push_back(*path + '\0');
      prefixes.push_back(*path + "/");
    }
  }
  return TextTest(string, SLUICE_MODE_PREFIX, false, std::move(prefixes));
}

// Of a directory the kernel searches no end.
std::string_view OperatorsOf(uint32_t string) {
  return string == SLUICE_STR_DIRECTORY ? "`=`, `!=`, `in`, `startswith`, `pmatch` and `exists`"
                                        : kTextOperators;
}

// Patterns of one plain shape; mixed or real patterns are left to user space.
Lowered LowerPattern(const Predicate& predicate, uint32_t string) {
  std::vector<std::string> texts;
  std::optional<Shape::Kind> kind;
  for (const check::Value& value : predicate.values) {
    Shape shape = predicate.op == Op::kGlob ? GlobShape(value.text) : RegexShape(value.text);
    const bool end = shape.kind == Shape::Kind::kSuffix && string == SLUICE_STR_DIRECTORY;
    if (shape.kind == Shape::Kind::kOther || end || (kind && *kind != shape.kind))
      return NoTable(predicate, OperatorsOf(string));
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

}  // namespace

Lowered LowerText(const Predicate& predicate, uint32_t string) {
  if (predicate.op == Op::kExists) return TextPresent(string);
  if (const std::optional<Membership> membership = MembershipOf(predicate)) {
    if (membership->never) return Constant(false, "it compares with nothing");
    return TextTest(string, SLUICE_MODE_EXACT, membership->complement, Texts(predicate));
  }
  const bool searches = predicate.op == Op::kEndsWith || predicate.op == Op::kContains;
  if (!AnyValueDecides(predicate) || (searches && string == SLUICE_STR_DIRECTORY))
    return NoTable(predicate, OperatorsOf(string));
  if (predicate.values.empty()) return Constant(false, "it compares with nothing");
  const bool any_empty = std::any_of(predicate.values.begin(), predicate.values.end(),
                                     [](const check::Value& value) { return value.text.empty(); });
  switch (predicate.op) {
    case Op::kStartsWith:
      return any_empty ? TextPresent(string) : TextTest(string, SLUICE_MODE_PREFIX, false, Texts(predicate));
    case Op::kEndsWith:
      return any_empty ? TextPresent(string) : TextTest(string, SLUICE_MODE_SUFFIX, false, Texts(predicate));
    case Op::kContains:
      return any_empty ? TextPresent(string)
                       : TextTest(string, SLUICE_MODE_CONTAINS, false, Texts(predicate));
    case Op::kIContains:
      return any_empty ? TextPresent(string) : NoTable(predicate, OperatorsOf(string));
    case Op::kPmatch:
      return LowerPmatch(predicate, string);
    case Op::kGlob:
    case Op::kRegex:
      return LowerPattern(predicate, string);
    default:
      return NoTable(predicate, OperatorsOf(string));
  }
}

// The base name x of a path is its suffix "/x".
constexpr std::string_view kBaseNameOperators = "`=`, `!=`, `in`, `endswith` and `exists`";

Lowered LowerBaseName(const Predicate& predicate, uint32_t string) {
  if (predicate.op == Op::kExists) return TextPresent(string);
  const auto is_part = [](const check::Value& value) {
    return !value.text.empty() && value.text.find('/') == std::string::npos;
  };
  if (predicate.op == Op::kEndsWith && std::all_of(predicate.values.begin(), predicate.values.end(), is_part))
    return LowerText(predicate, string);  // the path ends in it just when its last component does
  const std::optional<Membership> membership = MembershipOf(predicate);
  if (!membership) return NoTable(predicate, kBaseNameOperators);
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

}  // namespace sluice::split
