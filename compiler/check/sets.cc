#include "compiler/check/sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "compiler/check/operators.h"
#include "compiler/check/terms.h"

namespace sluice::check {
namespace {

using diag::Code;

enum class Family : uint8_t { kText, kNumber, kAddress, kNone };

Family FamilyOf(Type type) {
  switch (type) {
    case Type::kString:
    case Type::kPath:
      return Family::kText;
    case Type::kInt:
      return Family::kNumber;
    case Type::kAddress:
    case Type::kNet:
      return Family::kAddress;
    default:
      return Family::kNone;
  }
}

std::string_view NameOf(Family family) {
  return family == Family::kText ? "text" : family == Family::kNumber ? "numbers" : "addresses";
}

// A path begins with a slash and a name has none; no event counts so far; nothing has an address in the part of 100::/64
// whose packets are discarded.
constexpr std::string_view kEmptyText = "(empty)/", kEmptyAddress = "100::5c1:";
constexpr int64_t kEmptyNumber = int64_t{1} << 62, kMostSets = 1 << 16;

// Two sets that are empty are not the same one: the placeholder says which. A text is as short as a process's name.
std::string PlaceholderOf(Family family, int64_t set) {
  if (family == Family::kNumber) return std::to_string(kEmptyNumber + set);
  return fmt::format("{}{:x}", family == Family::kText ? kEmptyText : kEmptyAddress, set);
}

bool FindUse(const ast::Then& then, FieldUse& use) {
  std::optional<std::string_view> argument;
  if (then.field.argument) argument = then.field.argument->text;
  return ResolveField(then.field.name.text, argument, use) == FieldFault::kNone;
}

ast::Word MemberOf(std::string text) { return {std::move(text), {}, true}; }

}  // namespace

void AddMembers(const SetMembers& members, ast::RuleSet& rules) {
  std::map<std::string, Family> sets;
  for (const ast::Rule& rule : rules.rules) {
    FieldUse use;
    if (rule.then && FindUse(*rule.then, use)) sets.try_emplace(rule.then->set.text, FamilyOf(use.type()));
  }
  int64_t number = 0;
  for (const auto& [name, family] : sets) {
    if (family == Family::kNone) continue;
    auto list = std::find_if(rules.lists.begin(), rules.lists.end(),
                             [&set = name](const ast::List& known) { return known.name.text == set; });
    if (list == rules.lists.end()) {
      rules.lists.emplace_back().name.text = name;
      list = std::prev(rules.lists.end());
    }
    list->items.push_back(MemberOf(PlaceholderOf(family, number++ % kMostSets)));
    const auto more = members.find(name);
    if (more == members.end()) continue;
    for (const std::string& member : more->second) list->items.push_back(MemberOf(member));
  }
}

bool AsksASet(const Predicate& predicate) {
  const bool list = IsListOperator(predicate.op) || predicate.quantifier != ast::Quantifier::kNone;
  return list && std::any_of(predicate.values.begin(), predicate.values.end(), [](const Value& value) {
           return value.text.starts_with(kEmptyText) || value.text.starts_with(kEmptyAddress) ||
                  (value.number >= kEmptyNumber && value.number < kEmptyNumber + kMostSets);
         });
}

bool ResolveThen(const ast::Then& then, diag::Diagnostics& diagnostics, FieldUse& use) {
  if (!ResolveUse(then.field, diagnostics, use)) return false;
  const bool single = use.shape() == Shape::kScalar;
  if (single && FamilyOf(use.type()) != Family::kNone) return true;
  auto& fault = diagnostics.Add(
      Code::E212, then.field.span,
      single ? fmt::format("`{}` is of type {}, which a set does not hold", use.Name(), TypeName(use.type()))
             : fmt::format("`{}` has several values", use.Name()));
  fault.help = single
                   ? "a set holds paths, names, numbers or addresses"
                   : "name the one that is meant: `fd.rip` for the other end, `proc.aname[1]` for the parent";
  return false;
}

void CheckSets(const std::vector<Addition>& additions, const PredicateTable& predicates,
               diag::Diagnostics& diagnostics) {
  std::map<std::string_view, std::pair<const ast::Then*, Family>> first;
  for (const auto& [then, use, allowed] : additions) {
    const Family family = FamilyOf(use.type());
    const auto [at, fresh] = first.try_emplace(then.set.text, std::pair(&then, family));
    if (fresh || at->second.second == family) continue;
    auto& fault = diagnostics.Add(Code::E212, then.field.span,
                                  fmt::format("`{}` adds {} to the set `{}`, which holds {}", use.Name(),
                                              NameOf(family), then.set.text, NameOf(at->second.second)));
    fault.others.push_back({at->second.first->field.span, "by this rule"});
    fault.help = "use two sets";
  }
  std::set<std::string_view> asked;
  for (const PredicateTable::SetUse& use : predicates.set_uses()) {
    asked.insert(use.set);
    const auto adds = first.find(use.set);
    if (adds == first.end() || FamilyOf(use.left.type) == adds->second.second) continue;
    auto& fault =
        diagnostics.Add(Code::E212, use.span,
                        fmt::format("`{}` is of type {}, and the set `{}` holds {}", TermText(use.left),
                                    TypeName(use.left.type), use.set, NameOf(adds->second.second)));
    fault.others.push_back({adds->second.first->field.span, "which this rule adds"});
    fault.help = "use two sets, or ask about the field that is added";
  }
  for (const auto& [then, use, allowed] : additions) {
    const std::string& set = then.set.text;
    if (asked.count(set) != 0 || IsAllowed(allowed, Code::W219)) continue;
    auto& warning = diagnostics.Add(Code::W219, then.set.span,
                                    fmt::format("No rule asks whether a value is in `{}`", set));
    warning.help = fmt::format("write a rule with `{} in ({})`, or remove the key", use.Name(), set);
  }
}

}  // namespace sluice::check
