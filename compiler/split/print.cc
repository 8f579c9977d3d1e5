// The partition as text: atoms, then each hook's bits with the rules behind them.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <limits>

#include "compiler/check/operand.h"
#include "compiler/split/condition.h"
#include "compiler/split/open_flags.h"
#include "compiler/split/partition.h"

namespace sluice::split {
namespace {

constexpr size_t kMaxShown = 20;
constexpr std::string_view kStrings[] = {"proc.name",    "proc.exepath", "fd.name",
                                         "fd.directory", "target",       "text"};
constexpr std::string_view kCapabilitySets[] = {"cap_effective", "cap_permitted", "cap_inheritable"};
constexpr std::string_view kModes[] = {"exact", "prefix", "suffix", "contains"};
constexpr std::string_view kInts[] = {"user.uid",       "group.gid",   "user.loginuid", "evt.rawres",
                                      "proc.cgroup_id", "proc.mnt_ns", "proc.pid_ns",   "evt.uptime.s"};

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\0') {
      out += "\\0";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

// "(a b c)", cut when there are many.
template <typename List, typename Show>
std::string Listed(const List& list, const Show& show) {
  std::string out = "(";
  size_t shown = 0;
  for (const auto& item : list) {
    if (shown != 0) out += ' ';
    if (shown++ == kMaxShown) return out + fmt::format("... {} more)", list.size() - kMaxShown);
    out += show(item);
  }
  return out + ')';
}

std::string RangeText(const std::pair<int64_t, int64_t>& range) {
  const auto& [first, last] = range;
  if (first == last) return fmt::format("{}", first);
  return fmt::format("{}..{}", first == std::numeric_limits<int64_t>::min() ? "" : fmt::format("{}", first),
                     last == std::numeric_limits<int64_t>::max() ? "" : fmt::format("{}", last));
}

// The names that the hook's flags have.
const check::NameTable& NamesAt(check::HookId hook) {
  if (hook == SLUICE_HOOK_FILE_OPEN) return OpenFlags();
  for (const check::Operand& operand : check::Operands()) {
    if (operand.kind == check::OperandKind::kFlags && (operand.hooks >> hook & 1) != 0)
      return check::NamesOf(operand.names);
  }
  return check::NamesOf(check::Names::kNone);
}

std::string FlagText(check::HookId hook, const Test& test) {
  uint64_t flags = test.flags;
  static constexpr std::pair<uint64_t, std::string_view> kNames[] = {
      {SLUICE_FLAG_READ, "open-read"},      {SLUICE_FLAG_WRITE, "open-write"},
      {SLUICE_FLAG_EXEC, "open-exec"},      {SLUICE_FLAG_CREATED, "created"},
      {SLUICE_FLAG_MEMFD, "exe-memfd"},     {SLUICE_FLAG_DELETED, "exe-deleted"},
      {SLUICE_FLAG_UPPER, "exe-upper"},     {SLUICE_FLAG_CONTAINER, "container"},
      {SLUICE_FLAG_HOST, "host"},           {SLUICE_FLAG_CLIMBS, "climbs"},
      {SLUICE_FLAG_DIRECTORY, "directory"},
  };
  std::string out;
  const auto add = [&](uint64_t bit, std::string_view name) {
    if (bit == 0 || (flags & bit) == 0) return;
    if (!out.empty()) out += '|';
    out += name;
    flags &= ~bit;
  };
  const bool of_event = test.word == SLUICE_WORD_EVENT;
  if (of_event) {
    for (const auto& [bit, name] : kNames) add(bit, name);
  }
  const check::NameTable& flag_names = of_event ? NamesAt(hook) : check::NamesOf(check::Names::kCapabilities);
  for (const check::NamedNumber& flag : flag_names) add(flag.number, flag.name);
  if (flags != 0) out += fmt::format("{}{:#x}", out.empty() ? "" : "|", flags);
  return out;
}

std::string NetText(const check::Net& net) {
  char text[INET6_ADDRSTRLEN] = "";
  const uint8_t* bytes = net.address.bytes.data();
  inet_ntop(net.address.v4 ? AF_INET : AF_INET6, net.address.v4 ? bytes + 12 : bytes, text, sizeof text);
  return net.prefix == (net.address.v4 ? 32 : 128) ? text : fmt::format("{}/{}", text, net.prefix);
}

std::string MembersText(const Test& test) {
  if (!test.types.empty())
    return Listed(test.types, [](check::EventType type) { return check::EventName(type); });
  if (!test.ranges.empty()) return Listed(test.ranges, RangeText);
  if (!test.nets.empty()) return Listed(test.nets, NetText);
  return Listed(test.strings, Quote);
}

std::string TestText(check::HookId hook, uint32_t lookup, const Test& test) {
  const std::string name = lookup == SLUICE_LOOKUP_BITS && test.word != SLUICE_WORD_EVENT
                               ? std::string(kCapabilitySets[test.word - 1])
                               : LookupName(lookup);
  std::string text;
  if (test.atom) {
    text = fmt::format("{} has atom {}", name, *test.atom);
  } else if (test.flags != 0) {
    text = fmt::format("{} {} {}", name, test.complement ? "without" : "with", FlagText(hook, test));
    return test.negated ? "not " + text : text;
  } else if (test.complement && test.strings.empty() && test.ranges.empty() && test.types.empty() &&
             test.nets.empty()) {
    text = name + " present";
  } else {
    text = fmt::format("{} {} {}", name, test.complement ? "other than" : "in", MembersText(test));
  }
  return test.negated ? "not " + text : text;
}

std::string ConditionText(check::HookId hook, const KernelCondition& condition) {
  if (condition.empty()) return "every event";
  std::string out;
  for (const AnyOf& any_of : condition) {
    if (!out.empty()) out += " and ";
    if (any_of.tests.size() > 1) out += '(';
    for (size_t i = 0; i < any_of.tests.size(); ++i) {
      if (i != 0) out += " or ";
      out += TestText(hook, any_of.lookup, any_of.tests[i]);
    }
    if (any_of.tests.size() > 1) out += ')';
  }
  return out;
}

void AppendHook(const Partition& partition, const HookPartition& hook, std::string& out) {
  const check::CheckedRules& checked = partition.normal.checked;
  out += fmt::format("hook {}\n", check::FindHook(hook.hook)->name);
  size_t next = 0;
  for (uint32_t bit = 0; bit < hook.bits.size(); ++bit) {
    out += fmt::format("  bit {}: {}\n", bit, ConditionText(hook.hook, hook.bits[bit]));
    for (; next < hook.entries.size() && hook.entries[next].bit == bit; ++next) {
      const Entry& entry = hook.entries[next];
      const std::string name = Quote(checked.rules[entry.rule].rule.name.text);
      if (entry.judge_whole) {
        out += fmt::format("    {}: its whole condition\n", name);
      } else if (entry.residue.kind == norm::Condition::Kind::kTrue) {
        out += fmt::format("    {}: exact\n", name);
      } else {
        out += fmt::format("    {}: {}\n", name, OneLine(entry.residue, checked));
      }
    }
  }
}

}  // namespace

std::string LookupName(uint32_t lookup) {
  if (lookup == SLUICE_LOOKUP_TYPE) return "type";
  if (lookup == SLUICE_LOOKUP_BITS) return "flags";
  if (lookup < SLUICE_LOOKUP_LINEAGE) {
    const uint32_t number = lookup - SLUICE_LOOKUP_INT;
    if (number >= SLUICE_INT_ARG) return fmt::format("number/{}", number - SLUICE_INT_ARG);
    return number < std::size(kInts) ? std::string(kInts[number]) : fmt::format("int/{}", number);
  }
  if (lookup < SLUICE_LOOKUP_NET) {
    const uint32_t level = lookup - SLUICE_LOOKUP_LINEAGE;
    return level == 0 ? "ancestors/any" : fmt::format("ancestors/{}", level);
  }
  if (lookup < SLUICE_LOOKUP_STRING) return lookup == SLUICE_LOOKUP_NET ? "ends/local" : "ends/remote";
  const uint32_t text = lookup - SLUICE_LOOKUP_STRING;
  return fmt::format("{}/{}", kStrings[text / SLUICE_MODES], kModes[text % SLUICE_MODES]);
}

std::string Print(const Partition& partition) {
  std::string out;
  for (const HookPartition& hook : partition.hooks) {
    if (!out.empty()) out += '\n';
    if (hook.hook == SLUICE_HOOK_IMAGE) {
      for (uint32_t atom = 0; atom < hook.bits.size(); ++atom) {
        out += fmt::format("atom {}: {}\n", atom, ConditionText(hook.hook, hook.bits[atom]));
      }
    } else {
      AppendHook(partition, hook, out);
    }
  }
  return out;
}

}  // namespace sluice::split
