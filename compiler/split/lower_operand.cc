// Numbers, flags and addresses.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "compiler/diag/diag.h"
#include "compiler/split/lower_kinds.h"
#include "compiler/split/open_flags.h"
#include "compiler/split/text.h"

namespace sluice::split {
namespace {

using ast::Op;
using check::Predicate;
using diag::Code;
using Kind = Lowered::Kind;

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

constexpr std::string_view kNumberOperators = "`=`, `!=`, `in`, `<`, `<=`, `>`, `>=` and `exists`";
constexpr std::string_view kFlagOperators =
    "`contains` with the whole name of a flag of one bit, as `O_TRUNC`";

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

// Which numbers satisfy it.
struct NumberSet {
  std::optional<Lowered> settled;  // it is no question of a table
  Test test;
};

NumberSet Settled(Lowered lowered) { return {std::move(lowered), {}}; }

NumberSet NumbersOf(const Predicate& predicate) {
  Test test;
  if (const std::optional<Membership> membership = MembershipOf(predicate)) {
    if (membership->never) return Settled(Constant(false, "it compares with nothing"));
    test.complement = membership->complement;
    for (const check::Value& value : predicate.values) test.ranges.emplace_back(value.number, value.number);
  } else {
    const bool one = predicate.values.size() == 1;
    std::optional<Ranges> ranges = one ? OrderRanges(predicate.op, predicate.values[0].number) : std::nullopt;
    if (!ranges) return Settled(NoTable(predicate, kNumberOperators));
    if (ranges->empty()) return Settled(Constant(false, "no number satisfies it"));
    test.ranges = *std::move(ranges);
  }
  test.ranges = JoinRanges(std::move(test.ranges));
  return {std::nullopt, std::move(test)};
}

Test Present() {
  Test test;
  test.complement = true;
  return test;
}

std::string HowNumber(const Predicate& predicate) {
  return fmt::format("interval table of {}", predicate.left.field.Name());
}

constexpr uint32_t ArgLookup(uint32_t place) { return SLUICE_LOOKUP_INT + uint32_t{SLUICE_INT_ARG} + place; }

// A number of the hook, which may be absent.
Lowered LowerArgNumber(const Predicate& predicate, uint32_t place) {
  if (predicate.op == Op::kExists) return TestOf(ArgLookup(place), Present(), HowNumber(predicate));
  NumberSet numbers = NumbersOf(predicate);
  if (numbers.settled) return *std::move(numbers.settled);
  return TestOf(ArgLookup(place), std::move(numbers.test), HowNumber(predicate));
}

// The number that is shown as `text`; nothing when none is.
std::optional<int64_t> NumberShownAs(std::string_view text, int base) {
  int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  const std::string shown = base == 10 ? fmt::format("{}", number) : fmt::format("{:X}", number);
  return shown == text ? std::optional(number) : std::nullopt;
}

Lowered LowerShownNumber(const Predicate& predicate, uint32_t place, int base) {
  if (predicate.op == Op::kExists) return TestOf(ArgLookup(place), Present(), HowNumber(predicate));
  const std::optional<Membership> membership = MembershipOf(predicate);
  if (!membership) return NoTable(predicate, kExactOperators);
  if (membership->never) return Constant(false, "it compares with nothing");
  Test test;
  test.complement = membership->complement;
  for (const check::Value& value : predicate.values) {
    if (const auto number = NumberShownAs(value.text, base)) test.ranges.emplace_back(*number, *number);
  }
  if (test.ranges.empty() && !test.complement) return Constant(false, "no number is shown like that");
  test.ranges = JoinRanges(std::move(test.ranges));
  return TestOf(ArgLookup(place), std::move(test), HowNumber(predicate));
}

bool HasNonDigit(const check::Value& value) {
  return value.text.find_first_not_of("0123456789-") != std::string::npos;
}

// A number shown by its name. `only`: it is absent when it has none; else it is shown in decimal, which no
// text with a letter can be a part of.
Lowered LowerNamedNumber(const Predicate& predicate, const check::Operand& operand) {
  const bool only = operand.kind == check::OperandKind::kNameOnly;
  const check::NameTable& names = check::NamesOf(operand.names);
  const std::optional<Membership> membership = MembershipOf(predicate);
  const bool negative = predicate.op == Op::kNe;
  const bool plain = predicate.op == Op::kEq || negative || predicate.op == Op::kIn ||
                     predicate.op == Op::kIntersects || predicate.op == Op::kContains ||
                     predicate.op == Op::kStartsWith || predicate.op == Op::kEndsWith;
  Test test;
  test.complement = !only && (negative || predicate.op == Op::kExists);
  if (!only && predicate.op != Op::kExists &&
      (!plain || !AnyValueDecides(predicate) ||
       (!membership && !std::all_of(predicate.values.begin(), predicate.values.end(), HasNonDigit)))) {
    return NoTable(predicate, "`=`, `!=` and `in`, and `contains`, `startswith` and `endswith` with a name");
  }
  for (const check::NamedNumber& named : names) {
    const std::optional<bool> truth = TruthOf(predicate, named.name);
    if (!truth) return NoTable(predicate, "every operator but `pmatch`, `regex` and comparisons of fields");
    const auto number = static_cast<int64_t>(named.number);
    if (*truth != test.complement) test.ranges.emplace_back(number, number);
  }
  std::string never = "no name satisfies it";
  for (const check::Value& value : predicate.values) {
    const std::optional<int64_t> number = only || !membership ? std::nullopt : NumberShownAs(value.text, 10);
    if (!number) continue;
    const auto named = std::find_if(names.begin(), names.end(), [&](const check::NamedNumber& row) {
      return static_cast<int64_t>(row.number) == *number;
    });
    if (named == names.end()) {
      test.ranges.emplace_back(*number, *number);
    } else {
      never = fmt::format("{} is shown as `{}`", value.text, named->name);
    }
  }
  if (test.ranges.empty() && !test.complement) return Constant(false, never);
  test.ranges = JoinRanges(std::move(test.ranges));
  return TestOf(ArgLookup(operand.place), std::move(test), HowNumber(predicate));
}

// ---- ends of a connection
// -----------------------------------------------------------------------------------------

// The members alone, whatever the polarity.
struct EndSet {
  std::optional<Lowered> settled;
  bool complement = false;
  Test member;
};

EndSet AddressesOf(const Predicate& predicate) {
  EndSet set;
  const std::optional<Membership> membership = MembershipOf(predicate);
  if (!membership) return {NoTable(predicate, kExactOperators), false, {}};
  if (membership->never) return {Constant(false, "it compares with nothing"), false, {}};
  set.complement = membership->complement;
  for (const check::Value& value : predicate.values) set.member.nets.push_back(value.net);
  std::vector<check::Net>& nets = set.member.nets.Edit();
  std::sort(nets.begin(), nets.end());
  nets.erase(std::unique(nets.begin(), nets.end()), nets.end());
  return set;
}

Lowered LowerEnd(const Predicate& predicate, uint32_t end) {
  const uint32_t lookup = SLUICE_LOOKUP_NET + end;
  const std::string how = fmt::format("net table of {}", predicate.left.field.Name());
  if (predicate.op == Op::kExists) return TestOf(lookup, Present(), how);
  EndSet set = AddressesOf(predicate);
  if (set.settled) return *std::move(set.settled);
  set.member.complement = set.complement;
  return TestOf(lookup, std::move(set.member), how);
}

Test Negated(Test test) {
  test.negated = !test.negated;
  return test;
}

Test Complement(Test test) {
  test.complement = !test.complement;
  return test;
}

// `pmatch` compares components, and a text as the caller gave it may be relative or have more than one slash between them.
Lowered PathAsGiven(const Predicate& predicate) {
  return InUserSpace(
      Code::N301,
      fmt::format("`{}` is as the caller gave it, which `pmatch` takes for a path of components",
                  predicate.left.field.Name()),
      "the kernel decides `=`, `!=`, `in`, `startswith`, `endswith` and `contains` of it, byte by byte");
}

// The kernel has the name of a UNIX socket. A tuple of addresses has neither a slash nor an `@`, so that
// texts with one of them are not in it.
Lowered LowerSocketName(const Predicate& predicate, uint32_t string) {
  const bool of_unix = std::all_of(
      predicate.values.begin(), predicate.values.end(),
      [](const check::Value& value) { return value.text.find_first_of("/@") != std::string::npos; });
  const std::optional<Membership> membership = MembershipOf(predicate);
  const bool positive = membership ? !membership->complement : predicate.op != Op::kExists;
  if (of_unix && positive && predicate.op == Op::kPmatch) return PathAsGiven(predicate);
  if (of_unix && positive && !predicate.values.empty()) return LowerText(predicate, string);
  return InUserSpace(
      Code::N301, fmt::format("`{}` is made of both addresses", predicate.left.field.Name()),
      "the kernel decides names of UNIX sockets, and addresses with `fd.sip`, `fd.snet`, `fd.sport`");
}

// Either end satisfies it; of `!=` every end that there is, and there is one.
Lowered LowerEither(uint32_t lookup, bool exists, const EndSet& set, std::string how) {
  const uint32_t left = lookup, right = lookup + 1;
  const Test present = Present();
  const Test& member = set.member;
  Lowered lowered;
  lowered.kind = Kind::kAlternatives;
  lowered.how = std::move(how);
  if (exists) {
    lowered.when_true = {{{left, present}}, {{right, present}}};
    lowered.when_false = {{{left, Negated(present)}, {right, Negated(present)}}};
  } else if (!set.complement) {
    lowered.when_true = {{{left, member}}, {{right, member}}};
    lowered.when_false = {{{left, Negated(member)}, {right, Negated(member)}}};
  } else {
    lowered.when_true = {{{left, Complement(member)}, {right, Negated(member)}},
                         {{left, Negated(member)}, {right, Complement(member)}}};
    lowered.when_false = {
        {{left, member}}, {{right, member}}, {{left, Negated(present)}, {right, Negated(present)}}};
  }
  return lowered;
}

Lowered LowerEitherEnd(const Predicate& predicate) {
  const bool exists = predicate.op == Op::kExists;
  EndSet set = exists ? EndSet{} : AddressesOf(predicate);
  if (set.settled) return *std::move(set.settled);
  return LowerEither(SLUICE_LOOKUP_NET, exists, set,
                     fmt::format("net tables of both ends for {}", predicate.left.field.Name()));
}

Lowered LowerEitherNumber(const Predicate& predicate, uint32_t place) {
  const bool exists = predicate.op == Op::kExists;
  EndSet set;
  if (!exists) {
    NumberSet numbers = NumbersOf(predicate);
    if (numbers.settled) return *std::move(numbers.settled);
    set.complement = numbers.test.complement;
    set.member.ranges = std::move(numbers.test.ranges);
  }
  return LowerEither(ArgLookup(place), exists, set,
                     fmt::format("interval tables of both ends for {}", predicate.left.field.Name()));
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

namespace {

// Of a flag that is not: which are, the likely one first.
std::string NoSuchFlag(const check::NameTable& names, std::string_view text) {
  std::vector<std::string_view> known;
  std::string meant;
  for (const check::NamedNumber& flag : names) {
    known.push_back(flag.name);
    if (meant.empty() && text.ends_with(fmt::format("_{}", flag.name))) meant = flag.name;
  }
  if (meant.empty()) meant = diag::NearestSpelling(text, known);
  if (!meant.empty()) meant = fmt::format("; did you mean `{}`?", meant);
  return fmt::format("there is no flag `{}` here{} There are {}", text, meant.empty() ? "." : meant,
                     fmt::join(known, ", "));
}

}  // namespace

Lowered LowerFlagNames(const Predicate& predicate, const check::NameTable& names) {
  if (predicate.op != Op::kContains || !AnyValueDecides(predicate)) return NoTable(predicate, kFlagOperators);
  Test test;
  std::string never = "it compares with nothing";
  for (const check::Value& value : predicate.values) {
    const std::optional<uint64_t> bits = FlagsThatShow(names, value.text);
    if (!bits && value.text == "O_CLOEXEC") {
      return InUserSpace(Code::N301, "`O_CLOEXEC` is a property of the descriptor, which no hook sees",
                         "leave it out: in a running engine it is never there");
    }
    const auto shows = [&](const check::NamedNumber& flag) {
      return flag.name.find(value.text) != std::string_view::npos;
    };
    if (!bits && value.text.find_first_of("| ") == std::string::npos &&
        std::none_of(names.begin(), names.end(), shows)) {
      never = NoSuchFlag(names, value.text);
      continue;
    }
    if (!bits) {
      return InUserSpace(
          Code::N301, fmt::format("`{}` is not the name of a single flag", value.text),
          fmt::format("for `{}` the kernel decides {}", predicate.left.field.Name(), kFlagOperators));
    }
    test.flags |= *bits;
  }
  if (test.flags == 0) return Constant(false, never);
  return TestOf(SLUICE_LOOKUP_BITS, std::move(test), "flag bit");
}

Lowered LowerNumber(const Predicate& predicate, uint32_t number) {
  if (predicate.op == Op::kExists) {
    return Constant(true, fmt::format("`{}` is always there", predicate.left.field.Name()));
  }
  NumberSet numbers = NumbersOf(predicate);
  if (numbers.settled) return *std::move(numbers.settled);
  return TestOf(SLUICE_LOOKUP_INT + number, std::move(numbers.test), HowNumber(predicate));
}

Lowered LowerOperand(const Predicate& predicate, const check::Operand& operand) {
  using check::OperandKind;
  switch (operand.kind) {
    case OperandKind::kText:
      return predicate.op == Op::kPmatch && check::IsAsGiven(operand) ? PathAsGiven(predicate)
                                                                      : LowerText(predicate, operand.place);
    case OperandKind::kDirectory:
      return LowerText(predicate, SLUICE_STR_DIRECTORY);
    case OperandKind::kBaseName:
      return LowerBaseName(predicate, operand.place);
    case OperandKind::kNumber:
      return LowerArgNumber(predicate, operand.place);
    case OperandKind::kDecimal:
      return LowerShownNumber(predicate, operand.place, 10);
    case OperandKind::kHex:
      return LowerShownNumber(predicate, operand.place, 16);
    case OperandKind::kFlags:
      return LowerFlagNames(predicate, check::NamesOf(operand.names));
    case OperandKind::kName:
    case OperandKind::kNameOnly:
      return LowerNamedNumber(predicate, operand);
    case OperandKind::kSocketName:
      return LowerSocketName(predicate, operand.place);
    case OperandKind::kHostNames:
      return InUserSpace(Code::N302, "what a host name stands for is known in user space only",
                         "compare the address or its net");
    case OperandKind::kEnd:
      return LowerEnd(predicate, operand.place);
    case OperandKind::kEitherEnd:
      return LowerEitherEnd(predicate);
    case OperandKind::kEitherNumber:
      return LowerEitherNumber(predicate, operand.place);
  }
  return {};
}

}  // namespace sluice::split
