#include "tests/differential/kernel_truth.h"

#include <algorithm>

#include "tests/differential/vocabulary.h"

namespace sluice::differential {
namespace {

using naive::Truth;

// The text of a lookup: nothing when absent.
std::optional<std::string> TextOf(uint32_t string, const EventCase& event) {
  switch (string) {
    case SLUICE_STR_NAME:
      return event.image.name;
    case SLUICE_STR_EXEPATH:
      return event.image.exepath;
    case SLUICE_STR_PATH:
      return event.path;
    case SLUICE_STR_TARGET:
      return event.target;
    case SLUICE_STR_TEXT:
      return event.text;
    default:
      return event.path ? std::optional<std::string>(DirectoryOf(*event.path)) : std::nullopt;
  }
}

bool IsUnknown(uint32_t string, const EventCase& event) {
  if (string == SLUICE_STR_EXEPATH) return event.exepath_unknown;
  return (string == SLUICE_STR_PATH || string == SLUICE_STR_DIRECTORY) && event.path_unknown;
}

// A prefix that ends with NUL stands for the whole text.
bool HasText(const std::vector<std::string>& strings, uint32_t mode, const std::string& value) {
  const std::string terminated = value + '\0';
  return std::any_of(strings.begin(), strings.end(), [&](const std::string& string) {
    if (mode == SLUICE_MODE_EXACT) return string == value;
    if (mode == SLUICE_MODE_PREFIX) return terminated.compare(0, string.size(), string) == 0;
    if (mode == SLUICE_MODE_CONTAINS) return value.find(string) != std::string::npos;
    return value.size() >= string.size() &&
           value.compare(value.size() - string.size(), string.size(), string) == 0;
  });
}

bool Result(const split::Test& test, bool present, bool member) {
  return test.negated != (present && (test.complement != member));
}

bool TextTruth(const split::Test& test, uint32_t mode, const std::optional<std::string>& text) {
  return Result(test, text.has_value(), text && HasText(test.strings, mode, *text));
}

Truth LineageTruth(const split::Test& test, uint32_t level, const split::Partition& partition,
                   const EventCase& event) {
  if (!event.lineage_known) return Truth::kUnknown;
  const split::KernelCondition& atom = partition.atoms[*test.atom];
  bool member = false;
  for (size_t i = 0; i < event.ancestors.size(); ++i) {
    if (level == 0 || level == i + 1) member = member || ImageHas(atom, event.ancestors[i]);
  }
  return Known(Result(test, true, member));
}

Truth TestTruth(uint32_t lookup, const split::Test& test, const split::Partition& partition,
                const EventCase& event) {
  if (lookup == SLUICE_LOOKUP_TYPE) {
    const bool member = std::find(test.types.begin(), test.types.end(), event.type) != test.types.end();
    return Known(Result(test, event.type != check::kNoType, member));
  }
  if (lookup == SLUICE_LOOKUP_BITS) return Known(Result(test, true, (event.flags & test.flags) != 0));
  if (lookup < SLUICE_LOOKUP_LINEAGE) {
    const int64_t numbers[] = {event.uid,       event.gid,    event.loginuid, SLUICE_ABSENT_INT,
                               event.cgroup_id, event.mnt_ns, event.pid_ns,   event.uptime_s};
    const uint32_t subject = lookup - SLUICE_LOOKUP_INT;
    const int64_t number =
        subject < SLUICE_INT_ARG ? numbers[subject] : event.numbers[subject - SLUICE_INT_ARG];
    const bool present = number != SLUICE_ABSENT_INT;
    const bool member = std::any_of(test.ranges.begin(), test.ranges.end(), [&](const auto& range) {
      return range.first <= number && number <= range.second;
    });
    return Known(Result(test, present, member));
  }
  if (lookup < SLUICE_LOOKUP_NET) return LineageTruth(test, lookup - SLUICE_LOOKUP_LINEAGE, partition, event);
  const uint32_t string = (lookup - SLUICE_LOOKUP_STRING) / SLUICE_MODES;
  if (IsUnknown(string, event)) return Truth::kUnknown;
  return Known(TextTruth(test, (lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES, TextOf(string, event)));
}

}  // namespace

Truth Known(bool truth) { return truth ? Truth::kTrue : Truth::kFalse; }

Truth Not(Truth a) { return a == Truth::kUnknown ? a : Known(a == Truth::kFalse); }

Truth And(Truth a, Truth b) {
  if (a == Truth::kFalse || b == Truth::kFalse) return Truth::kFalse;
  return a == Truth::kTrue && b == Truth::kTrue ? Truth::kTrue : Truth::kUnknown;
}

Truth Or(Truth a, Truth b) { return Not(And(Not(a), Not(b))); }

bool ImageHas(const split::KernelCondition& atom, const Image& image) {
  return std::all_of(atom.begin(), atom.end(), [&](const split::AnyOf& any_of) {
    const uint32_t string = (any_of.lookup - SLUICE_LOOKUP_STRING) / SLUICE_MODES;
    const uint32_t mode = (any_of.lookup - SLUICE_LOOKUP_STRING) % SLUICE_MODES;
    const std::optional<std::string> text = string == SLUICE_STR_NAME ? image.name : image.exepath;
    return std::any_of(any_of.tests.begin(), any_of.tests.end(),
                       [&](const split::Test& test) { return TextTruth(test, mode, text); });
  });
}

Truth TruthOf(const split::KernelCondition& condition, const split::Partition& partition,
              const EventCase& event) {
  Truth all = Truth::kTrue;
  for (const split::AnyOf& any_of : condition) {
    Truth any = Truth::kFalse;
    for (const split::Test& test : any_of.tests)
      any = Or(any, TestTruth(any_of.lookup, test, partition, event));
    all = And(all, any);
  }
  return all;
}

}  // namespace sluice::differential
