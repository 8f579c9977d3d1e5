#include "compiler/check/type_truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "bpf/abi/event_abi.h"
#include "compiler/check/sets.h"
#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

using ast::Op;

constexpr size_t kNameBytes = SLUICE_NAME_BYTES - 1;

// The values that a field can have at all, for one kind of field.
using Possible = std::function<bool(const Value&)>;

bool IsSelection(const Predicate& predicate) {
  const bool plain = predicate.quantifier == ast::Quantifier::kNone;
  const bool any = predicate.quantifier == ast::Quantifier::kAnyOf;
  return (predicate.op == Op::kEq && (plain || any)) || (predicate.op == Op::kIn && plain);
}

// Whether no value that the test names is possible, and so it is false; or for `!=` true.
std::optional<bool> AskPossible(const Predicate& predicate, const Possible& possible) {
  if (predicate.values.empty() || std::any_of(predicate.values.begin(), predicate.values.end(), possible))
    return std::nullopt;
  if (IsSelection(predicate)) return false;
  if (predicate.op == Op::kNe && predicate.quantifier == ast::Quantifier::kNone) return true;
  return std::nullopt;
}

// ---- numbers

struct Range {
  int64_t least, most;
};

std::optional<Range> RangeOf(const Term& term) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max(),
                    kMost32 = std::numeric_limits<uint32_t>::max();
  if (term.type == Type::kPort) return Range{0, 65535};
  if (term.kind == Term::Kind::kTransform && term.transform == TransformKind::kLen) return Range{0, kMost};
  if (term.kind != Term::Kind::kField) return std::nullopt;
  switch (term.field.field) {
    case FieldId::kProcPid:
    case FieldId::kProcPpid:
    case FieldId::kProcVpid:
    case FieldId::kThreadTid:
    case FieldId::kProcCmdnargs:
    case FieldId::kProcCmdlenargs:
    case FieldId::kProcNthreads:
    case FieldId::kProcNchilds:
    case FieldId::kProcDuration:
    case FieldId::kEvtRawtime:
    case FieldId::kEvtCpu:
    case FieldId::kProcCgroupId:
    case FieldId::kEvtUptimeS:
      return Range{0, kMost};
    case FieldId::kUserUid:
    case FieldId::kGroupGid:
    case FieldId::kProcMntNs:
    case FieldId::kProcPidNs:
      return Range{0, kMost32};
    case FieldId::kUserLoginuid:
      return Range{-1, kMost32};
    default:
      return std::nullopt;
  }
}

std::optional<bool> AskOrder(const Predicate& predicate, Range range) {
  if (predicate.quantifier != ast::Quantifier::kNone || predicate.values.size() != 1) return std::nullopt;
  const int64_t value = predicate.values[0].number;
  const auto of = [](bool always, bool never) {
    return always ? std::optional(true) : never ? std::optional(false) : std::nullopt;
  };
  switch (predicate.op) {
    case Op::kLt:
      return of(range.most < value, range.least >= value);
    case Op::kLe:
      return of(range.most <= value, range.least > value);
    case Op::kGt:
      return of(range.least > value, range.most <= value);
    case Op::kGe:
      return of(range.least >= value, range.most < value);
    default:
      return std::nullopt;
  }
}

std::optional<ConstantTest> FindNumber(const Predicate& predicate) {
  const std::optional<Range> range = RangeOf(predicate.left);
  if (!range) return std::nullopt;
  std::optional<bool> truth = AskOrder(predicate, *range);
  if (!truth) {
    truth = AskPossible(predicate,
                        [&](const Value& v) { return v.number >= range->least && v.number <= range->most; });
  }
  if (!truth) return std::nullopt;
  const std::string name = TermText(predicate.left);
  const bool bounded = range->most != std::numeric_limits<int64_t>::max();
  return ConstantTest{*truth,
                      bounded ? fmt::format("`{}` is from {} to {}", name, range->least, range->most)
                              : fmt::format("`{}` is never negative", name),
                      ""};
}

// ---- texts

bool IsAbsolutePath(FieldId field) {
  switch (field) {
    case FieldId::kFsPathName:
    case FieldId::kFsPathSource:
    case FieldId::kFsPathTarget:
    case FieldId::kFdDirectory:
    case FieldId::kProcExepath:
    case FieldId::kProcPexepath:
    case FieldId::kProcAexepath:
    case FieldId::kProcCwd:
    case FieldId::kFdName:
      return true;
    default:
      return false;
  }
}

// A socket, a pipe or a file in memory has a name with a colon; `<NA>` and `(deleted)` are Falco's
// placeholders.
bool MayBePath(const Value& value) {
  return value.text.empty() || value.text[0] == '/' || value.text[0] == '<' || value.text[0] == '(' ||
         value.text.find(':') != std::string::npos;
}

bool HoldsName(FieldId field) {
  switch (field) {
    case FieldId::kProcName:
    case FieldId::kProcPname:
    case FieldId::kProcAname:
    case FieldId::kProcSname:
    case FieldId::kProcVpgidName:
    case FieldId::kProcPgidName:
      return true;
    default:
      return false;
  }
}

std::optional<ConstantTest> FindName(const Predicate& predicate) {
  const auto fits = [](const Value& value) { return value.text.size() <= kNameBytes; };
  const bool part =
      predicate.op == Op::kStartsWith || predicate.op == Op::kEndsWith || predicate.op == Op::kContains;
  const bool none_fits =
      !predicate.values.empty() && std::none_of(predicate.values.begin(), predicate.values.end(), fits);
  std::optional<bool> truth = AskPossible(predicate, fits);
  if (!truth && part && none_fits) truth = false;
  if (!truth) return std::nullopt;
  return ConstantTest{
      *truth, fmt::format("`{}` holds at most {} bytes", TermText(predicate.left), kNameBytes),
      fmt::format("write `{}`, or compare `proc.exepath`", predicate.values[0].text.substr(0, kNameBytes))};
}

std::optional<ConstantTest> FindPath(const Predicate& predicate) {
  const std::string name = TermText(predicate.left);
  std::optional<bool> truth = AskPossible(predicate, MayBePath);
  if (!truth && predicate.op == Op::kStartsWith && !predicate.values.empty() &&
      std::none_of(predicate.values.begin(), predicate.values.end(), MayBePath)) {
    truth = false;
  }
  if (truth) {
    return ConstantTest{
        *truth, fmt::format("`{}` is an absolute path", name),
        fmt::format("write the whole path, or `{} endswith /{}`", name, predicate.values[0].text)};
  }
  if (predicate.left.field.field != FieldId::kFdDirectory) return std::nullopt;
  truth = AskPossible(predicate, [](const Value& v) { return v.text.size() < 2 || v.text.back() != '/'; });
  if (!truth) return std::nullopt;
  const std::string& first = predicate.values[0].text;
  return ConstantTest{*truth, fmt::format("`{}` has no `/` at its end", name),
                      fmt::format("write `{}`", first.substr(0, first.size() - 1))};
}

std::optional<ConstantTest> FindWord(const Predicate& predicate) {
  const auto one_of = [&](std::initializer_list<std::string_view> words) -> std::optional<ConstantTest> {
    const std::optional<bool> truth = AskPossible(predicate, [&](const Value& value) {
      return std::find(words.begin(), words.end(), value.text) != words.end();
    });
    if (!truth) return std::nullopt;
    std::string all;
    for (const std::string_view word : words) all += fmt::format("{}`{}`", all.empty() ? "" : ", ", word);
    return ConstantTest{*truth, fmt::format("`{}` is one of {}", TermText(predicate.left), all), ""};
  };
  const auto shaped = [&](const Possible& possible, std::string_view what) -> std::optional<ConstantTest> {
    const std::optional<bool> truth = AskPossible(predicate, possible);
    if (!truth) return std::nullopt;
    return ConstantTest{*truth, fmt::format("`{}` is {}", TermText(predicate.left), what), ""};
  };
  switch (predicate.left.field.field) {
    case FieldId::kFdL4proto:
      return one_of({"tcp", "udp", "icmp", "raw", "<NA>"});
    case FieldId::kFdSockfamily:
      return one_of({"ip", "unix"});
    case FieldId::kFdTypechar:
      return shaped([](const Value& value) { return value.text.size() == 1; }, "one letter");
    case FieldId::kFdFilename:
      return shaped([](const Value& value) { return value.text.find('/') == std::string::npos; },
                    "the last part of a path, without `/`");
    default:
      return std::nullopt;
  }
}

// `startswith ""`, `glob *` and the like hold for every text.
std::optional<ConstantTest> FindAnyText(const Predicate& predicate) {
  if (predicate.quantifier != ast::Quantifier::kNone || predicate.values.empty()) return std::nullopt;
  const auto everything = [&](const Value& value) {
    switch (predicate.op) {
      case Op::kContains:
      case Op::kIContains:
      case Op::kStartsWith:
      case Op::kEndsWith:
        return value.text.empty();
      case Op::kGlob:
      case Op::kIGlob:
        return !value.text.empty() && value.text.find_first_not_of('*') == std::string::npos;
      case Op::kPmatch:
        return value.text.find_first_not_of('/') == std::string::npos;
      case Op::kRegex:
        return value.text == ".*";
      default:
        return false;
    }
  };
  if (!std::any_of(predicate.values.begin(), predicate.values.end(), everything)) return std::nullopt;
  return ConstantTest{true, "every text passes it",
                      fmt::format("write `{} exists` if that is meant", TermText(predicate.left))};
}

// The result of tolower() and toupper() has letters of one kind only, as far as ASCII goes.
std::optional<ConstantTest> FindCase(const Predicate& predicate) {
  const bool lower = predicate.left.transform == TransformKind::kToLower;
  if (!lower && predicate.left.transform != TransformKind::kToUpper) return std::nullopt;
  const auto possible = [lower](const Value& value) {
    return std::none_of(value.text.begin(), value.text.end(),
                        [lower](char c) { return lower ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z'; });
  };
  const bool part =
      predicate.op == Op::kStartsWith || predicate.op == Op::kEndsWith || predicate.op == Op::kContains;
  const bool plain = predicate.quantifier == ast::Quantifier::kNone && predicate.values.size() == 1;
  std::optional<bool> truth = AskPossible(predicate, possible);
  if (!truth && part && plain && !possible(predicate.values[0])) truth = false;
  if (!truth) return std::nullopt;
  return ConstantTest{
      *truth, fmt::format("`{}` has no {} letters", TermText(predicate.left), lower ? "capital" : "small"),
      fmt::format("write the constant in {} letters", lower ? "small" : "capital")};
}

}  // namespace

std::optional<ConstantTest> FindConstant(const Predicate& predicate) {
  if (!predicate.right.empty() || AsksASet(predicate)) return std::nullopt;
  switch (predicate.left.type) {
    case Type::kInt:
    case Type::kPort:
    case Type::kTime:
      return FindNumber(predicate);
    case Type::kBool: {
      const bool both = IsSelection(predicate) && predicate.values.size() == 2;
      if (!both || predicate.values[0].number == predicate.values[1].number) return std::nullopt;
      return ConstantTest{true, "it is true or false", ""};
    }
    case Type::kString:
    case Type::kPath:
      break;
    default:
      return std::nullopt;
  }
  if (std::optional<ConstantTest> found = FindAnyText(predicate)) return found;
  if (predicate.left.kind == Term::Kind::kTransform && predicate.left.shape == Shape::kScalar)
    return FindCase(predicate);
  if (predicate.left.kind != Term::Kind::kField) return std::nullopt;
  if (HoldsName(predicate.left.field.field)) return FindName(predicate);
  return IsAbsolutePath(predicate.left.field.field) ? FindPath(predicate) : FindWord(predicate);
}

}  // namespace sluice::check
